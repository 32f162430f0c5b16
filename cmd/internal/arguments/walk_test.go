// Package arguments tests the panics and errors of the library for bad arguments. It is a package
// of its own because it imports all the packages that it tests.
package arguments

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
)

// A rule says what one function does with bad arguments. It has a list of calls, or the reason
// why the function has no bad arguments.
type rule struct {
	reason string
	calls  []call
}

// A call is a call with a bad argument: nil, a zero value, a value of another loop, or a closed
// loop.
type call struct {
	with string
	want string // part of the text of the panic or error; empty: the call is harmless
	do   func() error
}

// fine is the rule of a function without bad arguments, with the reason.
func fine(reason string) rule { return rule{reason: reason} }

func bad(calls ...call) rule { return rule{calls: calls} }

// on makes a call that must panic with want in the text.
func on(with, want string, do func()) call {
	return call{with, want, func() error { do(); return nil }}
}

// fails makes a call that must return an error with want in the text.
func fails(with, want string, do func() error) call { return call{with, want, do} }

// harmless makes a call that must not panic.
func harmless(with string, do func()) call { return on(with, "", do) }

// packages has the packages that programs import, by their path below the root of the repository.
var packages = map[string]map[string]rule{
	"timer":         timerRules,
	"loop":          loopRules,
	"loop/lowlevel": lowlevelRules,
	"future":        futureRules,
	"factory":       factoryRules,
	"task":          taskRules,
	"task/lock":     lockRules,
	"task/queue":    queueRules,
	"loop/looptest": looptestRules,
	"loop/trace":    traceRules,
	"task/host":     hostRules,

	"task/host/hosttest": hosttestRules,
	"loop/looptest/sim":  simRules,
}

// Every exported function has a rule, and follows it.
func TestBadArguments(t *testing.T) {
	for dir, rules := range packages {
		known := exported(t, dir)
		for name := range rules {
			if !known[name] {
				t.Errorf("%s: there is a rule for %s, but the package does not export that; remove the rule", dir, name)
			}
		}
		for name := range known {
			r, ok := rules[name]
			if !ok || (r.reason == "") == (r.calls == nil) {
				t.Errorf("%s: %s has no rule; add one that says what it does with nil, a zero value, a value of another loop, and a closed loop", dir, name)
				continue
			}
			for _, c := range r.calls {
				t.Run(dir+"."+name+"/"+c.with, c.test)
			}
		}
	}
}

func (c call) test(t *testing.T) {
	text := said(c.do)
	switch {
	case c.want == "" && text != "":
		t.Errorf("the text is %q, but the call should be harmless", text)
	case !strings.Contains(text, c.want):
		t.Errorf("the text is %q, want %q in it", text, c.want)
	case c.want != "" && !prefix.MatchString(text):
		t.Errorf("the text is %q, want the name of a package at its beginning", text)
	}
}

var prefix = regexp.MustCompile(`^(timer|loop|future|factory|task|lock|queue|looptest|trace|host|hosttest|sim|takt): `)

// said returns the text of the panic or error of a call, or "" if there is none.
func said(do func() error) (text string) {
	defer func() {
		value := recover()
		if p, ok := value.(*loop.PanicError); ok {
			value = p.Value
		}
		if value != nil {
			text = fmt.Sprint(value)
		}
	}()
	if err := do(); err != nil {
		return err.Error()
	}
	return ""
}

// exported returns the names of the exported functions of a package, and of the exported methods
// of its exported types: New, Loop.Post.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../../" + dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	names := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				of := receiver(f.Recv.List[0].Type)
				if !ast.IsExported(of) && of != "core" { // Future embeds core
					continue
				}
				name = of + "." + name
			}
			names[name] = true
		}
	}
	return names
}

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
