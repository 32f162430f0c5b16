package host

import (
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// A disk has the calls to the operating system, which block. Tests put other functions in their place.
type disk struct {
	open   func(name string, flag int, perm fs.FileMode) (diskFile, error)
	stat   func(name string) (fs.FileInfo, error)
	mkdir  func(name string, perm fs.FileMode) error
	rename func(oldname, newname string) error
	remove func(name string) error
}

// A diskFile is an [*os.File].
type diskFile interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	ReadDir(n int) ([]fs.DirEntry, error)
}

// wholeDisk has the files of package os.
func wholeDisk() disk {
	return disk{opens(os.OpenFile), os.Stat, os.Mkdir, os.Rename, os.Remove}
}

// rootDisk has the files below root.
func rootDisk(root *os.Root) disk {
	return disk{opens(root.OpenFile), root.Stat, root.Mkdir, root.Rename, root.Remove}
}

// opens returns open as a function that returns a diskFile, which is nil if there is an error.
func opens(open func(string, int, fs.FileMode) (*os.File, error)) func(string, int, fs.FileMode) (diskFile, error) {
	return func(name string, flag int, perm fs.FileMode) (diskFile, error) {
		f, err := open(name, flag, perm)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

func (d disk) readDir(name string) ([]fs.DirEntry, error) {
	f, err := d.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, withName(err, name)
}

func (d disk) syncDir(name string) error {
	f, err := d.open(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return withName(err, name)
	case !info.IsDir():
		return &fs.PathError{Op: "sync", Path: name, Err: syscall.ENOTDIR}
	case runtime.GOOS == "windows": // FlushFileBuffers refuses directories
		return nil
	}
	return withName(f.Sync(), name)
}

// withName gives an error the name that the program has used. (The name of a file below a root has the root's
// name before it.)
func withName(err error, name string) error {
	if e, ok := err.(*fs.PathError); ok && e.Path != name {
		return &fs.PathError{Op: e.Op, Path: name, Err: e.Err}
	}
	return err
}
