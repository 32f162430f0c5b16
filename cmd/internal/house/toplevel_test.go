package house

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// These files and folders are at the top level of the repository. Names that begin with a dot are
// allowed there, too. A new package goes into one of the folders.
var (
	topLevel = []string{
		"go.mod", "go.sum", "loop", "task", "future", "timer", "factory", "cmd", "testdata",
		"Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "DESIGN.md", "LICENSE",
	}
)

// topLevelFaults returns the faults of the names at the top level. ignored has the patterns of
// .gitignore.
func topLevelFaults(names, ignored []string) (all []string) {
	for _, name := range names {
		known := slices.Contains(topLevel, name) || name[0] == '.' ||
			slices.ContainsFunc(ignored, func(pattern string) bool {
				match, _ := path.Match(strings.Trim(pattern, "/"), name)
				return match
			})
		if !known {
			all = append(all, name+" is new at the top level of the repository; put it into one of the folders, or add it to topLevel in cmd/internal/house/toplevel_test.go")
		}
	}
	for _, name := range topLevel {
		if !slices.Contains(names, name) {
			all = append(all, name+" is missing at the top level of the repository")
		}
	}
	return all
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	ignored, err := os.ReadFile(root + "/.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range topLevelFaults(names, strings.Split(string(ignored), "\n")) {
		t.Error(fault)
	}
}

func TestTopLevelFaultsAreFound(t *testing.T) {
	ignored := []string{"# What go leaves behind.", "*.test", "/bin/", ""}
	for name, c := range map[string]struct {
		add, drop string
		want      string
	}{
		"nothing":                {"", "", ""},
		"a licence":              {"", "LICENSE", "LICENSE is missing at the top level"},
		"a dot":                  {".ci", "", ""},
		"what git ignores":       {"task.test", "", ""},
		"a folder git ignores":   {"bin", "", ""},
		"a new folder":           {"util", "", "util is new at the top level"},
		"a known name elsewhere": {"task.md", "", "task.md is new at the top level"},
		"a folder that is gone":  {"", "factory", "factory is missing at the top level"},
	} {
		t.Run(name, func(t *testing.T) {
			names := slices.DeleteFunc(slices.Clone(topLevel), func(name string) bool { return name == c.drop })
			if c.add != "" {
				names = append(names, c.add)
			}
			all := topLevelFaults(names, ignored)
			wantFault(t, all, c.want)
		})
	}
}
