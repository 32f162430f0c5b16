package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// A mutant is one small fault in a package.
type mutant struct {
	id   int    // the value of TAKT_MUTANT that chooses the mutant, from 1
	pkg  string // the folder of the package, below the folder of the module
	file string // the path below the folder of the module
	line int
	in   string // the function with the fault
	op   string // the operator
	text string // the source that the operator changes, in one line
	nth  int    // the number among the mutants with the same file, in, op and text, from 1

	equivalent bool // in the list of equivalent mutants
}

// key identifies a mutant without its line, so that the key stays the same when code above the
// mutant changes.
func (m mutant) key() string { return m.file + ": " + m.rest() }

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.rest()) }

func (m mutant) rest() string {
	rest := m.in + ": " + m.op + ": " + m.text
	if m.nth > 1 {
		rest += fmt.Sprintf(" #%d", m.nth)
	}
	return rest
}

// An instrumenter writes all mutants of some files into their source. Each mutant takes effect
// when the function of [chooser] chooses it. All lines of the source keep their numbers.
type instrumenter struct {
	mutants []mutant
	same    map[string]int // the number of mutants with the same key, apart from nth

	// The current file.
	pkg, name  string
	source     []byte
	files      *token.FileSet
	function   *ast.FuncDecl
	returns    bool // the current function or function literal has results
	insertions []insertion
}

// An insertion is a text that is put into the source.
type insertion struct {
	at   int // offset
	text string
}

// chosen is the name of the function that asks whether a mutant is the chosen one.
const chosen = "mutantChosen"

// file returns the source of a file with its mutants.
func (in *instrumenter) file(pkg, name string, source []byte) ([]byte, error) {
	in.pkg, in.name, in.source = pkg, name, source
	in.files, in.insertions = token.NewFileSet(), nil
	f, err := parser.ParseFile(in.files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range f.Decls {
		in.function, _ = decl.(*ast.FuncDecl)
		in.walk(decl)
	}
	return in.apply(), nil
}

// apply puts the insertions into the source. Insertions at the same place keep the order in which
// wrap has made them.
func (in *instrumenter) apply() []byte {
	slices.SortStableFunc(in.insertions, func(a, b insertion) int { return a.at - b.at })
	var out []byte
	last := 0
	for _, x := range in.insertions {
		out = append(append(out, in.source[last:x.at]...), x.text...)
		last = x.at
	}
	return append(out, in.source[last:]...)
}

func (in *instrumenter) offset(p token.Pos) int { return in.files.Position(p).Offset }

func (in *instrumenter) sourceOf(n ast.Node) string {
	return string(in.source[in.offset(n.Pos()):in.offset(n.End())])
}

// add makes a mutant, and returns the expression that is true when it is the chosen one.
func (in *instrumenter) add(op string, of ast.Node) string {
	m := mutant{
		id:   len(in.mutants) + 1,
		pkg:  in.pkg,
		file: in.name,
		line: in.files.Position(of.Pos()).Line,
		in:   "package",
		op:   op,
		text: strings.Join(strings.Fields(in.sourceOf(of)), " "),
	}
	if in.function != nil {
		m.in = functionName(in.function)
	}
	if in.same == nil {
		in.same = map[string]int{}
	}
	in.same[m.key()]++
	m.nth = in.same[m.key()]
	in.mutants = append(in.mutants, m)
	return fmt.Sprintf("%s(%d)", chosen, m.id)
}

// functionName returns the name of a function, with the receiver's type for a method.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	star := ""
	if s, ok := t.(*ast.StarExpr); ok {
		t, star = s.X, "*"
	}
	switch g := t.(type) { // without the type parameters
	case *ast.IndexExpr:
		t = g.X
	case *ast.IndexListExpr:
		t = g.X
	}
	name := t.(*ast.Ident).Name
	if star != "" {
		name = "(*" + name + ")"
	}
	return name + "." + f.Name.Name
}

// insert puts text at a place.
func (in *instrumenter) insert(at token.Pos, text string) {
	in.insertions = append(in.insertions, insertion{in.offset(at), text})
}

// wrap puts text before and after a node, and calls inside, which instruments the inside of the
// node, in between. So texts that end at the same place come in the right order.
func (in *instrumenter) wrap(n ast.Node, before, after string, inside func()) {
	in.insert(n.Pos(), before)
	inside()
	in.insert(n.End(), after)
}
