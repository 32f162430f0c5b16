// Package arguments tests what the library says to bad arguments. It is apart from the
// packages that it tests, since it imports all of them.
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

// A rule says what becomes of bad arguments of one function: it is a list of calls, or the
// reason why no argument can be bad.
type rule struct {
	reason string
	calls  []call
}

// A call is one with a bad argument: nil, a zero value, another loop's, a closed loop.
type call struct {
	with string
	want string // in the text of the panic, or of the error; empty: the call is harmless
	do   func() error
}

// fine is the rule of a function to which nothing is a bad argument, for a reason.
func fine(reason string) rule { return rule{reason: reason} }

func bad(calls ...call) rule { return rule{calls: calls} }

// on adds what a call with a bad argument panics with.
func on(with, want string, do func()) call {
	return call{with, want, func() error { do(); return nil }}
}

// fails is on for a function that returns an error.
func fails(with, want string, do func() error) call { return call{with, want, do} }

// harmless is on for what has to do nothing.
func harmless(with string, do func()) call { return on(with, "", do) }

// packages are those that programs import, below the root of the repository.
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
}

// Every exported function has a rule, and what the rule says is so.
func TestBadArguments(t *testing.T) {
	for dir, rules := range packages {
		known := exported(t, dir)
		for name := range rules {
			if !known[name] {
				t.Errorf("%s: there is a rule for %s, which is not exported", dir, name)
			}
		}
		for name := range known {
			r, ok := rules[name]
			if !ok || (r.reason == "") == (r.calls == nil) {
				t.Errorf("%s: %s has no rule; say what it does with nil, a zero value, another loop's thing, a closed loop", dir, name)
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
		t.Errorf("it says %q, and should be harmless", text)
	case !strings.Contains(text, c.want):
		t.Errorf("it says %q, want %q", text, c.want)
	case c.want != "" && !prefix.MatchString(text):
		t.Errorf("it says %q, without the name of a package", text)
	}
}

var prefix = regexp.MustCompile(`^(timer|loop|future|factory|task|lock|queue|looptest|trace|takt): `)

// said returns the text of the panic or error of a call, or nothing.
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

// exported returns the exported functions of a package, and the exported methods of its
// exported types: New, Loop.Post.
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
				if !ast.IsExported(of) && of != "core" { // which Future embeds
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
