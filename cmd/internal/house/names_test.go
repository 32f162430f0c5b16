package house

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// held has the names of functions, and of this module, that the code has as strings. The compiler
// does not notice when such a function is renamed. So each name has a test that notices. Names
// that the code can derive (runtime.FuncForPC, reflect's PkgPath) are not in the code as strings,
// and not here.
var held = map[string]string{
	"github.com/takt-go/takt/":     "loop.TestNamesOfTheScheduler",
	"loop.(*Loop).drive":           "loop.TestNamesOfTheScheduler",
	"loop.runStack.func1":          "loop.TestNamesOfTheScheduler",
	"loop.(*Task).step":            "loop.TestNamesOfTheScheduler",
	"loop.(*Task).suspendHere":     "loop.TestNamesOfTheScheduler",
	"loop.suspendOn":               "loop.TestNamesOfTheScheduler",
	"loop.suspendFor":              "loop.TestNamesOfTheScheduler",
	"loop.suspendTurn":             "loop.TestNamesOfTheScheduler",
	"loop.(*Loop).unwindStep":      "loop.TestNamesOfTheScheduler",
	"loop.(*Loop).dispatchGuarded": "loop.TestNamesOfTheScheduler",
	"loop.(*Loop).runTimed":        "loop.TestNamesOfTheScheduler",
	"loop.Context":                 "loop.TestContextString", // not the name of a function
	"runtime.gopanic":              "loop.TestNamesOfTheRuntime",
	"runtime.Goexit":               "loop.TestNamesOfTheRuntime",
	"runtime.corostart":            "loop/internal/goroutine.TestCoroutine",
	"runtime.goexit":               "loop/internal/goroutine.TestCoroutine",
	"iter.Pull":                    "loop/looptest.TestWatchdogTellsWhatBlocks",
}

var (
	function = regexp.MustCompile(`^([\w/]*/)?(runtime|iter|testing|reflect|context|loop|task|future|factory|timer|lock|queue|host|hosttest|looptest|trace)\.(\(\*?\w+\)\.)?\w[\w.]*$`)
	mention  = regexp.MustCompile(`\b(loop|task|future|factory|timer|lock|queue|host|hosttest|looptest|trace)\.([A-Z]\w*)`)
)

// literals calls f with every string literal in the library's code, without the tests.
func literals(t *testing.T, f func(at, text string)) {
	t.Helper()
	readSource(t, 0, func(pkg, file string, source *ast.File) {
		if r, _ := find(pkg); strings.HasSuffix(file, "_test.go") || strings.HasPrefix(pkg, "cmd/") || r != nil && r.tests {
			return
		}
		ast.Inspect(source, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				f(pkg+"/"+file, text)
			}
			return true
		})
	})
}

// declared returns the names of the functions, types, variables and constants at the top level
// of all files, tests too, with the paths of their packages: loop.New.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	readSource(t, 0, func(pkg, _ string, source *ast.File) {
		for _, d := range source.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[pkg+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[pkg+"."+spec.Name.Name] = true
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							names[pkg+"."+name.Name] = true
						}
					}
				}
			}
		}
	})
	return names
}

func TestNamesInStringsAreHeldByTests(t *testing.T) {
	module, seen, declared := module(t), map[string]bool{}, declared(t)
	literals(t, func(at, text string) {
		if !strings.Contains(text, module) && !function.MatchString(text) {
			return
		}
		seen[text] = true
		if held[text] == "" {
			t.Errorf("%s has the name %q as a string, but no test fails when the name changes; derive it from the function, or write a test and add it to held in cmd/internal/house/names_test.go", at, text)
		}
	})
	for name, by := range held {
		if !seen[name] {
			t.Errorf("the code does not have the name %q any more; remove it from held in cmd/internal/house/names_test.go", name)
		}
		if !declared[by] {
			t.Errorf("the test %s, which should notice a change of the name %q, does not exist", by, name)
		}
	}
}

// Each function or type of the library that a message names exists and is exported.
func TestNamesInMessagesAreExported(t *testing.T) {
	exported := map[string]bool{"loop.Context": true} // the text of a context
	for name := range declared(t) {
		exported[path.Base(name)] = true
	}
	mentions := 0
	literals(t, func(at, text string) {
		for _, name := range mention.FindAllString(text, -1) {
			mentions++
			if !exported[name] {
				t.Errorf("%s names %s, which does not exist: %q", at, name, text)
			}
		}
	})
	if mentions < 20 {
		t.Errorf("only %d names were found in messages, want at least 20", mentions)
	}
}

func TestNamesAreRecognized(t *testing.T) {
	for text, is := range map[string]bool{
		"loop.(*Task).step": true, "loop.Func.Run": true, "runtime.gopanic": true, "testing.(*T).Parallel": true,
		"runtime.": false, "go.mod": false, "loop: a nil context": false, "test.artifacts": false,
		"task/internal/testkit.Main": false, "runtime/pprof": false, "github.com/takt-go/takt/loop.suspend": false,
	} {
		if function.MatchString(text) != is {
			t.Errorf("%q is recognized as the name of a function: %t, want %t", text, !is, is)
		}
	}
	got := mention.FindAllString("use task.Go, loop.Outside(ctx), or a task. Not multitask.Go, task.go", -1)
	if want := []string{"task.Go", "loop.Outside"}; !slices.Equal(got, want) {
		t.Errorf("the names in a message are %q, want %q", got, want)
	}
}
