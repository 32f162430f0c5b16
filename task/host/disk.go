package host

import (
	"io"
	"io/fs"

	"github.com/takt-go/takt/loop"
)

// A Disk has the files of one machine, for [NewFS]. There is one kind of Disk for each kind of world: the files of
// the operating system, a simulated disk. The FS does what is the same in all worlds: it suspends tasks, keeps the
// order of the calls on a File, and has the rules for cancellation, Close, and a Sync that fails. Programs that
// only use files need no Disk.
//
// Begin says when, and on which goroutine, a call runs. The other methods are the calls, and they do not suspend. The
// FS makes each of them inside of a work function that it gives to Begin, with one exception: it calls Close of a
// [DiskFile] directly if the task is being unwound, or the loop is closed. Names, flags and errors are those of
// package os.
type Disk interface {
	// Begin begins a call of a task of l: it arranges that work runs once, and that done runs later, as a callback of
	// the loop, and never inside of Begin. work runs on any goroutine, also inside of Begin, and makes one call on this
	// disk. op says which one: open, read, write, seek, truncate, sync, close, stat, lstat (for Info of an entry),
	// readdir, mkdir, rename, remove or syncdir. name is the name of the file that the program has given.
	//
	// If the task is unwound before done has run, because its realm has ended or the loop is being closed, the FS
	// calls abandon, on the goroutine of the loop. The disk waits for work there, or it drops the call. When
	// abandon has returned, work does not run, and does not begin any more, so the buffer of the caller is free. After
	// abandon, done need not run.
	Begin(l *loop.Loop, op, name string, work, done func()) (abandon func())
	Open(name string, flag int, perm fs.FileMode) (DiskFile, error)
	Stat(name string) (fs.FileInfo, error)
	// ReadDir returns the entries of a directory, sorted by name. Info of an entry is a call, too.
	ReadDir(name string) ([]fs.DirEntry, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(oldname, newname string) error
	Remove(name string) error
	SyncDir(name string) error
}

// A DiskFile is an open file of a [Disk]. Its methods follow the same rules. An [*os.File] is a DiskFile.
//
// At one time at most one call of the file runs, with these exceptions: calls of ReadAt and Stat run at the same
// time, and a Sync runs at the same time as calls that were begun later.
type DiskFile interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}
