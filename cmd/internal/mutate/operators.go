package main

import (
	"go/ast"
	"go/token"
	"strings"
)

// An operator is a kind of fault. These are the operators:
//
//	negate-if, negate-for    the condition is negated
//	negate-==, negate-!=     a comparison inside of a larger expression is negated
//	boundary-<, and <= > >=  < becomes <=, <= becomes <, and > and >= likewise
//	swap-&&, swap-||         && becomes ||, and || becomes &&
//	drop-call, drop-assign, drop-incdec, drop-defer, drop-go, drop-send,
//	drop-break, drop-continue, drop-goto, drop-return
//	                         the statement is removed
//	drop-case                a case of a switch without a tag never applies
//	early-return             the function does nothing
//
// A call of panic, a declaration and a return with values are never removed, because the package
// might not compile without them.

// boundary has the operator that replaces each operator of a bound.
var boundary = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR,
}

// walk puts the mutants of n, and of the nodes inside n, into the source.
func (in *instrumenter) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.GenDecl:
			return x.Tok == token.VAR // a constant must stay constant
		case *ast.ArrayType:
			return false // the length of an array must stay constant
		case *ast.FuncDecl:
			in.funcDecl(x)
		case *ast.FuncLit:
			in.body(x.Type, x.Body)
		case *ast.IfStmt:
			in.maybe(x.Init)
			in.condition("negate-if", x.Cond)
			in.walk(x.Body)
			in.maybe(x.Else)
		case *ast.ForStmt:
			in.maybe(x.Init)
			if x.Cond != nil {
				in.condition("negate-for", x.Cond)
			}
			in.maybe(x.Post)
			in.walk(x.Body)
		case *ast.SwitchStmt:
			in.maybe(x.Init)
			if x.Tag != nil {
				in.walk(x.Tag)
			}
			for _, clause := range x.Body.List {
				in.clause(clause.(*ast.CaseClause), x.Tag == nil)
			}
		case *ast.BlockStmt:
			in.statements(x.List)
		case *ast.CaseClause: // of a type switch
			in.statements(x.Body)
		case *ast.CommClause:
			in.maybe(x.Comm)
			in.statements(x.Body)
		case *ast.BinaryExpr:
			in.binary(x, true)
		default:
			return true
		}
		return false
	})
}

// maybe walks a statement that may be nil.
func (in *instrumenter) maybe(s ast.Stmt) {
	if s != nil {
		in.walk(s)
	}
}

func (in *instrumenter) funcDecl(f *ast.FuncDecl) {
	if f.Body == nil {
		return
	}
	if f.Type.Results == nil && len(f.Body.List) > 1 { // drop makes the mutant for one statement
		in.insert(f.Body.Lbrace+1, " if "+in.add("early-return", f.Name)+" { return };")
	}
	in.body(f.Type, f.Body)
}

func (in *instrumenter) body(t *ast.FuncType, body *ast.BlockStmt) {
	outer := in.returns
	in.returns = t.Results != nil
	in.walk(body)
	in.returns = outer
}

func (in *instrumenter) statements(list []ast.Stmt) {
	for _, s := range list {
		if op := in.drop(s); op != "" {
			in.wrap(s, "if !"+in.add(op, s)+" { ", " }", func() { in.walk(s) })
		} else {
			in.walk(s)
		}
	}
}

// drop returns the operator that removes s, or "" if the package might not compile without s.
func (in *instrumenter) drop(s ast.Stmt) string {
	switch x := s.(type) {
	case *ast.ExprStmt:
		if c, ok := x.X.(*ast.CallExpr); !ok || !isNamed(c.Fun, "panic") {
			return "drop-call"
		}
	case *ast.AssignStmt:
		switch {
		case x.Tok == token.DEFINE:
		case !isNamed(x.Lhs[0], "_"):
			return "drop-assign"
		case isCall(x.Rhs[0]):
			return "drop-call"
		}
	case *ast.IncDecStmt:
		return "drop-incdec"
	case *ast.DeferStmt:
		return "drop-defer"
	case *ast.GoStmt:
		return "drop-go"
	case *ast.SendStmt:
		return "drop-send"
	case *ast.BranchStmt:
		if x.Tok != token.FALLTHROUGH {
			return "drop-" + x.Tok.String()
		}
	case *ast.ReturnStmt:
		if !in.returns {
			return "drop-return"
		}
	}
	return ""
}

func isNamed(e ast.Expr, name string) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == name
}

func isCall(e ast.Expr) bool {
	_, ok := e.(*ast.CallExpr)
	return ok
}

func (in *instrumenter) clause(c *ast.CaseClause, tagless bool) {
	for _, e := range c.List {
		if tagless {
			in.wrap(e, "!"+in.add("drop-case", e)+" && (", ")", func() { in.walk(e) })
		} else {
			in.walk(e)
		}
	}
	in.statements(c.Body)
}

func (in *instrumenter) condition(op string, cond ast.Expr) {
	in.wrap(cond, "("+in.add(op, cond)+" != (", "))", func() {
		if x, ok := cond.(*ast.BinaryExpr); ok {
			in.binary(x, false)
		} else {
			in.walk(cond)
		}
	})
}

// binary puts the mutants of x into the source. It makes a negation only if negate is true: if x
// is a whole condition, its negation is a mutant already.
func (in *instrumenter) binary(x *ast.BinaryExpr, negate bool) {
	operands := func() {
		in.walk(x.X)
		in.walk(x.Y)
	}
	op := x.Op.String()
	switch x.Op {
	case token.LAND, token.LOR: // a || b is !(!a && !b)
		is := in.add("swap-"+op, x)
		negated := func(e ast.Expr) { in.wrap(e, "("+is+" != (", "))", func() { in.walk(e) }) }
		in.wrap(x, "("+is+" != (", "))", func() {
			negated(x.X)
			negated(x.Y)
		})
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		mutant := "(" + in.sourceOf(x.X) + ") " + boundary[x.Op].String() + " (" + in.sourceOf(x.Y) + ")"
		if strings.Contains(mutant, "\n") { // the lines below would get other numbers
			operands()
			return
		}
		is := in.add("boundary-"+op, x)
		in.wrap(x, "("+is+" && ("+mutant+") || !"+is+" && (", "))", operands)
	case token.EQL, token.NEQ:
		if !negate {
			operands()
			return
		}
		in.wrap(x, "("+in.add("negate-"+op, x)+" != (", "))", operands)
	default:
		operands()
	}
}
