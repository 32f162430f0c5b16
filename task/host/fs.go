package host

import (
	"context"
	"io"
	"io/fs"
)

// An FS has files. Names, flags and errors are those of package os: an error is an [*fs.PathError], or an
// [*os.LinkError], with the error number of the operating system.
//
// All methods suspend the running task until the call has ended. ctx must belong to that task.
//
// The real FS makes each call on another goroutine, in one of a number of places: see [WithFileCalls]. That
// costs some microseconds more than the call itself. So read and write through a buffer, as with package os.
//
// # Cancellation
//
// A call that has begun cannot be taken back. If the task is canceled, or ctx ends, before the call has
// begun, the call is not made, and the method returns the reason. If that happens later, the method waits
// for the end of the call, and returns its results, such as an open file; the next suspension delivers the
// cancellation. So a time limit around a call takes as long as the disk. If the loop is closed during a call,
// Close waits for the call, and the method still returns its results. (A simulated disk drops the call. Then the method
// returns the cancellation.)
//
// # Order
//
// The calls on one [File] have an order. Calls of several tasks on different files, and the methods of the
// FS, run at the same time, and may come to the disk in any order. If the order matters, make the second call
// after the first one has returned.
//
// In a loop with a virtual clock, the real FS runs the calls of all tasks one at a time, in the order in which the tasks
// made them. The loop notices the end of a call when nothing else is ready, and the virtual time stands still
// until then. So the results and the order of events depend on the program alone.
//
// # What a crash leaves
//
// The contents of a file are safe from a power cut after [File.Sync], and the entries of a directory after
// SyncDir. Before that, a power cut may undo each write, and each entry that was made, renamed or removed:
// all of them or some, in any order. [ReplaceFile] does what is necessary for the most frequent case.
type FS interface {
	// OpenFile opens a file. flag and perm are those of [os.OpenFile]. The File belongs to the loop of ctx.
	// A named pipe or a terminal can keep a call waiting for ever, and its place taken.
	OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error)
	// Stat describes a file. It follows symbolic links.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// ReadDir returns the entries of a directory, sorted by name. The method Info of an entry suspends the
	// running task, as the methods of a File do. If ReadDir fails in the middle, it returns the entries that
	// it has, and the error.
	ReadDir(ctx context.Context, name string) ([]fs.DirEntry, error)
	// Mkdir makes a directory.
	Mkdir(ctx context.Context, name string, perm fs.FileMode) error
	// Rename gives a file another name. If newname is a file, it is replaced, and at no time there is no file
	// of that name. (Where the operating system allows that: see [os.Rename].)
	Rename(ctx context.Context, oldname, newname string) error
	// Remove removes a file, or an empty directory.
	Remove(ctx context.Context, name string) error
	// SyncDir makes the entries of a directory durable: when it has returned nil, a power cut does not undo
	// that files were created there, renamed or removed. It says nothing about their contents, nor about the
	// entry of the directory itself. Windows has no such call: there SyncDir only checks that name is a
	// directory, and the file system's journal keeps the entries in order.
	SyncDir(ctx context.Context, name string) error
}

// A File is an open file. Its methods have no context, so that code that knows nothing of takt can use a
// File: bufio, encoding/json, compress/gzip, archive/zip. They suspend the running task of the loop to which
// the file belongs. Called from another goroutine, or from a callback, they panic. Cancellation is as in [FS]; a
// standard context cannot end a call.
//
// Several tasks may use one File. Each call finds the file as the calls before it have left it, in the order
// in which the tasks made the calls. Calls of ReadAt and Stat run at the same time, and a Sync runs at the same
// time as later calls. All other calls run alone. (Two Files with the same name know nothing of each other.)
//
// When a File is closed, its methods return an [*fs.PathError] with [fs.ErrClosed].
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	// Close closes the file. From now on no call begins, also none that waits for its turn or a place. Close waits for
	// the calls that have begun. Its error is that of the operating system: some file systems find out only
	// now that they cannot keep what was written. Close closes the file even if the task was canceled; the
	// next suspension delivers the cancellation. So a deferred Close always works, also while the loop is
	// being closed, and after that. A second Close returns [fs.ErrClosed].
	Close() error
	// Name returns the name that OpenFile was given. It does not suspend.
	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes the contents of the file durable, as all calls before it have left them. The entry of the
	// file in its directory needs SyncDir.
	//
	// If Sync fails, it is not known which of the writes since the last successful Sync are on the disk, and
	// a read may return data that is not. A second try does not help: operating systems forget the pages that
	// they could not write, and report success the next time, although the data is lost. (The developers of
	// PostgreSQL found that out in 2018: see https://wiki.postgresql.org/wiki/Fsync_Errors.) So after a
	// failure, each later Sync of this File returns the same error. To recover, write the data again, to a
	// new file; or end the program, and recover from a log.
	Sync() error
}
