package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mutantsOf returns the mutants of a function that has the given result and body.
func mutantsOf(t *testing.T, result, body string) (all []string) {
	t.Helper()
	var in instrumenter
	out, err := in.file("p", "p/f.go", []byte("package p\n\nfunc f() "+result+" {\n"+body+"\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "f.go", out, 0); err != nil {
		t.Errorf("%v in\n%s", err, out)
	}
	for _, m := range in.mutants {
		all = append(all, m.op+": "+m.text)
	}
	return all
}

// This test looks at the instrumented source. testdata/module has code for each operator that is
// also run.
func TestOperators(t *testing.T) {
	for _, c := range []struct {
		result, body string
		want         []string
	}{
		{"", "if ok { g() }", []string{"negate-if: ok", "drop-call: g()"}},
		{"", "if a == b { g() }", []string{"negate-if: a == b", "drop-call: g()"}},
		{"", "if x := g(); x != 0 && y { h() } else if z {}", []string{"negate-if: x != 0 && y", "swap-&&: x != 0 && y", "negate-!=: x != 0", "drop-call: h()", "negate-if: z"}},
		{"", "for i := 0; i < n; i++ {}", []string{"negate-for: i < n", "boundary-<: i < n"}},
		{"", "for { break }", []string{"drop-break: break"}},
		{"", "for range x { continue }", []string{"drop-continue: continue"}},
		{"bool", "return a <= b || c > d", []string{"swap-||: a <= b || c > d", "boundary-<=: a <= b", "boundary->: c > d"}},
		{"bool", "return g(a,\nb) < c", nil}, // the lines below would get other numbers
		{"bool", "return (a == nil) == b", []string{"negate-==: (a == nil) == b", "negate-==: a == nil"}},
		{"", "x = 1\ny += 2\nz++", []string{"early-return: f", "drop-assign: x = 1", "drop-assign: y += 2", "drop-incdec: z++"}},
		{"", "x := 1\n_ = x\n_ = g(x)", []string{"early-return: f", "drop-call: _ = g(x)"}},
		{"", "defer g()\ngo h()\nc <- 1\n<-c", []string{"early-return: f", "drop-defer: defer g()", "drop-go: go h()", "drop-send: c <- 1", "drop-call: <-c"}},
		{"", "defer func() { g(1,\n2) }()", []string{"drop-defer: defer func() { g(1, 2) }()", "drop-call: g(1, 2)"}},
		{"", "panic(g())", nil},
		{"", "return", []string{"drop-return: return"}},
		{"(x int)", "return", nil},
		{"(x int)", "h := func() { return }\nh()\nreturn", []string{"drop-return: return", "drop-call: h()"}},
		{"", "h := func() int { return 1 }\nh()", []string{"early-return: f", "drop-call: h()"}},
		{"", "goto end\nend:\n g()", []string{"early-return: f", "drop-goto: goto end"}},
		{"", "switch { case a: g(); fallthrough; case b, c: }", []string{"drop-case: a", "drop-call: g()", "drop-case: b", "drop-case: c"}},
		{"", "switch x { case a == b: g() }", []string{"negate-==: a == b", "drop-call: g()"}},
		{"", "switch x := y.(type) { case int: g(x) }", []string{"drop-call: g(x)"}},
		{"", "select { case x = <-c: g(x); default: }", []string{"drop-call: g(x)"}},
		{"", "const small = 1 < 2\nvar a [1 << 2]int", []string{"early-return: f"}},
	} {
		if got := mutantsOf(t, c.result, c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s {%s}:\ngot  %q\nwant %q", c.result, c.body, got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	var in instrumenter
	_, err := in.file("p", "p/f.go", []byte(`package p
func (b *box[T]) f() { g(); g() }
func (b pair[K, V]) f() { g() }
func (box) f() { g() }
var x = func() { g() }
`))
	if err != nil {
		t.Fatal(err)
	}
	var keys, lines []string
	for i, m := range in.mutants {
		if m.id != i+1 {
			t.Errorf("mutant %d has the number %d", i+1, m.id)
		}
		keys = append(keys, m.key())
		lines = append(lines, m.String())
	}
	if want := []string{
		"p/f.go: (*box).f: early-return: f",
		"p/f.go: (*box).f: drop-call: g()",
		"p/f.go: (*box).f: drop-call: g() #2",
		"p/f.go: pair.f: drop-call: g()",
		"p/f.go: box.f: drop-call: g()",
		"p/f.go: package: drop-call: g()",
	}; !slices.Equal(keys, want) {
		t.Errorf("keys\n%s", strings.Join(keys, "\n"))
	}
	if want := "p/f.go:2: (*box).f: drop-call: g() #2"; lines[2] != want {
		t.Errorf("%q, want %q", lines[2], want)
	}
}

// In the packages of this module, every line keeps its number, and the instrumented source is
// valid Go.
func TestRealPackages(t *testing.T) {
	var in instrumenter
	root := filepath.Join("..", "..", "..")
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(pkg, err)
		}
		before := len(in.mutants)
		for _, path := range files {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, err := in.file(pkg, filepath.Base(path), source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), path, out, 0); err != nil {
				t.Error(err)
			}
			if a, b := strings.Count(string(source), "\n"), strings.Count(string(out), "\n"); a != b {
				t.Errorf("%s: %d lines have become %d", path, a, b)
			}
		}
		if len(in.mutants) == before {
			t.Errorf("%s has no mutant", pkg)
		}
	}
	if _, err := parseEquivalent(equivalentText); err != nil {
		t.Error(err)
	}
}

func TestEquivalentList(t *testing.T) {
	const a, b = "p/f.go: f: drop-call: g()", "q/r/h.go: f: negate-if: x"
	list, err := parseEquivalent("# why\n\n" + a + "\n\tit only\n\tfrees memory\n" + b + "\n  as above\n")
	if err != nil || !slices.Equal(list, []string{a, b}) {
		t.Fatalf("%q, %v", list, err)
	}
	mutants := []mutant{
		{pkg: "p", file: "p/f.go", line: 7, in: "f", op: "drop-call", text: "g()"},
		{pkg: "p", file: "p/f.go", line: 8, in: "f", op: "drop-call", text: "g()", nth: 2},
	}
	if err := list.mark(mutants, []string{"p"}); err != nil || !mutants[0].equivalent || mutants[1].equivalent {
		t.Errorf("marked %v, %v", mutants, err)
	}
	if err := list.mark(mutants, []string{"p", "q/r"}); fmt.Sprint(err) != "equivalent.txt lists a mutant that does not exist; change or remove it: "+b {
		t.Error(err)
	}
	for text, want := range map[string]string{
		a + "\n" + b + "\n\twhy":              "equivalent.txt:2: the mutant above has no reason",
		a + "\n":                              "equivalent.txt: the last mutant has no reason",
		a + "\n\twhy\n" + a + "\n\tand why\n": "equivalent.txt:3: the mutant is listed twice",
	} {
		if _, err := parseEquivalent(text); fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
