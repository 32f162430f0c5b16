package host

import (
	"context"
	"io/fs"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// NewFS returns an FS with the files of d. Programs that only use files need no NewFS. It panics if d is nil.
//
// NewFS sets no limit to the number of calls at the same time: Begin of d does, where there is one.
func NewFS(d Disk) FS {
	if d == nil {
		panic("host: NewFS(nil); give it a Disk")
	}
	return &files{disk: d}
}

// files is an FS.
type files struct {
	disk Disk
	pool *callPool // nil if the number of calls at the same time has no limit
}

// newFiles returns the FS of [System].
func newFiles(d Disk, limit int) *files { return &files{d, &callPool{limit: limit}} }

func (s *files) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error) {
	l := lowlevel.LoopOf(ctx)
	f := &file{name: name, files: s, loop: l, single: s.pool != nil && s.pool.limitOf(l) == 1}
	if err := s.do(ctx, nil, "open", name, func() (err error) {
		f.disk, err = s.disk.Open(name, flag, perm)
		return err
	}); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *files) Stat(ctx context.Context, name string) (info fs.FileInfo, err error) {
	err = s.do(ctx, nil, "stat", name, func() (err error) {
		info, err = s.disk.Stat(name)
		return err
	})
	return info, err
}

func (s *files) ReadDir(ctx context.Context, name string) (entries []fs.DirEntry, err error) {
	err = s.do(ctx, nil, "readdir", name, func() (err error) {
		entries, err = s.disk.ReadDir(name)
		return err
	})
	l := lowlevel.LoopOf(ctx)
	for i, e := range entries {
		entries[i] = &entry{e, s, l}
	}
	return entries, err
}

func (s *files) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return s.do(ctx, nil, "mkdir", name, func() error { return s.disk.Mkdir(name, perm) })
}

func (s *files) Rename(ctx context.Context, oldname, newname string) error {
	return s.do(ctx, nil, "rename", oldname, func() error { return s.disk.Rename(oldname, newname) })
}

func (s *files) Remove(ctx context.Context, name string) error {
	return s.do(ctx, nil, "remove", name, func() error { return s.disk.Remove(name) })
}

func (s *files) SyncDir(ctx context.Context, name string) error {
	return s.do(ctx, nil, "syncdir", name, func() error { return s.disk.SyncDir(name) })
}

// An entry is an entry of a directory. Its Info may have to ask the operating system.
type entry struct {
	fs.DirEntry
	files *files
	loop  *loop.Loop
}

func (e *entry) Info() (info fs.FileInfo, err error) {
	ctx := lowlevel.Running(e.loop, "DirEntry.Info").Context()
	err = e.files.do(ctx, nil, "lstat", e.Name(), func() (err error) {
		info, err = e.DirEntry.Info()
		return err
	})
	return info, err
}

func (e *entry) String() string { return fs.FormatDirEntry(e) }
