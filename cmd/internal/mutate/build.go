package main

import (
	"context"
	"fmt"
	gobuild "go/build"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A built is a copy of the module with the mutants in it, and its compiled tests.
type built struct {
	dir     string // a temporary folder
	mutants []mutant
	suites  []*suite // one for each package with tests

	least time.Duration // the lower bound of the time limits
	alone sync.RWMutex  // a test run locks it for reading; a run that must be alone, for writing
}

func (b *built) remove() { os.RemoveAll(b.dir) }

// build copies the module in root, puts the mutants of the packages into the copy, and
// compiles the tests if compile is true.
func build(ctx context.Context, root string, packages, tests []string, compile bool) (_ *built, err error) {
	b := new(built)
	if b.dir, err = os.MkdirTemp("", "mutate-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.remove()
		}
	}()
	module := filepath.Join(b.dir, "module")
	if err := copyModule(root, module); err != nil {
		return nil, err
	}
	var in instrumenter
	names := map[string]string{} // the names of the packages, by folder
	for _, pkg := range packages {
		if names[pkg], err = in.pack(module, pkg); err != nil {
			return nil, err
		}
	}
	for pkg, name := range names {
		text := fmt.Sprintf(chooser, name, len(in.mutants)+1)
		if err := os.WriteFile(filepath.Join(module, pkg, "mutant_chosen.go"), []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	b.mutants = in.mutants
	if !compile {
		return b, nil
	}
	for i, pkg := range tests {
		s := &suite{pkg: pkg, dir: filepath.Join(module, pkg), binary: filepath.Join(b.dir, fmt.Sprintf("%d.test", i))}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", s.binary, ".")
		cmd.Dir = s.dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("the tests of %s do not compile with the mutants: %w\n%s", pkg, err, text)
		}
		b.suites = append(b.suites, s)
	}
	return b, nil
}

// copyModule copies a module, without files and folders whose name begins with a dot.
func copyModule(from, to string) error {
	if _, err := os.Stat(filepath.Join(from, "go.mod")); err != nil {
		return fmt.Errorf("run mutate in the folder of the module: %w", err)
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(d.Name(), ".") && rel != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o777)
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o666)
	})
}

// pack puts the mutants of a package into its files, and returns the package's name.
func (in *instrumenter) pack(module, pkg string) (name string, err error) {
	dir := filepath.Join(module, pkg)
	p, err := gobuild.ImportDir(dir, 0)
	if err != nil {
		return "", err
	}
	for _, name := range p.GoFiles {
		path := filepath.Join(dir, name)
		source, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		source, err = in.file(pkg, filepath.ToSlash(filepath.Join(pkg, name)), source)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(path, source, 0o666); err != nil {
			return "", err
		}
	}
	return p.Name, nil
}

// These environment variables tell a test binary which mutant is chosen, and into which file it
// writes the numbers of the mutants that it reaches, one on each line.
const (
	chosenVariable  = "TAKT_MUTANT"
	reachedVariable = "TAKT_MUTANT_REACHED"
)

// chooser is the source of a file that is added to each package with mutants. It must be quick
// when nothing is recorded, and must not allocate when a mutant is reached again, because some
// tests count allocations.
const chooser = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantChoice, _ = strconv.Atoi(os.Getenv("` + chosenVariable + `"))
	mutantsReached  = openMutantsReached()
	mutantsKnown    [%d]atomic.Bool
)

func ` + chosen + `(mutant int) bool {
	if mutantsReached != nil {
		reachMutant(mutant)
	}
	return mutant == mutantChoice
}

func openMutantsReached() *os.File {
	path := os.Getenv("` + reachedVariable + `")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		panic(err)
	}
	return f
}

func reachMutant(mutant int) {
	if mutantsKnown[mutant].Load() || mutantsKnown[mutant].Swap(true) {
		return
	}
	if _, err := mutantsReached.WriteString(strconv.Itoa(mutant) + "\n"); err != nil {
		panic(err)
	}
}
`
