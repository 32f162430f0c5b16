// Package house tests the structure of the repository: which package may import which other
// package, and which files and folders are at the top level. It is a package of its own because
// it looks at all the others.
package house

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A room is the place of one package. Its path is below the root of the repository. A path that
// ends in /... is a room for all packages below it.
type room struct {
	path    string
	modules []string // the modules of other authors that it may import
	tests   bool     // only tests may import it
}

// floors has all rooms, from the top floor down. A package may import packages on the floors
// below its own. In a room for several packages, a package may also import the others in the
// room. So no package imports a package on a floor above.
//
// Each package has a room. A new room is a decision: the section "The house" of DESIGN.md lists
// the rooms, too.
var floors = [][]room{
	{{path: "cmd/internal/..."}},
	{{path: "cmd/chat"}, {path: "cmd/loopdemo"}, {path: "cmd/netbench/..."}, {path: "cmd/service", modules: []string{errgroup}}, {path: "cmd/simraft", modules: []string{porcupine}}},
	{{path: "cmd/simraft/kv", modules: []string{raft, raftpb}}},
	{{path: "loop/looptest/sim"}},
	{{path: "loop/looptest"}},
	{{path: "loop/looptest/internal/cause"}, {path: "loop/looptest/internal/scene"}},
	{{path: "loop/trace"}},
	{{path: "task/internal/testkit", modules: []string{goleak, rapid}, tests: true}},
	{{path: "task/host/hosttest"}},
	{{path: "task/host"}},
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

// The modules of other authors. A program that uses takt gets only btree.
const (
	btree  = "github.com/google/btree"
	goleak = "go.uber.org/goleak"
	rapid  = "pgregory.net/rapid"

	errgroup = "golang.org/x/sync/errgroup" // only in the go.mod of cmd/service

	porcupine = "github.com/anishathalye/porcupine" // these only in the go.mod of cmd/simraft
	raft      = "go.etcd.io/raft/v3"
	raftpb    = "go.etcd.io/raft/v3/raftpb"
)

// find returns the room of a package, and its floor, counted from the top. A room for this
// package alone comes before a room for several packages.
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

// A graph has the imports of each package, without the imports of its tests. A package of this
// module is named by its path below the root.
type graph map[string][]string

// faults returns the faults of a graph, as one sentence each, in the order of the packages.
func (g graph) faults() (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	used := map[*room]bool{}
	for _, pkg := range slices.Sorted(maps.Keys(g)) {
		from, floor := find(pkg)
		if from == nil {
			fault("package %s has no room; add it to the table floors in cmd/internal/house/house_test.go, on the right floor, and to DESIGN.md", pkg)
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
			case to == nil: // reported when the loop comes to that package
			case to.tests:
				fault("%s imports %s, which is for tests only", pkg, path)
			case under < floor:
				fault("%s imports %s, which is on a floor above", pkg, path)
			case under == floor && from != to:
				fault("%s imports %s, which is on the same floor", pkg, path)
			}
		}
	}
	for _, rooms := range floors {
		for i := range rooms {
			if !used[&rooms[i]] {
				fault("there is no package for the room %s; remove it from the table floors in cmd/internal/house/house_test.go", rooms[i].path)
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

// wantFault fails the test unless all has exactly one fault, which begins with want. If want is
// empty, all must have no faults.
func wantFault(t *testing.T, all []string, want string) {
	t.Helper()
	if want == "" && all != nil || want != "" && (len(all) != 1 || !strings.HasPrefix(all[0], want)) {
		t.Errorf("the faults are %q, want %q", all, want)
	}
}

// Breaking each of the rules gives a fault.
func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		pkg, path string // the import of path is added to pkg
		want      string
	}{
		"down":                       {"task", "timer", ""},
		"the standard library":       {"task", "net/http", ""},
		"up":                         {"timer", "task", "timer imports task, which is on a floor above"},
		"from above all":             {"loop", "cmd/loopdemo", "loop imports cmd/loopdemo, which is on a floor above"},
		"beside":                     {"task/lock", "task/queue", "task/lock imports task/queue, which is on the same floor"},
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
			for _, rooms := range floors { // a graph without faults
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
	if all := g.faults(); !slices.Contains(all, "there is no package for the room factory; remove it from the table floors in cmd/internal/house/house_test.go") {
		t.Errorf("without package factory: %q", all)
	}
}
