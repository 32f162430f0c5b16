// Package house tests how the repository is built up: which package may import which, and
// what stands at the top level. It is apart from the packages that it looks at, since it
// looks at all of them.
package house

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A room is a place for one package, below the root of the repository; a path that ends in
// /... is a place for all packages below it.
type room struct {
	path    string
	modules []string // of others, which it may import
	tests   bool     // only tests may import it
}

// floors has all rooms, from the top down. A package may import packages on floors below
// its own, and, in a room for several packages, its neighbours. So no package is imported
// by what stands below it.
//
// Each package has a room. A new one is a decision: DESIGN.md, "The house", lists the rooms
// too.
var floors = [][]room{
	{{path: "cmd/internal/..."}},
	{{path: "cmd/loopdemo"}},
	{{path: "loop/looptest"}},
	{{path: "loop/trace"}},
	{{path: "task/internal/testkit", modules: []string{goleak, rapid}, tests: true}},
	{{path: "task/lock"}, {path: "task/queue"}},
	{{path: "task"}},
	{{path: "task/internal/waiter"}},
	{{path: "factory"}},
	{{path: "future"}},
	{{path: "loop/lowlevel"}},
	{{path: "loop"}},
	{{path: "loop/internal/testkit", modules: []string{goleak}, tests: true}},
	{{path: "loop/internal/..."}},
	{{path: "timer", modules: []string{btree}}},
}

// The modules of others. A program that uses takt gets the first one only.
const (
	btree  = "github.com/google/btree"
	goleak = "go.uber.org/goleak"
	rapid  = "pgregory.net/rapid"
)

// find returns the room of a package, and its floor, counted from the top. A room of its
// own comes before one for several packages.
func find(pkg string) (r *room, floor int) {
	for floor, rooms := range floors {
		for i := range rooms {
			if rooms[i].path == pkg {
				return &rooms[i], floor
			}
		}
	}
	for floor, rooms := range floors {
		for i := range rooms {
			if below, ok := strings.CutSuffix(rooms[i].path, "..."); ok && strings.HasPrefix(pkg, below) {
				return &rooms[i], floor
			}
		}
	}
	return nil, 0
}

// A graph says what the files of each package import that are not tests. Packages of this
// module are named by their path below its root.
type graph map[string][]string

// faults returns what is wrong with a graph, a sentence each, in order.
func (g graph) faults() (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	used := map[*room]bool{}
	for _, pkg := range slices.Sorted(maps.Keys(g)) {
		from, floor := find(pkg)
		if from == nil {
			fault("package %s has no room; add it to the table floors in cmd/internal/house/house_test.go, on the floor where it belongs, and to DESIGN.md", pkg)
			continue
		}
		used[from] = true
		for _, path := range slices.Sorted(slices.Values(g[pkg])) {
			if _, here := g[path]; !here {
				if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !slices.Contains(from.modules, path) {
					fault("%s imports %s; the table floors in cmd/internal/house/house_test.go does not allow it", pkg, path)
				}
				continue
			}
			switch to, under := find(path); {
			case to == nil: // it is a fault of its own
			case to.tests:
				fault("%s imports %s, which is for tests only", pkg, path)
			case under < floor:
				fault("%s imports %s, which stands above it", pkg, path)
			case under == floor && from != to:
				fault("%s imports %s, which stands beside it", pkg, path)
			}
		}
	}
	for _, rooms := range floors {
		for i := range rooms {
			if !used[&rooms[i]] {
				fault("there is no package for the room %s; take it out of the table floors in cmd/internal/house/house_test.go", rooms[i].path)
			}
		}
	}
	return all
}

func TestImportsPointDown(t *testing.T) {
	for _, fault := range readGraph(t).faults() {
		t.Error(fault)
	}
}

// wantFault fails the test unless all has one fault, which begins with want, or none if want
// is empty.
func wantFault(t *testing.T, all []string, want string) {
	t.Helper()
	if want == "" && all != nil || want != "" && (len(all) != 1 || !strings.HasPrefix(all[0], want)) {
		t.Errorf("the faults are %q, want %q", all, want)
	}
}

// Each rule can be broken, and says so.
func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		pkg, path string // an import that is added
		want      string
	}{
		"down":                       {"task", "timer", ""},
		"the standard library":       {"task", "net/http", ""},
		"up":                         {"timer", "task", "timer imports task, which stands above it"},
		"from above all":             {"loop", "cmd/loopdemo", "loop imports cmd/loopdemo, which stands above it"},
		"beside":                     {"task/lock", "task/queue", "task/lock imports task/queue, which stands beside it"},
		"neighbours in one room":     {"loop/internal/goroutine", "loop/internal/other", ""},
		"a test kit":                 {"task/lock", "task/internal/testkit", "task/lock imports task/internal/testkit, which is for tests only"},
		"a module":                   {"timer", btree, ""},
		"a module for another":       {"loop", btree, "loop imports github.com/google/btree; the table floors"},
		"a module for tests":         {"task", goleak, "task imports go.uber.org/goleak; the table floors"},
		"a package without a room":   {"task/attic", "", "package task/attic has no room; add it to the table floors"},
		"a program without a room":   {"cmd/attic", "", "package cmd/attic has no room; add it to the table floors"},
		"a room below cmd/internal":  {"cmd/internal/attic", "task", ""},
		"a package of that name":     {"loopback", "", "package loopback has no room"},
		"below a room for one alone": {"timer/wheel", "", "package timer/wheel has no room"},
	} {
		t.Run(name, func(t *testing.T) {
			g := graph{"loop/internal/other": nil}
			for _, rooms := range floors { // a house without faults
				for _, r := range rooms {
					g[strings.Replace(r.path, "...", "goroutine", 1)] = nil
				}
			}
			if all := g.faults(); all != nil {
				t.Fatalf("without the import: %q", all)
			}
			g[c.pkg] = append(g[c.pkg], "fmt")
			if c.path != "" {
				g[c.pkg] = append(g[c.pkg], c.path)
			}
			all := g.faults()
			wantFault(t, all, c.want)
		})
	}
	g := readGraph(t)
	delete(g, "factory")
	if all := g.faults(); !slices.Contains(all, "there is no package for the room factory; take it out of the table floors in cmd/internal/house/house_test.go") {
		t.Errorf("without package factory: %q", all)
	}
}
