package host

import (
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A systemDisk is the Disk of [System]. It has the calls to the operating system, which block. Tests put other
// functions in their place.
type systemDisk struct {
	open   func(name string, flag int, perm fs.FileMode) (systemFile, error)
	stat   func(name string) (fs.FileInfo, error)
	mkdir  func(name string, perm fs.FileMode) error
	rename func(oldname, newname string) error
	remove func(name string) error
}

// A systemFile is an [*os.File].
type systemFile interface {
	DiskFile
	ReadDir(n int) ([]fs.DirEntry, error)
}

// wholeDisk has the files of package os.
func wholeDisk() *systemDisk {
	return &systemDisk{opens(os.OpenFile), os.Stat, os.Mkdir, os.Rename, os.Remove}
}

// rootDisk has the files below root.
func rootDisk(root *os.Root) *systemDisk {
	return &systemDisk{opens(root.OpenFile), root.Stat, root.Mkdir, root.Rename, root.Remove}
}

// opens returns open as a function that returns a systemFile, which is nil if there is an error.
func opens(open func(string, int, fs.FileMode) (*os.File, error)) func(string, int, fs.FileMode) (systemFile, error) {
	return func(name string, flag int, perm fs.FileMode) (systemFile, error) {
		f, err := open(name, flag, perm)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

// Begin makes the call on another goroutine. A call that has begun cannot be taken back, so abandon waits for its end.
func (*systemDisk) Begin(l *loop.Loop, _, _ string, work, done func()) (abandon func()) {
	returned := make(chan struct{})
	lowlevel.Offload(l, func() {
		defer close(returned)
		work()
	}, done)
	return func() { <-returned }
}

func (d *systemDisk) Open(name string, flag int, perm fs.FileMode) (DiskFile, error) {
	return d.open(name, flag, perm)
}

func (d *systemDisk) Stat(name string) (fs.FileInfo, error)     { return d.stat(name) }
func (d *systemDisk) Mkdir(name string, perm fs.FileMode) error { return d.mkdir(name, perm) }
func (d *systemDisk) Rename(oldname, newname string) error      { return d.rename(oldname, newname) }
func (d *systemDisk) Remove(name string) error                  { return d.remove(name) }

func (d *systemDisk) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := d.open(name, os.O_RDONLY|directoryOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, withName(err, name)
}

func (d *systemDisk) SyncDir(name string) error {
	f, err := d.open(name, os.O_RDONLY|directoryOnly, 0)
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
