package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// faulty explores programs on a disk with faults, after the first one has prepared it.
func faulty(t *testing.T, f sim.DiskFaults, programs ...func(ctx context.Context, t *looptest.T, fsys host.FS) error) {
	t.Helper()
	looptest.Explore(t, looptest.Sample(1, many(1000)), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		var all []program
		for _, p := range programs {
			all = append(all, func(ctx context.Context, h *host.Host) error { return p(ctx, t, h.FS) })
		}
		n := withPrograms(w, "a", all...)
		ended(ctx, n)
		n.SetDisk(f)
		for range programs[1:] {
			n.Start()
			for i := 0; n.Up() && i < 100; i++ {
				_ = task.Sleep(ctx, 100*time.Millisecond)
			}
			n.Crash()
			n.SetDisk(sim.DiskFaults{})
		}
	})
}

func wants(t *looptest.T, what string, err, want error) {
	t.Helper()
	var e *fs.PathError
	if !errors.Is(err, want) || !errors.As(err, &e) || e.Path != "a" {
		t.Errorf("%s: the error is a %T: %v, want a PathError for a with %v", what, err, err, want)
	}
}

func prepare(text string) func(ctx context.Context, t *looptest.T, fsys host.FS) error {
	return func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		return host.ReplaceFile(ctx, fsys, "a", []byte(text), 0o600)
	}
}

func open(ctx context.Context, t *looptest.T, fsys host.FS, flag int) host.File {
	t.Helper()
	f, err := fsys.OpenFile(ctx, "a", flag, 0o600)
	if err != nil {
		t.Fatalf("OpenFile: %v", err)
	}
	return f
}

// After a Sync that has failed, the data may be gone, although a Sync of another File succeeds. Programs still read
// it until the crash. What is written again to the same block is durable, with the rest of the block. A program that
// gives up with the error does not fail the test.
func TestSyncThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		again string
		off   int64
		want  []string
	}{
		"no write":                  {"", 0, []string{"two", "one after a failure", "two after a failure"}},
		"a write to the block":      {"X", 3, []string{"twoX", "twoX after a failure"}},
		"a write to the next block": {"X", 512, []string{"two", "one after a failure", "two after a failure"}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen tally
			failed, gaveUp := false, 0
			faulty(t, sim.DiskFaults{SyncFails: 0.5}, prepare("one"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
				f := open(ctx, t, fsys, os.O_RDWR)
				defer f.Close()
				_, err := f.Write([]byte("two"))
				if err != nil {
					return err
				}
				err = f.Sync()
				if failed = err != nil; failed {
					wants(t, "Sync", err, syscall.EIO)
					if second := f.Sync(); second != err {
						t.Errorf("the second Sync returns %v", second)
					}
				}
				if got := read("a")(ctx, fsys); got != "two" {
					t.Errorf("the program reads %q", got)
				}
				g := open(ctx, t, fsys, os.O_RDWR)
				defer g.Close()
				if _, err := g.WriteAt([]byte(c.again), c.off); err != nil {
					return err
				}
				if err := g.Sync(); err != nil {
					gaveUp++
					return fmt.Errorf("the program gives up: %w", err)
				}
				return task.Sleep(ctx, task.NoLimit)
			}, func(ctx context.Context, t *looptest.T, fsys host.FS) error {
				got := strings.TrimRight(read("a")(ctx, fsys)[:min(4, 3+len(c.again))], "\x00")
				if failed {
					got += " after a failure"
				}
				seen.add(got)
				return nil
			})
			seen.is(t, c.want...)
			if gave := gaveUp > 0; gave != (c.again != "") {
				t.Errorf("the second File has failed %d times", gaveUp)
			}
		})
	}
}

// A SyncDir that fails leaves the entries as they are, and a later one makes them durable.
func TestSyncDirThatFails(t *testing.T) {
	var seen tally
	faulty(t, sim.DiskFaults{SyncFails: 0.5}, prepare("one"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		if err := fsys.Remove(ctx, "a"); err != nil {
			return err
		}
		first, second := fsys.SyncDir(ctx, "."), fsys.SyncDir(ctx, ".")
		seen.add(fmt.Sprintf("%t %t", first == nil, second == nil))
		for _, err := range []error{first, second} {
			if err != nil && (!errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "sync .: ")) {
				t.Errorf("the error is %v", err)
			}
		}
		return task.Sleep(ctx, task.NoLimit)
	}, func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		seen.add(read("a")(ctx, fsys))
		return nil
	})
	seen.is(t, "true true", "true false", "false true", "false false", "one", "error: open a: no such file or directory")
}

// A write to a full disk is done in part.
func TestFullDisk(t *testing.T) {
	var seen tally
	faulty(t, sim.DiskFaults{Full: 0.5}, prepare("one"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		f := open(ctx, t, fsys, os.O_RDWR)
		defer f.Close()
		n, err := f.Write([]byte("TWO"))
		if (n == 3) != (err == nil) {
			t.Errorf("Write returns %d, %v", n, err)
		}
		if err != nil {
			wants(t, "Write", err, syscall.ENOSPC)
		}
		if got, want := read("a")(ctx, fsys), "TWO"[:n]+"one"[n:]; got != want {
			t.Errorf("after a write of %d bytes the file has %q", n, got)
		}
		seen.add(fmt.Sprint(n))
		mkdir, create := fsys.Mkdir(ctx, "d", 0o700), host.WriteFile(ctx, fsys, "b", nil, 0o600)
		for _, err := range []error{mkdir, create} {
			if err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the error is %v", err)
			}
		}
		seen.add(fmt.Sprint("mkdir ", mkdir == nil))
		seen.add(fmt.Sprint("create ", create == nil))
		return err
	})
	seen.is(t, "0", "1", "2", "3", "mkdir true", "mkdir false", "create true", "create false")
}

func TestCapacityOfADisk(t *testing.T) {
	faulty(t, sim.DiskFaults{Capacity: 10}, prepare("12345"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		if err := host.WriteFile(ctx, fsys, "b", []byte("123"), 0o600); err != nil {
			return err
		}
		f := open(ctx, t, fsys, os.O_RDWR|os.O_APPEND)
		defer f.Close()
		n, err := f.Write([]byte("678"))
		wants(t, "Write", err, syscall.ENOSPC)
		got := read("a")(ctx, fsys)
		if n != 2 || got != "1234567" {
			t.Errorf("Write returns %d, and the file has %q", n, got)
		}
		if err := fsys.Remove(ctx, "b"); err != nil {
			return err
		}
		if _, err := f.Write([]byte("890")); err != nil {
			return err
		}
		g := open(ctx, t, fsys, os.O_RDWR)
		defer g.Close()
		if _, err := g.Write([]byte("abc")); err != nil { // nothing grows
			return err
		}
		n, err = g.WriteAt([]byte("x"), 20)
		if n != 0 {
			t.Errorf("WriteAt returns %d, %v", n, err)
		}
		return err
	})
}

func TestReadsThatFail(t *testing.T) {
	var seen tally
	faulty(t, sim.DiskFaults{ReadFails: 0.3, ReadFlips: 0.3}, prepare("text"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		f := open(ctx, t, fsys, os.O_RDWR)
		defer f.Close()
		for i := range 2 {
			b := make([]byte, 10)
			read := f.Read
			if i == 1 {
				read = func(b []byte) (int, error) { return f.ReadAt(b[:4], 0) }
			}
			n, err := read(b)
			flips := 0
			for i := range n {
				flips += bits.OnesCount8(b[i] ^ "text"[i])
			}
			if err != nil {
				wants(t, "Read", err, syscall.EIO)
			}
			seen.add(fmt.Sprint(i, n, flips, err != nil))
			if err != nil {
				return err
			}
		}
		return nil
	})
	seen.is(t, "0 0 0 true", "0 4 0 false", "0 4 1 false", "1 0 0 true", "1 4 0 false", "1 4 1 false")
}

func TestSlowDisk(t *testing.T) {
	var seen tally
	faulty(t, sim.DiskFaults{Slow: 0.5}, prepare("text"), func(ctx context.Context, t *looptest.T, fsys host.FS) error {
		f := open(ctx, t, fsys, os.O_RDWR)
		defer f.Close()
		for _, c := range []struct {
			what         string
			call         func() error
			least, usual time.Duration
		}{
			{"sync", f.Sync, 100 * time.Microsecond, 2 * time.Millisecond},
			{"stat", func() error { _, err := f.Stat(); return err }, time.Microsecond, 21 * time.Microsecond},
		} {
			took := elapsed(ctx, func() {
				if err := c.call(); err != nil {
					t.Error(err)
				}
			})
			switch {
			case took < c.least, took > c.usual && took < 10*time.Millisecond, took > 1100*time.Millisecond:
				t.Errorf("%s takes %v", c.what, took)
			default:
				seen.add(fmt.Sprint(c.what, " slow ", took > c.usual))
			}
		}
		return nil
	})
	seen.is(t, "sync slow true", "sync slow false", "stat slow true", "stat slow false")
}

// elapsed returns how long f takes.
func elapsed(ctx context.Context, f func()) time.Duration {
	l, _ := loop.FromContext(ctx)
	start := l.Elapsed()
	f()
	return l.Elapsed() - start
}

func TestSetDiskRefuses(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		n := sim.New(ctx, t).Node("a", func(context.Context, *host.Host) error { return nil })
		for _, f := range []sim.DiskFaults{{SyncFails: 1.1}, {Slow: -1}, {Full: math.NaN()}, {ReadFails: 2}, {ReadFlips: 2}, {Capacity: -1}} {
			func() {
				defer func() {
					if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "sim: SetDisk(") {
						t.Errorf("SetDisk(%+v) panics with %q", f, text)
					}
				}()
				n.SetDisk(f)
			}()
		}
	})
}
