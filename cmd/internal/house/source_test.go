package house

import (
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

// module returns the path of this module, as go.mod has it.
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

// readGraph reads the imports of all packages of this module out of their source. Unlike go
// list it also sees files for other platforms, and needs no process of its own. A package
// that has only tests imports nothing.
func readGraph(t *testing.T) graph {
	t.Helper()
	module, g := module(t), graph{}
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
		pkg := filepath.ToSlash(dir)
		imports := g[pkg]
		if !strings.HasSuffix(path, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				of, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				of = strings.TrimPrefix(of, module+"/")
				if !slices.Contains(imports, of) {
					imports = append(imports, of)
				}
			}
		}
		g[pkg] = imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The source says what it is known to say, or no fault would be found in it.
func TestGraphOfTheSource(t *testing.T) {
	g := readGraph(t)
	for pkg, path := range map[string]string{
		"timer": btree, "loop": "timer", "future": "loop", "task": "future", "task/lock": "task/internal/waiter",
		"loop/trace": "loop", "loop/looptest": "task", "cmd/loopdemo": "loop/trace",
		"task/internal/testkit": goleak,
	} {
		if !slices.Contains(g[pkg], path) {
			t.Errorf("%s imports %q, and should import %s", pkg, g[pkg], path)
		}
	}
	if imports, ok := g["cmd/internal/house"]; !ok || imports != nil {
		t.Errorf("this package, which has only tests, imports %q", imports)
	}
}
