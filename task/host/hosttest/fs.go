// Package hosttest tests implementations of the interfaces of package host, in the manner of testing/fstest:
// the real machine, a simulated one, and those of other modules.
package hosttest

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A T is the part of a test that the rules need. A *testing.T is one, and so is the T of package looptest.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// An FSBody is a test of an FS, as the body of a task. The FS is empty at first, and takes relative names.
type FSBody func(ctx context.Context, t T, fsys host.FS)

// RunFS tests that an FS keeps the rules that the documentation of [host.FS] and [host.File] sets. For each
// rule it calls run, which makes a new loop and an empty FS, and calls body in a task. run returns when the
// loop has ended, and reports a deadlock or a panic as a failure. It may call body more than once, for
// example in several orders of events.
//
// A rule that only some operating systems keep is not tested, such as that a file can be removed while it is
// open.
func RunFS(t *testing.T, run func(t T, body FSBody)) {
	if run == nil {
		panic("hosttest: RunFS with a nil run; give it a function that makes an FS and calls body in a task")
	}
	for _, rule := range fsRules {
		t.Run(rule.name, func(t *testing.T) { run(t, rule.body) })
	}
}

var fsRules = []struct {
	name string
	body FSBody
}{
	{"a file has a position", position},
	{"ReadAt and WriteAt have none", offsets},
	{"O_APPEND writes at the end", appends},
	{"Truncate cuts and grows", truncates},
	{"flags", flags},
	{"a missing file", missing},
	{"directories", directories},
	{"a directory is not a file", notAFile},
	{"Rename replaces", renames},
	{"SyncDir", syncDirs},
	{"a closed file", closed},
	{"a second Close", closedTwice},
	{"writes of several tasks have an order", ordered},
	{"a file is read as the calls before have left it", mixed},
	{"a call of a canceled task is not made", canceledBefore},
	{"a call under a context that has ended is not made", endedBefore},
	{"a cancellation does not keep Close from closing", canceledClose},
	{"a waiting call is left when its task is canceled", canceledWaiting},
	{"Close while other tasks call", closeAmongCalls},
	{"ReadFile and WriteFile", wholeFiles},
	{"ReplaceFile", replaces},
	{"ReplaceFile beside files that were left", replacesBesideLeftovers},
	{"ReplaceFile that fails", replaceFails},
	{"MkdirAll", makesAll},
	{"code of the standard library", standardCode},
	{"calls outside of a task panic", outside},
}

func position(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	equal(t, "Name", f.Name(), "a")
	count(t, 5)(f.Write([]byte("hello")))
	count(t, 0)(f.Write(nil))
	position, err := f.Seek(-3, io.SeekCurrent)
	noError(t, err)
	equal(t, "position", position, 2)
	b := make([]byte, 2)
	count(t, 2)(f.Read(b))
	equal(t, "bytes", string(b), "ll")
	count(t, 1)(f.Read(b))
	n, err := f.Read(b)
	equal(t, "bytes at the end", n, 0)
	equal(t, "the error at the end", err, io.EOF)
	_, err = f.Seek(-1, io.SeekStart)
	pathError(t, err, "a", nil)
	position, err = f.Seek(2, io.SeekEnd)
	noError(t, err)
	equal(t, "position", position, 7)
	count(t, 1)(f.Write([]byte("x")))
	contents(ctx, t, fsys, "a", "hello\x00\x00x")
}

func offsets(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	count(t, 3)(f.WriteAt([]byte("xyz"), 2))
	count(t, 1)(f.Write([]byte("a")))
	b := make([]byte, 4)
	count(t, 4)(f.ReadAt(b, 0))
	equal(t, "bytes", string(b), "a\x00xy")
	n, err := f.ReadAt(b, 3)
	equal(t, "bytes up to the end", string(b[:n]), "yz")
	equal(t, "the error at the end", err, io.EOF)
	n, err = f.ReadAt(b, 100)
	equal(t, "bytes behind the end", n, 0)
	equal(t, "the error behind the end", err, io.EOF)
	_, err = f.ReadAt(b, -1)
	pathError(t, err, "a", nil)
	_, err = f.WriteAt(b, -1)
	pathError(t, err, "a", nil)
	count(t, 1)(f.Write([]byte("b")))
	contents(ctx, t, fsys, "a", "abxyz")
}

func appends(ctx context.Context, t T, fsys host.FS) {
	noError(t, host.WriteFile(ctx, fsys, "a", []byte("one"), 0o600))
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_APPEND)
	defer shut(t, f)
	b := make([]byte, 1)
	count(t, 1)(f.Read(b))
	count(t, 3)(f.Write([]byte("two")))
	if _, err := f.WriteAt(b, 0); err == nil {
		t.Errorf("WriteAt succeeds in a file that was opened with O_APPEND")
	}
	contents(ctx, t, fsys, "a", "onetwo")
}

func truncates(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	count(t, 6)(f.Write([]byte("abcdef")))
	noError(t, f.Truncate(2))
	noError(t, f.Truncate(4))
	info, err := f.Stat()
	noError(t, err)
	equal(t, "size", info.Size(), 4)
	contents(ctx, t, fsys, "a", "ab\x00\x00")
	count(t, 1)(f.Write([]byte("g"))) // the position has not changed
	contents(ctx, t, fsys, "a", "ab\x00\x00\x00\x00g")
}

func flags(ctx context.Context, t T, fsys host.FS) {
	noError(t, host.WriteFile(ctx, fsys, "a", []byte("one"), 0o600))
	_, err := fsys.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	pathError(t, err, "a", fs.ErrExist)
	b := make([]byte, 1)
	w := open(ctx, t, fsys, "a", os.O_WRONLY)
	_, err = w.Read(b)
	pathError(t, err, "a", nil)
	shut(t, w)
	r := open(ctx, t, fsys, "a", os.O_RDONLY)
	_, err = r.Write(b)
	pathError(t, err, "a", nil)
	_, err = r.WriteAt(b, 0)
	pathError(t, err, "a", nil)
	pathError(t, r.Truncate(0), "a", nil)
	shut(t, r)
	contents(ctx, t, fsys, "a", "one")
	shut(t, open(ctx, t, fsys, "a", os.O_WRONLY|os.O_TRUNC))
	contents(ctx, t, fsys, "a", "")
}

func missing(ctx context.Context, t T, fsys host.FS) {
	_, err := fsys.OpenFile(ctx, "a", os.O_RDWR, 0)
	pathError(t, err, "a", fs.ErrNotExist)
	_, err = fsys.OpenFile(ctx, "d/a", os.O_RDWR|os.O_CREATE, 0o600)
	pathError(t, err, "d/a", fs.ErrNotExist)
	_, err = fsys.Stat(ctx, "a")
	pathError(t, err, "a", fs.ErrNotExist)
	_, err = fsys.ReadDir(ctx, "a")
	pathError(t, err, "a", fs.ErrNotExist)
	pathError(t, fsys.Mkdir(ctx, "d/e", 0o700), "d/e", fs.ErrNotExist)
	pathError(t, fsys.Remove(ctx, "a"), "a", fs.ErrNotExist)
	pathError(t, fsys.SyncDir(ctx, "a"), "a", fs.ErrNotExist)
	linkError(t, fsys.Rename(ctx, "a", "b"), "a", "b", fs.ErrNotExist)
}

func directories(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "d", 0o700))
	pathError(t, fsys.Mkdir(ctx, "d", 0o700), "d", fs.ErrExist)
	noError(t, fsys.Mkdir(ctx, "d/c", 0o700))
	for _, name := range []string{"d/b", "d/a"} {
		noError(t, host.WriteFile(ctx, fsys, name, []byte(name), 0o600))
	}
	entries, err := fsys.ReadDir(ctx, "d")
	noError(t, err)
	var got []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatalf("Info of %s: %v", e.Name(), err)
		}
		equal(t, "the name in the Info", info.Name(), e.Name())
		equal(t, "IsDir of the Info", info.IsDir(), e.IsDir())
		equal(t, "the type in the Info", info.Mode().Type(), e.Type())
		if !e.IsDir() {
			equal(t, "the size of "+e.Name(), info.Size(), 3)
		}
		got = append(got, fs.FormatDirEntry(e))
	}
	if want := []string{"- a", "- b", "d c/"}; !slices.Equal(got, want) {
		t.Errorf("the entries are %q, want %q", got, want)
	}
	info, err := fsys.Stat(ctx, "d")
	noError(t, err)
	equal(t, "IsDir", info.IsDir(), true)
	info, err = fsys.Stat(ctx, "d/a")
	noError(t, err)
	equal(t, "the name", info.Name(), "a")
	equal(t, "the size", info.Size(), 3)
	equal(t, "IsDir", info.IsDir(), false)
	pathError(t, fsys.Remove(ctx, "d"), "d", nil) // it is not empty
	for _, name := range []string{"d/a", "d/b", "d/c", "d"} {
		noError(t, fsys.Remove(ctx, name))
	}
	entries, err = fsys.ReadDir(ctx, ".")
	noError(t, err)
	equal(t, "entries that are left", len(entries), 0)
}

func notAFile(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "d", 0o700))
	noError(t, host.WriteFile(ctx, fsys, "a", nil, 0o600))
	_, err := fsys.OpenFile(ctx, "d", os.O_WRONLY, 0)
	pathError(t, err, "d", nil)
	_, err = host.ReadFile(ctx, fsys, "d")
	pathError(t, err, "d", nil)
	_, err = fsys.OpenFile(ctx, "a/b", os.O_RDONLY, 0)
	pathError(t, err, "a/b", nil)
	_, err = fsys.ReadDir(ctx, "a")
	pathError(t, err, "a", nil)
	linkError(t, fsys.Rename(ctx, "a", "d"), "a", "d", nil)
	linkError(t, fsys.Rename(ctx, "d", "a"), "d", "a", nil)
}

func renames(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "d", 0o700))
	noError(t, host.WriteFile(ctx, fsys, "a", []byte("one"), 0o600))
	noError(t, host.WriteFile(ctx, fsys, "d/b", []byte("two"), 0o600))
	noError(t, fsys.Rename(ctx, "a", "d/b"))
	contents(ctx, t, fsys, "d/b", "one")
	_, err := fsys.Stat(ctx, "a")
	pathError(t, err, "a", fs.ErrNotExist)
	noError(t, fsys.Rename(ctx, "d", "e"))
	contents(ctx, t, fsys, "e/b", "one")
	noError(t, fsys.Rename(ctx, "e/b", "e/b"))
	contents(ctx, t, fsys, "e/b", "one")
}

func syncDirs(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "d", 0o700))
	f := open(ctx, t, fsys, "d/a", os.O_RDWR|os.O_CREATE)
	count(t, 1)(f.Write([]byte("x")))
	noError(t, f.Sync())
	noError(t, f.Sync())
	shut(t, f)
	noError(t, fsys.SyncDir(ctx, "d"))
	noError(t, fsys.SyncDir(ctx, "."))
	pathError(t, fsys.SyncDir(ctx, "d/a"), "d/a", nil)
}

func closed(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	shut(t, f)
	equal(t, "Name", f.Name(), "a")
	b := make([]byte, 1)
	for what, call := range map[string]func() error{
		"Read":     func() error { _, err := f.Read(b); return err },
		"ReadAt":   func() error { _, err := f.ReadAt(b, 0); return err },
		"Write":    func() error { _, err := f.Write(b); return err },
		"WriteAt":  func() error { _, err := f.WriteAt(b, 0); return err },
		"Seek":     func() error { _, err := f.Seek(0, io.SeekStart); return err },
		"Stat":     func() error { _, err := f.Stat(); return err },
		"Truncate": func() error { return f.Truncate(0) },
		"Sync":     f.Sync,
		"Close":    f.Close,
	} {
		err := call()
		if pathError(t, err, "a", fs.ErrClosed); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s of a closed file returns %v", what, err)
		}
	}
}

func closedTwice(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	var errs [2]error // in the order of the calls
	var all []*task.Task[struct{}]
	calls := 0
	for range errs {
		all = append(all, task.Go(ctx, task.Void(func(context.Context) error {
			i := calls
			calls++
			errs[i] = f.Close()
			return nil
		})))
	}
	noError(t, task.Gather(all...).Wait(ctx))
	noError(t, errs[0])
	pathError(t, errs[1], "a", fs.ErrClosed)
}

// Each task writes a line, which becomes longer from task to task.
func ordered(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	var want strings.Builder
	var called []string
	var all []*task.Task[struct{}]
	for i := range 20 {
		line := strings.Repeat(string(rune('a'+i)), i+1) + "\n"
		all = append(all, task.Go(ctx, task.Void(func(context.Context) error {
			called = append(called, line)
			_, err := f.Write([]byte(line))
			return err
		})))
	}
	noError(t, task.Gather(all...).Wait(ctx))
	for _, line := range called {
		want.WriteString(line)
	}
	contents(ctx, t, fsys, "a", want.String())
}

// Between two writes, several tasks read.
func mixed(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	last := byte('0')
	count(t, 1)(f.WriteAt([]byte{last}, 0))
	var all []*task.Task[struct{}]
	for i := range 30 {
		all = append(all, task.Go(ctx, task.Void(func(context.Context) error {
			if i%5 == 0 {
				last++
				_, err := f.WriteAt([]byte{last}, 0)
				return err
			}
			want, b := last, make([]byte, 1)
			_, err := f.ReadAt(b, 0)
			if err == nil && b[0] != want {
				err = fmt.Errorf("a read returns %q, and was called after the write of %q", b[0], want)
			}
			return err
		})))
	}
	noError(t, task.Gather(all...).Wait(ctx))
}

func canceledBefore(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	for _, call := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := f.Write([]byte("x")); return err },
		func(ctx context.Context) error { return f.Truncate(7) },
		func(ctx context.Context) error { return fsys.Mkdir(ctx, "d", 0o700) },
		func(ctx context.Context) error { return fsys.Remove(ctx, "a") },
		func(ctx context.Context) error { return fsys.Rename(ctx, "a", "b") },
	} {
		var err error
		var x *task.Task[struct{}]
		x = task.Go(ctx, task.Void(func(ctx context.Context) error {
			x.Cancel(nil)
			err = call(ctx)
			return err
		}))
		_ = x.Wait(ctx)
		if !loop.IsCanceled(err) {
			t.Errorf("a call of a canceled task returns %v", err)
		}
	}
	contents(ctx, t, fsys, "a", "")
	_, err := fsys.Stat(ctx, "d")
	pathError(t, err, "d", fs.ErrNotExist)
}

func endedBefore(ctx context.Context, t T, fsys host.FS) {
	reason := errors.New("the reason")
	ended, cancel := context.WithCancelCause(ctx)
	cancel(reason)
	_, err := fsys.OpenFile(ended, "a", os.O_RDWR|os.O_CREATE, 0o600)
	equal(t, "the error", err, reason)
	equal(t, "the error", fsys.Mkdir(ended, "a", 0o700), reason)
	_, err = fsys.Stat(ctx, "a")
	pathError(t, err, "a", fs.ErrNotExist)
}

func canceledClose(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	reason := errors.New("the reason")
	var x *task.Task[struct{}]
	x = task.Go(ctx, task.Void(func(ctx context.Context) error {
		x.Cancel(reason)
		noError(t, f.Close())
		err := task.Yield(ctx)
		var canceled *loop.CanceledError
		if !errors.As(err, &canceled) || canceled.Cause != reason {
			t.Errorf("after a Close of a canceled task, the next suspension returns %v", err)
		}
		return err
	}))
	_ = x.Wait(ctx)
	pathError(t, f.Close(), "a", fs.ErrClosed)
}

// The third write cancels the second one, which waits for the first one. (In another order of the tasks the
// second write may have begun.)
func canceledWaiting(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	var want, inOrder string
	var all []*task.Task[struct{}]
	for _, text := range []string{"a", "b", "c"} {
		all = append(all, task.Go(ctx, task.Void(func(ctx context.Context) error {
			if text == "c" {
				all[1].Cancel(nil)
			}
			inOrder += text
			n, err := f.Write([]byte(text))
			if (n == 0) != (err != nil) {
				t.Errorf("a write has written %d bytes, and returns the error %v", n, err)
			}
			want += text[:n]
			return err
		})))
	}
	for _, x := range all {
		_ = x.Wait(ctx)
	}
	if inOrder == "abc" {
		equal(t, "what was written", want, "ac")
	}
	contents(ctx, t, fsys, "a", want)
}

func closeAmongCalls(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	var all []*task.Task[struct{}]
	written := 0
	for i := range 10 {
		all = append(all, task.Go(ctx, task.Void(func(context.Context) error {
			if i == 5 {
				return f.Close()
			}
			n, err := f.Write([]byte("x"))
			written += n
			if err != nil {
				pathError(t, err, "a", fs.ErrClosed)
			}
			return nil
		})))
	}
	noError(t, task.Gather(all...).Wait(ctx))
	contents(ctx, t, fsys, "a", strings.Repeat("x", written))
}

func wholeFiles(ctx context.Context, t T, fsys host.FS) {
	for _, text := range []string{strings.Repeat("long ", 20_000), "short", ""} {
		noError(t, host.WriteFile(ctx, fsys, "a", []byte(text), 0o600))
		contents(ctx, t, fsys, "a", text)
	}
	_, err := host.ReadFile(ctx, fsys, "b")
	pathError(t, err, "b", fs.ErrNotExist)
	pathError(t, host.WriteFile(ctx, fsys, "d/b", nil, 0o600), "d/b", fs.ErrNotExist)
}

func replaces(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "d", 0o700))
	for _, text := range []string{"one", "two, which is longer", ""} {
		noError(t, host.ReplaceFile(ctx, fsys, "d/a", []byte(text), 0o600))
		contents(ctx, t, fsys, "d/a", text)
		names(ctx, t, fsys, "d", "a")
	}
	noError(t, host.ReplaceFile(ctx, fsys, "b", []byte("three"), 0o600))
	contents(ctx, t, fsys, "b", "three")
	var all []*task.Task[struct{}]
	for _, text := range []string{"four", "five", "six"} {
		all = append(all, task.Go(ctx, task.Void(func(ctx context.Context) error {
			return host.ReplaceFile(ctx, fsys, "b", []byte(text), 0o600)
		})))
	}
	noError(t, task.Gather(all...).Wait(ctx))
	got, err := host.ReadFile(ctx, fsys, "b")
	noError(t, err)
	if !slices.Contains([]string{"four", "five", "six"}, string(got)) {
		t.Errorf("after three replacements at the same time the file has %q", got)
	}
	names(ctx, t, fsys, ".", "b", "d")
}

func replacesBesideLeftovers(ctx context.Context, t T, fsys host.FS) {
	for _, name := range []string{"a.tmp", "a.tmp1"} {
		noError(t, host.WriteFile(ctx, fsys, name, []byte("left"), 0o600))
	}
	noError(t, host.ReplaceFile(ctx, fsys, "a", []byte("new"), 0o600))
	contents(ctx, t, fsys, "a", "new")
	contents(ctx, t, fsys, "a.tmp1", "left")
	names(ctx, t, fsys, ".", "a", "a.tmp", "a.tmp1")
}

func replaceFails(ctx context.Context, t T, fsys host.FS) {
	noError(t, fsys.Mkdir(ctx, "a", 0o700))
	if err := host.ReplaceFile(ctx, fsys, "a", []byte("new"), 0o600); err == nil {
		t.Errorf("ReplaceFile replaces a directory")
	}
	names(ctx, t, fsys, ".", "a")
}

func makesAll(ctx context.Context, t T, fsys host.FS) {
	for _, name := range []string{".", "a/b/c", "a/b/c", "a/d"} {
		noError(t, host.MkdirAll(ctx, fsys, name, 0o700))
		info, err := fsys.Stat(ctx, name)
		noError(t, err)
		equal(t, "IsDir", info.IsDir(), true)
	}
	noError(t, host.WriteFile(ctx, fsys, "a/e", nil, 0o600))
	pathError(t, host.MkdirAll(ctx, fsys, "a/e", 0o700), "a/e", fs.ErrExist)
	if err := host.MkdirAll(ctx, fsys, "a/e/f", 0o700); err == nil {
		t.Errorf("MkdirAll makes a directory in a file")
	}
}

// Packages of the standard library work with a File in a task.
func standardCode(ctx context.Context, t T, fsys host.FS) {
	type record struct{ N int }
	f := open(ctx, t, fsys, "a.gz", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	buffered := bufio.NewWriter(f)
	zipped := gzip.NewWriter(buffered)
	encoder := json.NewEncoder(zipped)
	for n := range 1000 {
		noError(t, encoder.Encode(record{n}))
	}
	noError(t, zipped.Close())
	noError(t, buffered.Flush())
	_, err := f.Seek(0, io.SeekStart)
	noError(t, err)
	unzipped, err := gzip.NewReader(bufio.NewReaderSize(f, 100))
	if err != nil {
		t.Fatalf("gzip: %v", err)
	}
	decoder := json.NewDecoder(unzipped)
	for n := range 1000 {
		var r record
		noError(t, decoder.Decode(&r))
		equal(t, "a record", r.N, n)
	}
	n, err := io.Copy(io.Discard, io.NewSectionReader(f, 10, 20))
	noError(t, err)
	equal(t, "bytes of a section", n, 20)
	var _ fs.File = f
}

func outside(ctx context.Context, t T, fsys host.FS) {
	f := open(ctx, t, fsys, "a", os.O_RDWR|os.O_CREATE)
	defer shut(t, f)
	var message any
	l, _ := loop.FromContext(ctx)
	l.CallSoon(func() {
		defer func() { message = recover() }()
		_, _ = f.Write([]byte("x"))
	})
	noError(t, task.Yield(ctx))
	if text := fmt.Sprint(message); !strings.Contains(text, "File.Write") {
		t.Errorf("a Write in a callback panics with %q", text)
	}
	contents(ctx, t, fsys, "a", "")
}
