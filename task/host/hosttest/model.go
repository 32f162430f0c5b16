package hosttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/takt-go/takt/task/host"
)

// ModelFS does operations on an empty FS, and compares each result with a model, which is a map of bytes. draw makes
// the choices: it returns a number from 0 to n-1, by chance, from a fuzzer, or from a schedule. what says what the
// number is for. The operations are those that all operating systems carry out in the same way: for
// example, no file is removed while it is open.
func ModelFS(ctx context.Context, t T, fsys host.FS, draw func(what string, n int) int) {
	if fsys == nil || draw == nil {
		panic("hosttest: ModelFS of a nil FS or with a nil draw; give it an empty FS, and a function that returns a number from 0 to n-1")
	}
	m := &model{ctx: ctx, t: t, fsys: fsys, draw: draw, files: map[string]*[]byte{}, dirs: map[string]bool{".": true}}
	defer func() {
		for _, h := range m.handles {
			shut(t, h.File)
		}
	}()
	for range draw("operations", 60) {
		if len(m.handles) > 0 && draw("on", 4) > 0 {
			m.onFile(m.handles[draw("file", len(m.handles))])
		} else {
			m.onFS()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		contents(ctx, t, fsys, name, string(*m.files[name]))
	}
	for _, dir := range slices.Sorted(maps.Keys(m.dirs)) {
		names(ctx, t, fsys, dir, m.entries(dir)...)
	}
}

type model struct {
	ctx     context.Context
	t       T
	fsys    host.FS
	draw    func(what string, n int) int
	files   map[string]*[]byte
	dirs    map[string]bool
	handles []*handle
	written byte // each write has other bytes
}

type handle struct {
	host.File
	data    *[]byte
	at      int
	appends bool
}

var (
	modelFiles = []string{"a", "b", "d/a", "d/b", "e/a", "d/f/a"}
	modelDirs  = []string{"d", "e", "d/f"}
)

func (m *model) name(what string) string { return modelFiles[m.draw(what, len(modelFiles))] }

func (m *model) exists(name string) bool { return m.files[name] != nil || m.dirs[name] }

// entries returns what is in a directory.
func (m *model) entries(dir string) (all []string) {
	for name := range m.files {
		if path.Dir(name) == dir {
			all = append(all, path.Base(name))
		}
	}
	for name := range m.dirs {
		if path.Dir(name) == dir && name != "." {
			all = append(all, path.Base(name))
		}
	}
	slices.Sort(all)
	return all
}

// open reports whether a file, or a file in a directory, is open.
func (m *model) open(name string) bool {
	return slices.ContainsFunc(m.handles, func(h *handle) bool {
		for of, data := range m.files {
			if data == h.data && (of == name || strings.HasPrefix(of, name+"/")) {
				return true
			}
		}
		return false
	})
}

// errorIs checks the error of an operation.
func (m *model) errorIs(what string, err, want error) {
	m.t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		m.t.Fatalf("%s returns the error %v, want %v", what, err, want)
	}
}

func (m *model) onFS() {
	t := m.t
	switch op := m.draw("operation", 8); op {
	case 0, 1, 2:
		m.openFile(m.name("name"))
	case 3:
		dir := modelDirs[m.draw("directory", len(modelDirs))]
		var want error
		switch {
		case m.exists(dir):
			want = fs.ErrExist
		case !m.dirs[path.Dir(dir)]:
			want = fs.ErrNotExist
		default:
			m.dirs[dir] = true
		}
		m.errorIs("Mkdir "+dir, m.fsys.Mkdir(m.ctx, dir, 0o700), want)
	case 4:
		name := m.name("name")
		if m.draw("remove a directory", 2) == 1 {
			name = modelDirs[m.draw("directory", len(modelDirs))]
		}
		err := error(nil)
		switch {
		case m.open(name):
			return
		case !m.exists(name):
			err = fs.ErrNotExist
		case m.dirs[name] && len(m.entries(name)) > 0:
			if m.fsys.Remove(m.ctx, name) == nil {
				t.Fatalf("Remove %s, which is not empty, succeeds", name)
			}
			return
		default:
			delete(m.files, name)
			delete(m.dirs, name)
		}
		m.errorIs("Remove "+name, m.fsys.Remove(m.ctx, name), err)
	case 5:
		from, to := m.name("from"), m.name("to")
		if from == to || m.open(from) || m.open(to) {
			return
		}
		var want error
		switch {
		case m.files[from] == nil || !m.dirs[path.Dir(to)]:
			want = fs.ErrNotExist
		default:
			m.files[to] = m.files[from]
			delete(m.files, from)
		}
		m.errorIs("Rename "+from+" "+to, m.fsys.Rename(m.ctx, from, to), want)
	case 6:
		dir := modelDirs[m.draw("directory", len(modelDirs))]
		if !m.dirs[dir] {
			m.errorIs("SyncDir "+dir, m.fsys.SyncDir(m.ctx, dir), fs.ErrNotExist)
			return
		}
		m.errorIs("SyncDir "+dir, m.fsys.SyncDir(m.ctx, dir), nil)
		names(m.ctx, t, m.fsys, dir, m.entries(dir)...)
	default:
		name := m.name("name")
		info, err := m.fsys.Stat(m.ctx, name)
		if data := m.files[name]; data == nil {
			m.errorIs("Stat "+name, err, fs.ErrNotExist)
		} else {
			m.errorIs("Stat "+name, err, nil)
			equal(t, "size of "+name, info.Size(), int64(len(*data)))
		}
	}
}

func (m *model) openFile(name string) {
	flag := os.O_RDWR
	for _, one := range []int{os.O_CREATE, os.O_EXCL, os.O_TRUNC, os.O_APPEND} {
		if m.draw("flag", 2) == 1 {
			flag |= one
		}
	}
	if flag&os.O_CREATE == 0 {
		flag &^= os.O_EXCL // it means nothing
	}
	f, err := m.fsys.OpenFile(m.ctx, name, flag, 0o600)
	what := fmt.Sprintf("OpenFile %s %#x", name, flag)
	data := m.files[name]
	switch {
	case !m.dirs[path.Dir(name)] || data == nil && flag&os.O_CREATE == 0:
		m.errorIs(what, err, fs.ErrNotExist)
		return
	case data != nil && flag&os.O_EXCL != 0:
		m.errorIs(what, err, fs.ErrExist)
		return
	case data == nil:
		data = new([]byte)
		m.files[name] = data
	case flag&os.O_TRUNC != 0:
		*data = nil
	}
	m.errorIs(what, err, nil)
	m.handles = append(m.handles, &handle{File: f, data: data, appends: flag&os.O_APPEND != 0})
}

// text returns new bytes to write.
func (m *model) text() []byte {
	m.written++
	return slices.Repeat([]byte{m.written}, m.draw("bytes", 9))
}

// put writes p into the model.
func put(data *[]byte, p []byte, at int) {
	if end := at + len(p); len(p) > 0 && end > len(*data) {
		*data = append(*data, make([]byte, end-len(*data))...)
	}
	copy((*data)[min(at, len(*data)):], p)
}

// get checks a read from a file.
func (m *model) get(what string, h *handle, got []byte, at int, err error, p []byte) {
	want := (*h.data)[min(at, len(*h.data)):]
	want = want[:min(len(p), len(want))]
	if string(got) != string(want) {
		m.t.Fatalf("%s at %d of %s returns %q, want %q", what, at, h.Name(), got, want)
	}
	short := len(want) < len(p)
	if what == "Read" {
		short = len(want) == 0 && len(p) > 0
	}
	if short {
		m.errorIs(what, err, io.EOF)
	} else {
		m.errorIs(what, err, nil)
	}
}

func (m *model) onFile(h *handle) {
	t := m.t
	switch m.draw("operation on the file", 9) {
	case 0:
		p := m.text()
		if h.appends && len(p) > 0 { // a write of nothing leaves the position alone
			h.at = len(*h.data)
		}
		n, err := h.Write(p)
		m.errorIs("Write", err, nil)
		equal(t, "bytes written", n, len(p))
		put(h.data, p, h.at)
		h.at += n
	case 1:
		p, at := m.text(), m.draw("at", 30)
		n, err := h.WriteAt(p, int64(at))
		if h.appends {
			if err == nil {
				t.Fatalf("WriteAt succeeds in a file that was opened with O_APPEND")
			}
			return
		}
		m.errorIs("WriteAt", err, nil)
		equal(t, "bytes written", n, len(p))
		put(h.data, p, at)
	case 2:
		p := make([]byte, m.draw("bytes", 9))
		n, err := h.Read(p)
		m.get("Read", h, p[:n], h.at, err, p)
		h.at += n
	case 3:
		p, at := make([]byte, m.draw("bytes", 9)), m.draw("at", 30)
		n, err := h.ReadAt(p, int64(at))
		m.get("ReadAt", h, p[:n], at, err, p)
	case 4:
		whence, off := m.draw("whence", 3), m.draw("offset", 40)-10
		want := off + []int{0, h.at, len(*h.data)}[whence]
		at, err := h.Seek(int64(off), whence)
		if want < 0 {
			if err == nil {
				t.Fatalf("Seek to %d succeeds", want)
			}
			return
		}
		m.errorIs("Seek", err, nil)
		equal(t, "position", at, int64(want))
		h.at = want
	case 5:
		size := m.draw("size", 30)
		m.errorIs("Truncate", h.Truncate(int64(size)), nil)
		if size > len(*h.data) {
			*h.data = append(*h.data, make([]byte, size-len(*h.data))...)
		}
		*h.data = slices.Clip((*h.data)[:size])
	case 6:
		m.errorIs("Sync", h.Sync(), nil)
	case 7:
		info, err := h.Stat()
		m.errorIs("Stat", err, nil)
		equal(t, "size", info.Size(), int64(len(*h.data)))
	default:
		m.errorIs("Close", h.Close(), nil)
		m.errorIs("Close", h.Close(), fs.ErrClosed)
		m.handles = slices.DeleteFunc(m.handles, func(other *handle) bool { return other == h })
	}
}
