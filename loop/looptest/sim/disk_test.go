package sim_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/host/hosttest"
)

// The rules of FS hold for a simulated disk, in many orders of events.
func TestDiskKeepsTheRulesOfFS(t *testing.T) {
	hosttest.RunFS(t, func(t hosttest.T, body hosttest.FSBody) {
		looptest.Explore(t.(testing.TB), looptest.Sample(1, 50), func(ctx context.Context, t *looptest.T) {
			body(ctx, t, sim.New(ctx, t).Host("a").FS)
		})
	})
}

// Random operations have the results of a model, which is a map.
func TestDiskIsAMapOfBytes(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		noise := t.Rand("operations")
		hosttest.ModelFS(ctx, t, sim.New(ctx, t).Host("a").FS, func(_ string, n int) int { return noise.IntN(n) })
	})
}

// An offset that is too large is an error, as on the operating system, and no panic.
func TestOffsetsThatAreTooLarge(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		f, err := w.Host("a").FS.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		two := []byte("ab")
		wants := func(what string, n int64, err, want error) {
			t.Helper()
			if n != 0 || !errors.Is(err, want) {
				t.Errorf("%s returns %d, %v; want 0, %v", what, n, err, want)
			}
		}
		for _, c := range []struct {
			off         int64
			write, read error
		}{
			{math.MaxInt64, syscall.EINVAL, syscall.EINVAL},
			{math.MaxInt64 - 1, syscall.EINVAL, syscall.EINVAL},
			{math.MaxInt64 - 2, syscall.EFBIG, io.EOF},
			{1<<30 - 1, syscall.EFBIG, io.EOF},
		} {
			n, err := f.WriteAt(two, c.off)
			wants(fmt.Sprint("WriteAt ", c.off), int64(n), err, c.write)
			n, err = f.ReadAt(two, c.off)
			wants(fmt.Sprint("ReadAt ", c.off), int64(n), err, c.read)
		}
		wants("Truncate", 0, f.Truncate(math.MaxInt64), syscall.EFBIG)
		if at, err := f.Seek(math.MaxInt64-1, io.SeekStart); at != math.MaxInt64-1 || err != nil {
			t.Errorf("Seek returns %d, %v", at, err)
		}
		for _, offset := range []int64{2, math.MaxInt64, math.MinInt64} {
			at, err := f.Seek(offset, io.SeekCurrent)
			wants(fmt.Sprint("Seek ", offset), at, err, syscall.EINVAL)
		}
		n, err := f.Write(two)
		wants("Write after Seek", int64(n), err, syscall.EINVAL)
		n, err = f.Read(two)
		wants("Read after Seek", int64(n), err, syscall.EINVAL)
		if _, err := f.WriteAt(two, 5); err != nil {
			t.Error(err)
		}
		at, err := f.Seek(math.MaxInt64, io.SeekEnd)
		wants("Seek from the end", at, err, syscall.EINVAL)
	})
}

// Errors name the call, and the path, as those of package os do.
func TestErrorsOfDirectories(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		fsys := w.Host("a").FS
		err := errors.Join(fsys.Mkdir(ctx, "d", 0o700), host.WriteFile(ctx, fsys, "d/f", nil, 0o600))
		entries, err2 := fsys.ReadDir(ctx, "d")
		if err != nil || err2 != nil || len(entries) != 1 {
			t.Fatalf("%v; the directory has %v, %v", err, entries, err2)
		}
		_, err = fsys.ReadDir(ctx, "d/f")
		err = errors.Join(err, fsys.SyncDir(ctx, "x"), fsys.SyncDir(ctx, "d/f/"), fsys.SyncDir(ctx, "d/f"), fsys.Remove(ctx, "d/f"))
		_, err2 = entries[0].Info()
		want := "readdirent d/f: not a directory\n" +
			"open x: no such file or directory\n" +
			"open d/f/: not a directory\n" +
			"sync d/f: not a directory\n" +
			"lstat d/f: no such file or directory"
		if got := strings.ToLower(errors.Join(err, err2).Error()); got != want {
			t.Errorf("the errors are\n%s\nwant\n%s", got, want)
		}
	})
}

// If a call on a disk panics, at its beginning or at its end, the run fails with the panic, and no task waits for ever.
func TestCallThatPanics(t *testing.T) {
	here, ends := 0, 0
	r := record(t, func(tb testing.TB) {
		looptest.Run(tb, func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			w.Host("a")
			disk := sim.PanickingFS(w, "a")
			for range 20 {
				func() {
					defer func() {
						if recover() != nil {
							here++
						}
					}()
					_, _ = disk.Stat(ctx, "x")
				}()
			}
			ends++
		})
	})
	if here == 0 || here == 20*ends || ends == 0 {
		t.Errorf("of %d calls %d panicked at their beginning", 20*ends, here)
	}
	contains(t, r.report(), "a callback panicked: panic in a callback: Stat of x")
	if strings.Contains(r.report(), "deadlock") {
		t.Errorf("a task waits for ever:\n%s", r.report())
	}
}

// A program is the program of one incarnation.
type program = func(ctx context.Context, h *host.Host) error

// withPrograms makes a node with one program for each incarnation.
func withPrograms(w *sim.World, name string, programs ...program) *sim.Node {
	n := 0
	return w.Node(name, func(ctx context.Context, h *host.Host) error {
		n++
		return programs[n-1](ctx, h)
	})
}

// ended waits until the program of a node has returned.
func ended(ctx context.Context, n *sim.Node) {
	for n.Up() {
		_ = task.Sleep(ctx, time.Millisecond)
	}
}

// An unwound task writes nothing: not by a call that is in flight, and not by deferred calls.
func TestUnwoundTasksDoNotReachTheDisk(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 500), func(ctx context.Context, t *looptest.T) {
		ready := false
		w := sim.New(ctx, t)
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
			f, err := h.FS.OpenFile(ctx, "log", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				return err
			}
			defer func() {
				if n, err := f.Write([]byte("deferred")); n != 0 || err == nil {
					t.Errorf("a deferred Write returns %d, %v", n, err)
				}
				if f.Sync() == nil || host.WriteFile(ctx, h.FS, "deferred", nil, 0o600) == nil || h.FS.Remove(ctx, "log") == nil {
					t.Error("a deferred call succeeds")
				}
				if err := f.Close(); err != nil {
					t.Errorf("a deferred Close returns %v", err)
				}
			}()
			if _, err := f.Write([]byte("text")); err != nil {
				return err
			}
			if err := cmp.Or(f.Sync(), h.FS.SyncDir(ctx, "/")); err != nil {
				return err
			}
			ready = true
			for {
				if err := f.Truncate(0); err != nil {
					return err
				}
				if _, err := f.Write([]byte("text")); err != nil {
					return err
				}
			}
		}, func(ctx context.Context, h *host.Host) error {
			got, err := host.ReadFile(ctx, h.FS, "log")
			if err != nil || string(got) != "text" && string(got) != "" && string(got) != "\x00\x00\x00\x00" {
				t.Errorf("the file has %q, %v", got, err)
			}
			entries, err := h.FS.ReadDir(ctx, "/")
			if err != nil || len(entries) != 1 {
				t.Errorf("the directory has %v, %v", entries, err)
			}
			return nil
		})
		for !ready {
			_ = task.Sleep(ctx, time.Millisecond)
		}
		_ = task.Sleep(ctx, time.Duration(t.Rand("crash").IntN(100_000)))
		n.Crash()
		n.Start()
		ended(ctx, n)
	})
}

// A disk does not keep the data of files that no crash gives a name again.
func TestTemporaryFilesAreForgotten(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
			for i := range 1000 {
				name := fmt.Sprint("tmp", i)
				if err := host.WriteFile(ctx, h.FS, name, []byte("text"), 0o600); err != nil {
					return err
				}
				if err := h.FS.Remove(ctx, name); err != nil {
					return err
				}
				if i%10 == 0 {
					if err := h.FS.SyncDir(ctx, "."); err != nil {
						return err
					}
				}
			}
			return nil
		})
		ended(ctx, n)
		if n := sim.Unsynced(n); n > 100 {
			t.Errorf("the disk keeps the data of %d files", n)
		}
	})
}
