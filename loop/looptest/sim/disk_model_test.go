package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/task/host"
)

// This is a model of what a crash may leave. It is written down in another way than the disk is, and it finds all
// outcomes of a program by trying all that can happen.
//
// Files: a file has metadata (its size, and the physical block of each block), a page in memory for each block, and
// physical blocks. After each step of the program, the system may write any page to its physical block, and may
// commit the metadata. A crash leaves the physical blocks, as the committed metadata has them. A truncation gives
// blocks back, and nothing uses them again. A commit first makes the end of a block 0 that a truncation has cut.
//
// Entries: a crash leaves the changes of any subset, if it keeps these rules. Of each entry, it has the first
// changes. A directory that is removed is empty. A file that is moved to another directory can be reached there. Of
// the moves of directories, it has the first ones. The changes of a directory that SyncDir was called for are in it.

// A modelOp is an operation of a program.
type modelOp struct {
	kind   string // create, mkdir, remove, rename, syncdir; write, truncate, sync, fail
	a, b   string
	off, n int
}

func (o modelOp) String() string { return fmt.Sprintf("%s %s %s %d %d", o.kind, o.a, o.b, o.off, o.n) }

// A model is what a program has done.
type model struct {
	nodes   []*modelNode // the first one is the root
	changes []modelChange
	text    byte
}

type modelNode struct {
	dir     bool
	entries map[string]int
	file    *modelFile
}

type modelPlace struct {
	dir  int
	name string
}

type modelChange struct {
	kind     string
	node     int
	from, to modelPlace // from has no name, unless it is a rename
	found    int        // what was at to, or -1
	must     bool
}

func newModel() *model { return &model{nodes: []*modelNode{{dir: true, entries: map[string]int{}}}} }

// at returns the place of a path, and what is there, or -1. ok tells whether its directory is there.
func (m *model) at(name string) (at modelPlace, node int, ok bool) {
	dir, base := path.Split(name)
	if dir != "" {
		var found bool
		if _, at.dir, found = m.at(strings.TrimSuffix(dir, "/")); !found || at.dir < 0 || !m.nodes[at.dir].dir {
			return at, -1, false
		}
	}
	at.name = base
	if base == "" {
		return at, at.dir, true
	}
	node, found := m.nodes[at.dir].entries[base]
	if !found {
		node = -1
	}
	return at, node, true
}

// below reports whether dir is top, or below it.
func (m *model) below(dir, top int) bool {
	if dir == top {
		return true
	}
	for _, n := range m.nodes[top].entries {
		if m.nodes[n].dir && m.below(dir, n) {
			return true
		}
	}
	return false
}

// do does an operation, if that is possible, and reports whether it is.
func (m *model) do(o modelOp) bool {
	at, node, ok := m.at(o.a)
	if !ok {
		return false
	}
	entries := m.nodes[at.dir].entries
	change := func(c modelChange) { m.changes = append(m.changes, c) }
	isFile := node > 0 && !m.nodes[node].dir
	switch o.kind {
	case "create", "mkdir":
		if node >= 0 {
			return false
		}
		n := &modelNode{dir: o.kind == "mkdir", entries: map[string]int{}, file: newModelFile()}
		m.nodes = append(m.nodes, n)
		entries[at.name] = len(m.nodes) - 1
		change(modelChange{kind: o.kind, node: len(m.nodes) - 1, to: at, found: -1})
	case "remove":
		if node <= 0 || len(m.nodes[node].entries) > 0 {
			return false
		}
		delete(entries, at.name)
		change(modelChange{kind: o.kind, node: node, to: at, found: node})
	case "rename":
		to, found, ok := m.at(o.b)
		switch {
		case !ok || node <= 0 || found == node:
			return false
		case found >= 0 && (m.nodes[found].dir || m.nodes[node].dir), m.nodes[node].dir && m.below(to.dir, node):
			return false
		}
		delete(entries, at.name)
		m.nodes[to.dir].entries[to.name] = node
		change(modelChange{kind: o.kind, node: node, from: at, to: to, found: found})
	case "syncdir":
		if node < 0 || !m.nodes[node].dir {
			return false
		}
		for i := range m.changes {
			if c := &m.changes[i]; c.to.dir == node || c.kind == "rename" && c.from.dir == node {
				c.must = true
			}
		}
	case "write":
		if !isFile {
			return false
		}
		m.text++
		m.nodes[node].file.write(slices.Repeat([]byte{'a' + m.text - 1}, o.n), o.off)
	case "truncate":
		if !isFile {
			return false
		}
		m.nodes[node].file.truncate(o.n)
	case "sync", "fail":
		if !isFile {
			return false
		}
		m.nodes[node].file.sync(o.kind == "sync")
	}
	return true
}

// outcomes returns all that a crash may leave, as texts.
func (m *model) outcomes() map[string]bool {
	contents := make([][]string, len(m.nodes))
	for i, n := range m.nodes {
		if !n.dir {
			contents[i] = n.file.outcomes()
		}
	}
	all := map[string]bool{}
	undone := map[modelPlace]int{} // how many changes of an entry are not in the subset
	var choose func(dirs []map[string]int, moves bool, i int)
	choose = func(dirs []map[string]int, moves bool, i int) {
		if i == len(m.changes) {
			for text := range m.texts(dirs, 0, "", contents) {
				all[text] = true
			}
			return
		}
		c := &m.changes[i]
		if !c.must {
			undone[c.to]++
			undone[c.from]++
			choose(dirs, moves && !(c.kind == "rename" && m.nodes[c.node].dir), i+1)
			undone[c.to]--
			undone[c.from]--
		}
		if undone[c.to] > 0 || c.kind == "rename" && undone[c.from] > 0 {
			return
		}
		after := make([]map[string]int, len(dirs))
		for i, entries := range dirs {
			after[i] = maps.Clone(entries)
		}
		to := after[c.to.dir]
		if found, ok := to[c.to.name]; ok != (c.found >= 0) || ok && found != c.found {
			panic("an entry is not as the change has found it")
		}
		switch c.kind {
		case "create", "mkdir":
			to[c.to.name] = c.node
		case "remove":
			if len(after[c.node]) > 0 {
				return
			}
			delete(to, c.to.name)
		case "rename":
			from := after[c.from.dir]
			if n, ok := from[c.from.name]; !ok || n != c.node {
				panic("an entry is not as the change has found it")
			}
			if m.nodes[c.node].dir && !moves {
				return
			}
			delete(from, c.from.name)
			to[c.to.name] = c.node
			if c.from.dir != c.to.dir && !reaches(after, 0, c.node) {
				return
			}
		}
		choose(after, moves, i+1)
	}
	none := make([]map[string]int, len(m.nodes))
	for i := range none {
		none[i] = map[string]int{}
	}
	choose(none, true, 0)
	return all
}

func reaches(dirs []map[string]int, from, node int) bool {
	for _, n := range dirs[from] {
		if n == node || reaches(dirs, n, node) {
			return true
		}
	}
	return false
}

// texts returns the texts of a directory, with all contents that the files may have.
func (m *model) texts(dirs []map[string]int, dir int, prefix string, contents [][]string) map[string]bool {
	all := map[string]bool{"": true}
	for _, name := range slices.Sorted(maps.Keys(dirs[dir])) {
		n := dirs[dir][name]
		parts := map[string]bool{}
		if m.nodes[n].dir {
			for text := range m.texts(dirs, n, prefix+name+"/", contents) {
				parts[prefix+name+"/\n"+text] = true
			}
		} else {
			for _, content := range contents[n] {
				parts[prefix+name+": "+content+"\n"] = true
			}
		}
		with := map[string]bool{}
		for a := range all {
			for b := range parts {
				with[a+b] = true
			}
		}
		all = with
	}
	return all
}

// A modelFile is the history of a file, with all states that the disk may be in.
type modelFile struct {
	steps  []modelStep // the first one is the empty file
	blocks int         // physical ones
	dirty  map[int]bool
	states map[modelState]bool
}

// A modelStep is a file after a write to one block, or a truncation.
type modelStep struct {
	size  int
	phys  []int    // of each block
	pages []string // of each block, 512 bytes
	cut   bool     // the step was a truncation
}

// A modelState is what is on the disk: the number of the step whose metadata is committed, and each physical block,
// with the step from which it comes.
type modelState struct {
	committed int
	blocks    [12]struct {
		step int
		text string
	}
}

var zeros = strings.Repeat("\x00", blockSize)

func newModelFile() *modelFile {
	var first modelState
	for i := range first.blocks {
		first.blocks[i].text = zeros
	}
	return &modelFile{steps: []modelStep{{}}, dirty: map[int]bool{}, states: map[modelState]bool{first: true}}
}

func (f *modelFile) now() *modelStep { return &f.steps[len(f.steps)-1] }

// step begins a step. When it is over, happens adds what the system may do.
func (f *modelFile) step() (s *modelStep, happens func()) {
	next := *f.now()
	next.phys, next.pages, next.cut = slices.Clone(next.phys), slices.Clone(next.pages), false
	f.steps = append(f.steps, next)
	return f.now(), func() {
		for _, b := range slices.Sorted(maps.Keys(f.dirty)) {
			for state := range maps.Clone(f.states) {
				f.states[f.written(state, b)] = true
			}
		}
		for state := range maps.Clone(f.states) {
			f.states[f.commits(state)] = true
		}
	}
}

// written is the state after the system has written a page.
func (f *modelFile) written(state modelState, b int) modelState {
	at := &state.blocks[f.now().phys[b]]
	at.step, at.text = len(f.steps)-1, f.now().pages[b]
	return state
}

// commits is the state after the system has committed the metadata.
func (f *modelFile) commits(state modelState) modelState {
	for i := state.committed + 1; i < len(f.steps); i++ {
		cut := &f.steps[i]
		from := cut.size % blockSize
		if !cut.cut || from == 0 {
			continue
		}
		if at := &state.blocks[cut.phys[cut.size/blockSize]]; at.step < i {
			at.step, at.text = i, at.text[:from]+zeros[from:]
		}
	}
	state.committed = len(f.steps) - 1
	return state
}

func (f *modelFile) grow(s *modelStep, size int) {
	s.size = max(s.size, size)
	for len(s.phys)*blockSize < s.size {
		s.phys, s.pages = append(s.phys, f.blocks), append(s.pages, zeros)
		f.blocks++
	}
}

// tooBig reports whether the model of the file would take too long.
func (f *modelFile) tooBig() bool {
	return f.blocks > len(modelState{}.blocks)-4 || len(f.steps) > 9 || len(f.states) > 2000
}

func (f *modelFile) write(p []byte, off int) {
	for len(p) > 0 {
		n := min(len(p), blockSize-off%blockSize)
		s, happens := f.step()
		f.grow(s, off+n)
		b, from := off/blockSize, off%blockSize
		s.pages[b] = s.pages[b][:from] + string(p[:n]) + s.pages[b][from+n:]
		f.dirty[b] = true
		happens()
		p, off = p[n:], off+n
	}
}

func (f *modelFile) truncate(size int) {
	if size == f.now().size {
		return
	}
	s, happens := f.step()
	defer happens()
	s.cut = true
	if size > s.size {
		f.grow(s, size)
		return
	}
	s.size = size
	n := (size + blockSize - 1) / blockSize
	s.phys, s.pages = s.phys[:n], s.pages[:n]
	if from := size % blockSize; from > 0 {
		s.pages[n-1] = s.pages[n-1][:from] + zeros[from:]
		f.dirty[n-1] = true
	}
	maps.DeleteFunc(f.dirty, func(b int, _ bool) bool { return b >= n })
}

// sync is a Sync. If it fails, the system writes pages or not, and takes them for written.
func (f *modelFile) sync(works bool) {
	after := map[modelState]bool{}
	for state := range f.states {
		for b := range f.dirty {
			if works {
				state = f.written(state, b)
			}
		}
		after[f.commits(state)] = true
	}
	f.states = after
	clear(f.dirty)
}

func (f *modelFile) outcomes() []string {
	var all []string
	for state := range f.states {
		s := &f.steps[state.committed]
		text := ""
		for _, p := range s.phys {
			text += state.blocks[p].text
		}
		all = append(all, short(text[:s.size]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// short counts equal bytes: "a12 0500".
func short(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		from := i
		for i < len(text) && text[i] == text[from] {
			i++
		}
		fmt.Fprintf(&b, "%c%d ", max(text[from], '0'), i-from)
	}
	return b.String()
}

// A bare disk belongs to no node, and its calls take no time.
func bareDisk() *mount {
	return &mount{&disk{root: newDir(nil)}, &machine{host: &host.Host{Now: func() time.Time { return time.Time{} }}}}
}

// do does an operation on a bare disk.
func (m *mount) do(t *testing.T, o modelOp, text *byte) {
	m.begun = m.seq
	var err error
	flag := os.O_RDWR
	switch o.kind {
	case "mkdir":
		err = m.Mkdir(o.a, 0o700)
	case "remove":
		err = m.Remove(o.a)
	case "rename":
		err = m.Rename(o.a, o.b)
	case "syncdir":
		err = m.SyncDir("/" + o.a)
	case "create":
		flag |= os.O_CREATE | os.O_EXCL
		fallthrough
	default:
		var f host.DiskFile
		if f, err = m.Open(o.a, flag, 0o600); err != nil {
			break
		}
		switch o.kind {
		case "write":
			*text++
			_, err = f.WriteAt(slices.Repeat([]byte{'a' + *text - 1}, o.n), int64(o.off))
		case "truncate":
			err = f.Truncate(int64(o.n))
		case "sync":
			err = f.Sync()
		case "fail": // a Sync that fails
			f.(*openFile).file.fail(m.begun)
			m.settled(f.(*openFile).file)
		}
	}
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
}

// text describes what is on a bare disk.
func (m *mount) text(dir *inode, prefix string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(dir.entries)) {
		if n := dir.entries[name]; n.dir {
			text += prefix + name + "/\n" + m.text(n, prefix+name+"/")
		} else {
			text += prefix + name + ": " + short(string(n.data)) + "\n"
		}
	}
	return text
}

// draws makes a random program with n operations, and its model. If alone is true, they are on one file.
func draws(chance *rand.Rand, n int, alone bool) ([]modelOp, *model) {
	pick := func(from ...string) string { return from[chance.IntN(len(from))] }
	m := newModel()
	var program []modelOp
	for tries := 0; len(program) < n && tries < 100*n; tries++ {
		o := modelOp{kind: pick("create", "create", "mkdir", "remove", "rename", "rename", "syncdir", "write", "write", "write",
			"truncate", "sync", "fail")}
		if alone {
			o.kind = pick("create", "write", "write", "write", "truncate", "truncate", "sync", "fail", "fail")
		}
		o.a, o.b = pick("a", "b", "d", "d/a", "d/b", "e", "e/a"), pick("a", "b", "c", "d", "d/a", "e", "e/a", "e/d", "d/e")
		switch o.kind {
		case "write":
			o.off, o.n = []int{0, 500, 512, 600, 1024}[chance.IntN(5)], []int{1, 20, 520}[chance.IntN(3)]
		case "truncate":
			o.n = []int{0, 100, 512, 700}[chance.IntN(4)]
		case "syncdir":
			o.a = pick("", "d", "e")
		}
		if alone {
			o.a = "a"
		}
		if o.kind != "rename" {
			o.b = ""
		}
		if m.do(o) {
			program = append(program, o)
		}
		if slices.ContainsFunc(m.nodes, func(n *modelNode) bool { return n.file != nil && n.file.tooBig() }) || len(m.changes) == 8 {
			break // otherwise the model takes too long
		}
	}
	return program, m
}

// movesDirectories tells whether a program renames a directory.
func (m *model) movesDirectories() bool {
	return slices.ContainsFunc(m.changes, func(c modelChange) bool { return c.kind == "rename" && m.nodes[c.node].dir })
}

// What is seen after a crash is what the model allows, and each outcome that the model allows is seen. (If
// directories are moved, the disk keeps the order of some more changes.)
func TestCrashLeavesWhatTheModelAllows(t *testing.T) {
	programs, outcomes, complete := 0, 0, 0
	check := func(program []modelOp, m *model) {
		allowed := m.outcomes()
		programs++
		outcomes += len(allowed)
		seen := map[string]bool{}
		crashes, whole := 100, len(allowed) <= 30 && !m.movesDirectories()
		if whole {
			crashes = 400_000
			complete++
		}
		for i := range crashes {
			var text byte
			disk := bareDisk()
			for _, o := range program {
				disk.do(t, o, &text)
			}
			disk.crash(i%(2+variants), rand.New(rand.NewPCG(uint64(programs), uint64(i))))
			got := disk.text(disk.root, "")
			if !allowed[got] {
				t.Fatalf("the program %q leaves\n%s\nwhich is none of\n%s", program, got, strings.Join(slices.Sorted(maps.Keys(allowed)), "\n"))
			}
			if seen[got] = true; len(seen) == len(allowed) && i >= 100 {
				return
			}
		}
		if whole {
			maps.DeleteFunc(allowed, func(text string, _ bool) bool { return seen[text] })
			t.Fatalf("the program %q does not leave\n%s", program, strings.Join(slices.Sorted(maps.Keys(allowed)), "\n"))
		}
	}
	for _, text := range []string{
		"mkdir d, syncdir, create d/a, syncdir d, rename d/a a, remove d", // the file is in the old directory or has the new name
		"create a, syncdir, mkdir d, rename a d/a",
		"create a, syncdir, mkdir d, rename a d/a, syncdir d",
		"create a, syncdir, mkdir d, mkdir d/e, rename a d/e/a, syncdir d",
		"mkdir d, mkdir e, syncdir, rename e d/e, rename d/e e, rename d e/d", // no directory is in itself
		"create a, syncdir, remove a, create a, create b, rename b a",
		"mkdir d, create d/a, syncdir d", // the entry of the directory itself is not durable
	} {
		m := newModel()
		var program []modelOp
		for _, line := range strings.Split(text, ", ") {
			var o modelOp
			_, _ = fmt.Sscan(line, &o.kind, &o.a, &o.b)
			if program = append(program, o); !m.do(o) {
				t.Fatalf("%q is not possible in %q", line, text)
			}
		}
		check(program, m)
	}
	seeds, each := uint64(600), 60
	if testkit.Race {
		seeds, each = 60, 6
	}
	for seed := range seeds {
		check(draws(rand.New(rand.NewPCG(seed, 0)), 1+int(seed)/each, seed%2 == 0))
	}
	t.Logf("%d programs with %d outcomes; all outcomes of %d programs", programs, outcomes, complete)
}
