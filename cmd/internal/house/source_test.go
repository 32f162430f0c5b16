package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../../.."

// module returns the path of this module, from go.mod.
func module(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	path, ok := strings.CutPrefix(line, "module ")
	if !ok {
		t.Fatalf("go.mod begins with %q", line)
	}
	return path
}

// readSource calls f for each Go file of this module, tests too, with the path of its package,
// the name of the file, and its syntax tree, which is parsed in the given mode.
func readSource(t *testing.T, mode parser.Mode, f func(pkg, file string, source *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name == "testdata" || name[0] == '.' || name[0] == '_'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(dir), d.Name(), source)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readGraph reads the imports of all packages of this module from their source. In contrast to go
// list, it sees files for other platforms, too, and starts no process. A package that has only
// tests has no imports.
func readGraph(t *testing.T) graph {
	t.Helper()
	module, g := module(t), graph{}
	readSource(t, parser.ImportsOnly, func(pkg, file string, source *ast.File) {
		imports := g[pkg]
		if !strings.HasSuffix(file, "_test.go") {
			for _, spec := range source.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				path = strings.TrimPrefix(path, module+"/")
				if !slices.Contains(imports, path) {
					imports = append(imports, path)
				}
			}
		}
		g[pkg] = imports
	})
	return g
}

// readGraph finds some known imports. If it found none, the other tests would find no faults.
func TestGraphOfTheSource(t *testing.T) {
	g := readGraph(t)
	for pkg, path := range map[string]string{
		"timer": btree, "loop": "timer", "future": "loop", "task": "future", "task/lock": "task/internal/waiter",
		"loop/trace": "loop", "loop/looptest": "task", "cmd/loopdemo": "loop/trace",
		"task/internal/testkit": goleak,
	} {
		if !slices.Contains(g[pkg], path) {
			t.Errorf("%s imports %q, want %s among them", pkg, g[pkg], path)
		}
	}
	if imports, ok := g["cmd/internal/house"]; !ok || imports != nil {
		t.Errorf("this package has only tests, but imports %q", imports)
	}
}
