package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/task/host"
)

// A directory is one of the operating system. Names begin with its path.
type directory string

func (d directory) Open(name string, flag int, perm fs.FileMode) (host.DiskFile, error) {
	f, err := os.OpenFile(string(d)+name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d directory) Stat(name string) (fs.FileInfo, error)      { return os.Stat(string(d) + name) }
func (d directory) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(string(d) + name) }
func (d directory) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(string(d)+name, perm) }
func (d directory) Remove(name string) error                   { return os.Remove(string(d) + name) }
func (d directory) Rename(oldname, newname string) error {
	return os.Rename(string(d)+oldname, string(d)+newname)
}

// calls is what a simulated disk and the operating system both have.
type calls interface {
	Open(name string, flag int, perm fs.FileMode) (host.DiskFile, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(oldname, newname string) error
	Remove(name string) error
}

// outcome describes an error by its cause, without the names.
func outcome(err error) string {
	var errno syscall.Errno
	var path *fs.PathError
	var link *os.LinkError
	kind := fmt.Sprintf("%T", err)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		if errors.As(err, &path) || errors.As(err, &link) {
			return kind + " " + errno.Error()
		}
	case errors.As(err, &path):
		return kind + " " + path.Err.Error()
	}
	return kind + " " + err.Error()
}

func describe(i fs.FileInfo, err error) string {
	if err != nil {
		return outcome(err)
	}
	size := i.Size()
	if i.IsDir() {
		size = 0
	}
	return fmt.Sprint(i.Name(), " ", size, " ", i.Mode())
}

// Random calls on a simulated disk have the results, and the errors, that they have on the operating system. Files
// are renamed and removed while they are open.
func TestDiskIsLikeTheOperatingSystem(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	seeds := uint64(200)
	if testkit.Race {
		seeds = 20
	}
	for seed := range seeds {
		var files [2][]host.DiskFile
		disks := []calls{directory(t.TempDir() + "/"), bareDisk()}
		history := ""
		for range 60 {
			var results [2]string
			op := ""
			for i, d := range disks { // both get the same numbers
				op, results[i] = call(rand.New(rand.NewPCG(seed, uint64(len(history)))), d, &files[i])
			}
			history += op + ": " + results[0] + "\n"
			if results[0] != results[1] {
				t.Fatalf("seed %d: %sthe simulated disk: %s", seed, history, results[1])
			}
		}
		for _, all := range files {
			for _, f := range all {
				f.Close()
			}
		}
	}
}

// The end of a call is beyond all offsets that there are.
func TestOffsetsThatAreTooLargeAreLikeOnTheOperatingSystem(t *testing.T) {
	var all [2][]string
	for i, d := range []calls{directory(t.TempDir() + "/"), bareDisk()} {
		f, err := d.Open("a", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, off := range []int64{math.MaxInt64, math.MaxInt64 - 1} {
			for _, call := range []func([]byte, int64) (int, error){f.WriteAt, f.ReadAt} {
				n, err := call(make([]byte, 2), off)
				all[i] = append(all[i], fmt.Sprint(n, " ", outcome(err)))
			}
		}
	}
	if !slices.Equal(all[0], all[1]) {
		t.Errorf("the operating system: %q, the simulated disk: %q", all[0], all[1])
	}
}

// call makes a call that chance decides. It describes the call, and the result.
func call(chance *rand.Rand, d calls, files *[]host.DiskFile) (op, result string) {
	long := strings.Repeat("x", 256)
	pick := func(from ...string) string { return from[chance.IntN(len(from))] }
	name := func() string {
		return pick("a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "a/b", "./a", "d/../b", "d/", "d/.", ".", "c/", "d/e/../a", "d/..", "d/e/../", long, "d/"+long, long+"/a")
	}
	if len(*files) == 0 || chance.IntN(3) == 0 {
		switch a := name(); pick("open", "open", "open", "stat", "readdir", "mkdir", "mkdir", "rename", "remove") {
		case "open":
			flag := []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_RDWR}[chance.IntN(4)]
			for _, one := range []int{os.O_CREATE, os.O_EXCL, os.O_TRUNC, os.O_APPEND, syscall.O_DIRECTORY} {
				if chance.IntN(2) == 0 {
					flag |= one
				}
			}
			if flag&os.O_CREATE == 0 {
				flag &^= os.O_EXCL
			} else {
				flag &^= syscall.O_DIRECTORY // what both together mean depends on the version of Linux
			}
			f, err := d.Open(a, flag, 0o666)
			if err == nil {
				*files = append(*files, f)
			}
			return fmt.Sprintf("open %s %#x", a, flag), outcome(err)
		case "stat":
			return "stat " + a, describe(d.Stat(a))
		case "readdir":
			all, err := d.ReadDir(a)
			var text strings.Builder
			for _, e := range all {
				text.WriteString(describe(e.Info()) + ", ")
			}
			return "readdir " + a, text.String() + outcome(err)
		case "mkdir":
			return "mkdir " + a, outcome(d.Mkdir(a, 0o777))
		case "rename":
			b := name()
			return "rename " + a + " " + b, outcome(d.Rename(a, b))
		default:
			return "remove " + a, outcome(d.Remove(a))
		}
	}
	at := chance.IntN(len(*files))
	f := (*files)[at]
	off := int64(chance.IntN(40) - 2)
	b := []byte("0123456789"[:chance.IntN(10)])
	switch op := pick("write", "writeat", "read", "readat", "seek", "truncate", "stat", "sync", "close"); op {
	case "write":
		n, err := f.Write(b)
		return fmt.Sprint(op, at, len(b)), fmt.Sprint(n, outcome(err))
	case "writeat":
		n, err := f.WriteAt(b, off)
		return fmt.Sprint(op, at, len(b), off), fmt.Sprint(n, outcome(err))
	case "read":
		n, err := f.Read(b)
		return fmt.Sprint(op, at, len(b)), fmt.Sprintf("%q %s", b[:max(n, 0)], outcome(err))
	case "readat":
		n, err := f.ReadAt(b, off)
		return fmt.Sprint(op, at, len(b), off), fmt.Sprintf("%q %s", b[:n], outcome(err))
	case "seek":
		whence := chance.IntN(3)
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return op, "in a directory each file system does what it likes"
		}
		n, err := f.Seek(off, whence)
		return fmt.Sprint(op, at, off, whence), fmt.Sprint(n, outcome(err))
	case "truncate":
		return fmt.Sprint(op, at, off), outcome(f.Truncate(off))
	case "stat":
		return fmt.Sprint(op, at), describe(f.Stat())
	case "sync":
		return fmt.Sprint(op, at), outcome(f.Sync())
	default:
		*files = slices.Delete(*files, at, at+1)
		return fmt.Sprint(op, at), outcome(f.Close())
	}
}
