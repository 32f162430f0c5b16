package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// A mutant is one small fault put into a package.
type mutant struct {
	id   int    // what TAKT_MUTANT chooses it by, from 1
	pkg  string // the folder of its package, below the module's
	file string // below the module's folder
	line int
	in   string // the function that it is in
	op   string // the operator
	text string // the source that the operator changes, in one line
	nth  int    // among the mutants that are the same in all of the above but line, from 1

	equivalent bool // listed as such
}

// key names a mutant apart from its line, so that it keeps its name when code above it
// changes.
func (m mutant) key() string { return m.file + ": " + m.rest() }

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.rest()) }

func (m mutant) rest() string {
	rest := m.in + ": " + m.op + ": " + m.text
	if m.nth > 1 {
		rest += fmt.Sprintf(" #%d", m.nth)
	}
	return rest
}

// An instrumenter writes all mutants of some files into their source, where each waits
// for the function of [chooser] to choose it. It keeps every line where it is.
type instrumenter struct {
	mutants []mutant
	same    map[string]int // how many mutants there are of a key without its number

	// Of the file at hand.
	pkg, name  string
	source     []byte
	files      *token.FileSet
	function   *ast.FuncDecl
	returns    bool // the function or function literal at hand has results
	insertions []insertion
}

// An insertion is text to be put into the source.
type insertion struct {
	at   int // offset
	text string
}

// chosen is the name of the function that asks whether a mutant is the chosen one.
const chosen = "mutantChosen"

// file returns the source of a file with its mutants in it.
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

// apply puts the insertions into the source. Those for one place keep the order in which
// they were made, which is right as wrap makes them.
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

// wrap puts text around a node whose inside is instrumented by inside. That is called
// in between, so that what ends at the same place ends in the right order.
func (in *instrumenter) wrap(n ast.Node, before, after string, inside func()) {
	in.insert(n.Pos(), before)
	inside()
	in.insert(n.End(), after)
}
