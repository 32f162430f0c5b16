package host_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A device that is always full.
func TestFullDisk(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		fsys := host.System().FS
		err := host.WriteFile(ctx, fsys, "/dev/full", []byte("text"), 0)
		testkit.ErrorIs(t, err, syscall.ENOSPC)
		testkit.Equal(t, "the error", err.Error(), "write /dev/full: no space left on device")
	})
}

// A process that has no file descriptor left gets EMFILE, and goes on when it has closed a file.
func TestFilesWithoutDescriptors(t *testing.T) {
	var before syscall.Rlimit
	testkit.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	defer func() { testkit.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) }()
	root := tempRoot(t)
	testkit.Run(t, func(ctx context.Context) {
		fsys := host.System(host.WithRoot(root)).FS
		testkit.NoError(t, host.WriteFile(ctx, fsys, "a", []byte("text"), 0o600))
		few := before
		few.Cur = 64
		testkit.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
		var open []host.File
		defer func() {
			for _, f := range open {
				testkit.NoError(t, f.Close())
			}
		}()
		for {
			f, err := fsys.OpenFile(ctx, "a", os.O_RDONLY, 0)
			if err != nil {
				testkit.ErrorIs(t, err, syscall.EMFILE)
				break
			}
			open = append(open, f)
		}
		_, err := fsys.ReadDir(ctx, ".")
		testkit.ErrorIs(t, err, syscall.EMFILE)
		testkit.ErrorIs(t, fsys.SyncDir(ctx, "."), syscall.EMFILE)
		last := open[len(open)-1]
		open = open[:len(open)-1]
		testkit.NoError(t, last.Close())
		_, err = host.ReadFile(ctx, fsys, "a")
		testkit.NoError(t, err)
	})
}

// A file vanishes between two calls. An open file stays readable.
func TestFileThatVanishes(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	testkit.Run(t, func(ctx context.Context) {
		fsys := host.System().FS
		testkit.NoError(t, host.WriteFile(ctx, fsys, name, []byte("text"), 0o600))
		entries, err := fsys.ReadDir(ctx, dir)
		testkit.NoError(t, err)
		f, err := fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
		testkit.NoError(t, err)
		testkit.NoError(t, os.Remove(name))
		_, err = entries[0].Info()
		testkit.ErrorIs(t, err, fs.ErrNotExist)
		p := make([]byte, 9)
		n, err := f.Read(p)
		testkit.NoError(t, err)
		testkit.Equal(t, "the text", string(p[:n]), "text")
		testkit.NoError(t, f.Close())
	})
}

// The errors are those of package os: the same error numbers, whatever rights the tests run with.
func TestErrorsOfPackageOs(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	testkit.NoError(t, os.Mkdir(at("d"), 0o700))
	testkit.NoError(t, os.WriteFile(at("d/a"), nil, 0o600))
	testkit.NoError(t, os.WriteFile(at("secret"), nil, 0))
	testkit.NoError(t, os.Mkdir(at("closed"), 0))
	testkit.NoError(t, os.Symlink("circle", at("circle")))
	long := at(strings.Repeat("a", 300))
	number := func(err error) (n syscall.Errno) {
		errors.As(err, &n)
		return n
	}
	testkit.Run(t, func(ctx context.Context) {
		fsys := host.System().FS
		seen := map[syscall.Errno]bool{}
		compare := func(what string, got, want error) {
			t.Helper()
			testkit.Equal(t, "the error number of "+what, number(got), number(want))
			testkit.Equal(t, "the error of "+what, text(got), text(want))
			seen[number(want)] = true
		}
		for _, name := range []string{at("d"), at("d/a/b"), at("secret"), at("closed/a"), at("circle"), at("missing"), long, "", "/proc/version", "a\x00b"} {
			for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
				f, err := os.OpenFile(name, flag, 0)
				if err == nil {
					_ = f.Close()
				}
				g, got := fsys.OpenFile(ctx, name, flag, 0)
				if got == nil {
					_ = g.Close()
				}
				compare("OpenFile "+name, got, err)
			}
			_, err := os.Stat(name)
			_, got := fsys.Stat(ctx, name)
			compare("Stat "+name, got, err)
			_, err = os.ReadDir(name)
			_, got = fsys.ReadDir(ctx, name)
			compare("ReadDir "+name, got, err)
		}
		compare("Remove", fsys.Remove(ctx, at("d")), os.Remove(at("d")))
		compare("Mkdir", fsys.Mkdir(ctx, at("d")+"/a/b", 0o700), os.Mkdir(at("d")+"/a/b", 0o700))
		compare("Rename", fsys.Rename(ctx, at("d"), at("d/e")), os.Rename(at("d"), at("d/e")))
		compare("Rename", fsys.Rename(ctx, at("d/a"), at("d")), os.Rename(at("d/a"), at("d")))
		for _, n := range []syscall.Errno{0, syscall.EISDIR, syscall.ENOTDIR, syscall.ELOOP, syscall.ENOENT,
			syscall.ENAMETOOLONG, syscall.EINVAL, syscall.ENOTEMPTY, syscall.EEXIST} {
			testkit.Equal(t, "there was the error "+n.Error(), seen[n], true)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// No name leads out of a root.
func TestRoot(t *testing.T) {
	root := tempRoot(t)
	outside := filepath.Join(t.TempDir(), "outside")
	testkit.NoError(t, os.WriteFile(outside, nil, 0o600))
	testkit.NoError(t, os.Symlink(outside, filepath.Join(root.Name(), "link")))
	testkit.Run(t, func(ctx context.Context) {
		fsys := host.System(host.WithRoot(root)).FS
		for _, name := range []string{"../x", outside, "link"} {
			_, err := host.ReadFile(ctx, fsys, name)
			testkit.Equal(t, "the error of "+name, text(err), "openat "+name+": path escapes from parent")
		}
	})
}

// What is no directory fails at once as one. A named pipe does not wait for a process that writes.
func TestDirectoryThatIsNone(t *testing.T) {
	root := tempRoot(t)
	at := func(name string) string { return filepath.Join(root.Name(), name) }
	testkit.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	testkit.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	testkit.NoError(t, os.Mkdir(at("d"), 0o700))
	for from, to := range map[string]string{"to pipe": "pipe", "to file": "file", "to d": "d"} {
		testkit.NoError(t, os.Symlink(to, at(from)))
	}
	testkit.Run(t, func(ctx context.Context) {
		whole, below := host.System().FS, host.System(host.WithRoot(root)).FS
		for _, name := range []string{"pipe", "file", "to pipe", "to file"} {
			_, err := whole.ReadDir(ctx, at(name))
			_, want := os.ReadDir(at(name))
			testkit.Equal(t, "the error of ReadDir", text(err), text(want))
			testkit.Equal(t, "the error of SyncDir", text(whole.SyncDir(ctx, at(name))), text(want))
			_, err = below.ReadDir(ctx, name)
			testkit.ErrorIs(t, err, syscall.ENOTDIR)
			testkit.ErrorIs(t, below.SyncDir(ctx, name), syscall.ENOTDIR)
		}
		for _, name := range []string{"d", "to d"} {
			for _, err := range []error{whole.SyncDir(ctx, at(name)), below.SyncDir(ctx, name)} {
				testkit.NoError(t, err)
			}
			_, err := whole.ReadDir(ctx, at(name))
			testkit.NoError(t, err)
			_, err = below.ReadDir(ctx, name)
			testkit.NoError(t, err)
		}
	})
}

// A named pipe can be opened and read while another task opens and writes it: each call has a place.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "pipe")
	testkit.NoError(t, syscall.Mkfifo(name, 0o600))
	_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
		fsys := host.System().FS
		reader := testkit.Spawn(ctx, "reader", func(ctx context.Context) error {
			text, err := host.ReadFile(ctx, fsys, name)
			testkit.Equal(t, "the text", string(text), "text")
			return err
		})
		err := host.WriteFile(ctx, fsys, name, []byte("text"), 0)
		return 0, errors.Join(err, reader.Wait(ctx))
	})
	testkit.NoError(t, err)
}
