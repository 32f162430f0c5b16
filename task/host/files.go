package host

import (
	"context"
	"io/fs"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// files is the FS of [System].
type files struct {
	disk disk
	pool callPool
}

func newFiles(d disk, limit int) *files { return &files{disk: d, pool: callPool{limit: limit}} }

func (s *files) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error) {
	l := lowlevel.LoopOf(ctx)
	f := &file{name: name, loop: l, places: s.pool.of(l)}
	if err := s.do(ctx, "open", name, func() (err error) {
		f.disk, err = s.disk.open(name, flag, perm)
		return err
	}); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *files) Stat(ctx context.Context, name string) (info fs.FileInfo, err error) {
	err = s.do(ctx, "stat", name, func() (err error) {
		info, err = s.disk.stat(name)
		return err
	})
	return info, err
}

func (s *files) ReadDir(ctx context.Context, name string) (entries []fs.DirEntry, err error) {
	err = s.do(ctx, "readdir", name, func() (err error) {
		entries, err = s.disk.readDir(name)
		return err
	})
	l := lowlevel.LoopOf(ctx)
	for i, e := range entries {
		entries[i] = &entry{e, s, l}
	}
	return entries, err
}

func (s *files) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return s.do(ctx, "mkdir", name, func() error { return s.disk.mkdir(name, perm) })
}

func (s *files) Rename(ctx context.Context, oldname, newname string) error {
	return s.do(ctx, "rename", oldname, func() error { return s.disk.rename(oldname, newname) })
}

func (s *files) Remove(ctx context.Context, name string) error {
	return s.do(ctx, "remove", name, func() error { return s.disk.remove(name) })
}

func (s *files) SyncDir(ctx context.Context, name string) error {
	return s.do(ctx, "syncdir", name, func() error { return s.disk.syncDir(name) })
}

// do runs work on another goroutine, and returns its error.
func (s *files) do(ctx context.Context, op, name string, work func() error) error {
	var done error
	if err := call(ctx, s.pool.of(lowlevel.LoopOf(ctx)), &callInfo{op, name}, func() { done = work() }); err != nil {
		return err
	}
	return done
}

// An entry is an entry of a directory. Its Info may have to ask the operating system.
type entry struct {
	fs.DirEntry
	files *files
	loop  *loop.Loop
}

func (e *entry) Info() (info fs.FileInfo, err error) {
	ctx := lowlevel.Running(e.loop, "DirEntry.Info").Context()
	err = e.files.do(ctx, "lstat", e.Name(), func() (err error) {
		info, err = e.DirEntry.Info()
		return err
	})
	return info, err
}

func (e *entry) String() string { return fs.FormatDirEntry(e) }
