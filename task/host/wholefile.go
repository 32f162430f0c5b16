package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// ReadFile returns the contents of a file of any FS. If the task is canceled between two reads, ReadFile
// returns the cancellation, and no contents.
func ReadFile(ctx context.Context, fsys FS, name string) ([]byte, error) {
	mustHave("ReadFile", fsys)
	f, err := fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if size := info.Size(); size < 1<<30 {
		b.Grow(int(size) + bytes.MinRead) // then the end of the file is found without growing
	}
	if _, err := b.ReadFrom(f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteFile writes data to a file of any FS. If there is no such file, it makes one, with perm before umask;
// otherwise it removes the old contents first. If WriteFile fails, or is canceled, the file may have a part of
// data, or nothing. A crash may leave the same: WriteFile syncs nothing. See [ReplaceFile].
func WriteFile(ctx context.Context, fsys FS, name string, data []byte, perm fs.FileMode) error {
	mustHave("WriteFile", fsys)
	f, err := fsys.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Close())
}

// ReplaceFile gives a file of any FS new contents, all at once: after a crash at any moment, the file
// has either the old contents or the new ones, whole. When ReplaceFile has returned nil, it has the new
// ones. ReplaceFile writes data to a temporary file in the same directory, makes that durable by Sync,
// renames it to name, and makes the entry durable by SyncDir.
//
// If ReplaceFile fails, or is canceled, before the Rename, the file is as before, and the temporary file is
// removed. If the SyncDir fails, or is canceled, other tasks already see the new contents, but after a crash
// the file may have the old ones. A crash, and Close of the loop, can leave the temporary file: its name is
// name with .tmp, or .tmp and a number, at the end. No later call uses it.
//
// The file is a new one, with perm before umask. If name is a symbolic link, the link is replaced. Two
// tasks may replace the same file at the same time: the Rename that comes last decides.
func ReplaceFile(ctx context.Context, fsys FS, name string, data []byte, perm fs.FileMode) error {
	mustHave("ReplaceFile", fsys)
	f, err := createTemporary(ctx, fsys, name, perm)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			insist(lowlevel.Current(ctx), func(own context.Context) error { // ctx may have ended
				if err := fsys.Remove(own, f.Name()); loop.IsCanceled(err) {
					return err
				}
				return nil
			})
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(ctx, f.Name(), name); err != nil {
		return err
	}
	renamed = true
	return fsys.SyncDir(ctx, filepath.Dir(name))
}

// maxTemporary is how many files a crash, or other tasks, may leave behind before ReplaceFile gives up.
const maxTemporary = 10_000

// createTemporary makes a file that is not there yet. Its name does not depend on chance, so that the order of
// events does not.
func createTemporary(ctx context.Context, fsys FS, name string, perm fs.FileMode) (File, error) {
	for n := 0; ; n++ {
		temporary := name + ".tmp"
		if n > 0 {
			temporary = fmt.Sprintf("%s.tmp%d", name, n)
		}
		f, err := fsys.OpenFile(ctx, temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) || n == maxTemporary {
			return f, err
		}
	}
}

// MkdirAll makes a directory in any FS, and the directories above it that are missing. A directory that is
// there already is no error.
func MkdirAll(ctx context.Context, fsys FS, name string, perm fs.FileMode) error {
	mustHave("MkdirAll", fsys)
	err := fsys.Mkdir(ctx, name, perm)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(name)
		if parent == name {
			return err
		}
		if err := MkdirAll(ctx, fsys, parent, perm); err != nil {
			return err
		}
		err = fsys.Mkdir(ctx, name, perm)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, e := fsys.Stat(ctx, name); !errors.As(e, new(*fs.PathError)) && (e != nil || info.IsDir()) {
		return e // nil, or the task was canceled
	}
	return err
}

// mustHave panics if fsys is nil.
func mustHave(function string, fsys FS) {
	if fsys == nil {
		panic("host: " + function + " in a nil FS; give it the FS of a Host")
	}
}
