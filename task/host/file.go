package host

import (
	"context"
	"io/fs"
	"sync"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/lock"
)

// A file is a File.
type file struct {
	name    string
	files   *files
	loop    *loop.Loop
	disk    DiskFile
	single  bool // the calls of all files have one place. So its line has their order, and they need no turns
	turns   turns
	closed  bool       // no call begins any more
	syncing lock.Mutex // held by the running Sync, so that no other Sync misses its error
	unsaved error      // the error of a Sync
}

func (f *file) Name() string { return f.name }

func (f *file) Read(p []byte) (n int, err error) {
	err = f.alone("File.Read", "read", func() (err error) { n, err = f.disk.Read(p); return err })
	return n, err
}

func (f *file) Write(p []byte) (n int, err error) {
	err = f.alone("File.Write", "write", func() (err error) { n, err = f.disk.Write(p); return err })
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.alone("File.WriteAt", "write", func() (err error) { n, err = f.disk.WriteAt(p, off); return err })
	return n, err
}

func (f *file) Seek(offset int64, whence int) (at int64, err error) {
	err = f.alone("File.Seek", "seek", func() (err error) { at, err = f.disk.Seek(offset, whence); return err })
	return at, err
}

func (f *file) Truncate(size int64) error {
	return f.alone("File.Truncate", "truncate", func() error { return f.disk.Truncate(size) })
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.shared("File.ReadAt", "read", func() (err error) { n, err = f.disk.ReadAt(p, off); return err })
	return n, err
}

func (f *file) Stat() (info fs.FileInfo, err error) {
	err = f.shared("File.Stat", "stat", func() (err error) { info, err = f.disk.Stat(); return err })
	return info, err
}

// alone runs a call that no other call may overlap.
func (f *file) alone(method, op string, work func() error) error {
	ctx := f.task(method).Context()
	if !f.single {
		if err := f.turns.alone(ctx); err != nil {
			return err
		}
		defer f.turns.endAlone()
	}
	return f.call(ctx, op, work)
}

// shared runs a call that other shared calls may overlap.
func (f *file) shared(method, op string, work func() error) error {
	ctx := f.task(method).Context()
	if !f.single {
		if err := f.turns.share(ctx); err != nil {
			return err
		}
		defer f.turns.endShare()
	}
	return f.call(ctx, op, work)
}

func (f *file) Sync() error {
	ctx := f.task("File.Sync").Context()
	if !f.single {
		if err := f.syncing.Lock(ctx); err != nil {
			return err
		}
		defer f.syncing.Unlock()
		if err := f.turns.share(ctx); err != nil {
			return err
		}
		f.turns.endShare() // the calls before this one have ended, and later calls need not wait for it
	}
	return f.call(ctx, "sync", func() error {
		f.unsaved = withName(f.disk.Sync(), f.name)
		return f.unsaved
	})
}

// call makes a call on the disk, and returns its error.
func (f *file) call(ctx context.Context, op string, work func() error) error {
	if f.closed {
		return f.errClosed(op)
	}
	return withName(f.files.do(ctx, f, op, f.name, work), f.name)
}

// refusal returns the error of a call that has its turn and its place, and must not begin.
func (f *file) refusal(op string) error {
	switch {
	case f.closed: // while the call was waiting for its place
		return f.errClosed(op)
	case op == "sync":
		return f.unsaved
	}
	return nil
}

// Close takes all locks, and a place, so that it comes after the calls that have begun. If its task is being unwound, it
// cannot wait. Then it closes the file at once; an os.File lets the calls that have begun end first.
func (f *file) Close() (err error) {
	if f.closed {
		return f.errClosed("close")
	}
	var t *loop.Task
	if !f.loop.Closed() {
		t = f.task("File.Close")
	}
	f.closed = true
	shut := sync.OnceValue(f.disk.Close)
	defer func() { err = withName(shut(), f.name) }()
	if t == nil {
		return nil
	}
	if !f.single {
		if !insist(t, f.syncing.Lock) {
			return nil
		}
		defer f.syncing.Unlock()
		if !insist(t, f.turns.alone) {
			return nil
		}
		defer f.turns.endAlone()
	}
	if places := f.files.places(f.loop); places != nil {
		if !insist(t, places.Acquire) {
			return nil
		}
		defer places.Release()
	}
	f.files.run(t, &diskCall{op: "close", name: f.name, work: shut})
	return nil
}

// errClosed is the error of a call on a closed file.
func (f *file) errClosed(op string) error {
	return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
}

// task returns the running task.
func (f *file) task(method string) *loop.Task { return lowlevel.Running(f.loop, method) }
