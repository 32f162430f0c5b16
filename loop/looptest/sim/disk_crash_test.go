package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A tally counts what the schedules of an exploration show.
type tally struct {
	mu    sync.Mutex
	times map[string]int
}

func (c *tally) add(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[text]++
}

// is checks which texts were added.
func (c *tally) is(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(c.times)); !slices.Equal(got, want) {
		t.Errorf("the schedules show %q, want %q", got, want)
	}
}

// crashes explores a program that runs until a crash, and a function that looks at the disk afterwards. The crash
// comes up to limit after the program has called ready. If limit is 0, it comes after the program has returned.
func crashes(t *testing.T, limit time.Duration, program func(ctx context.Context, fsys host.FS, ready func()) error, look func(ctx context.Context, fsys host.FS) string) *tally {
	t.Helper()
	all := &tally{}
	looptest.Explore(t, looptest.Sample(1, many(1500)), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		ready := false
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
			if err := program(ctx, h.FS, func() { ready = true }); err != nil {
				return err
			}
			ready = true
			return task.Sleep(ctx, task.NoLimit)
		}, func(ctx context.Context, h *host.Host) error {
			all.add(look(ctx, h.FS))
			return nil
		})
		for !ready {
			_ = task.Sleep(ctx, time.Millisecond)
		}
		if limit > 0 {
			_ = task.Sleep(ctx, time.Duration(t.Rand("crash").Int64N(int64(limit))))
		}
		n.Crash()
		n.Start()
		ended(ctx, n)
	})
	return all
}

// read returns the contents of a file.
func read(name string) func(ctx context.Context, fsys host.FS) string {
	return func(ctx context.Context, fsys host.FS) string {
		got, err := host.ReadFile(ctx, fsys, name)
		if err != nil {
			return "error: " + err.Error()
		}
		return string(got)
	}
}

// steps makes calls until one of them fails.
func steps(calls ...func() error) error {
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

var long = strings.Repeat("new", 400)

// replaces gives the file a new contents. Each field is a mistake.
type replaces struct{ noTemporary, noSync, noSyncDir bool }

func (r replaces) run(ctx context.Context, fsys host.FS) error {
	name := "a.tmp"
	if r.noTemporary {
		name = "a"
	}
	f, err := fsys.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(long))
	if err == nil && !r.noSync {
		err = f.Sync()
	}
	if err = cmp.Or(err, f.Close()); err == nil && !r.noTemporary {
		err = fsys.Rename(ctx, name, "a")
	}
	if err == nil && !r.noSyncDir {
		err = fsys.SyncDir(ctx, ".")
	}
	return err
}

// ReplaceFile, and the same by hand, is atomic under a crash at each point. Each mistake is seen in some schedule.
func TestCrashWhileAFileIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		replace func(ctx context.Context, fsys host.FS) error
		wrong   []string
	}{
		"ReplaceFile": {func(ctx context.Context, fsys host.FS) error {
			return host.ReplaceFile(ctx, fsys, "a", []byte(long), 0o600)
		}, nil},
		"by hand":      {replaces{}.run, nil},
		"no temporary": {replaces{noTemporary: true}.run, []string{"broken"}},
		"no Sync":      {replaces{noSync: true}.run, []string{"broken", "broken, acknowledged"}},
		"no SyncDir":   {replaces{noSyncDir: true}.run, []string{"old, acknowledged"}},
	} {
		t.Run(name, func(t *testing.T) {
			acknowledged := false
			seen := crashes(t, 8*time.Millisecond, func(ctx context.Context, fsys host.FS, ready func()) error {
				acknowledged = false
				return steps(
					func() error { return host.ReplaceFile(ctx, fsys, "a", []byte("old"), 0o600) },
					func() error { ready(); return c.replace(ctx, fsys) },
					func() error { acknowledged = true; return nil })
			}, func(ctx context.Context, fsys host.FS) string {
				got := read("a")(ctx, fsys)
				switch got {
				case long:
					got = "new"
				case "old":
				default:
					got = "broken"
				}
				if acknowledged && got != "new" {
					got += ", acknowledged"
				}
				return got
			})
			seen.is(t, append(c.wrong, "old", "new")...)
		})
	}
}

// A Sync says nothing about a write that was made while it was under way.
func TestWriteDuringASync(t *testing.T) {
	seen := crashes(t, 0, func(ctx context.Context, fsys host.FS, ready func()) error {
		f, err := fsys.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		return steps(
			func() error { return fsys.SyncDir(ctx, ".") },
			func() error { _, err := f.Write([]byte("one")); return err },
			func() error {
				sync := task.Go(ctx, task.Void(func(context.Context) error { return f.Sync() }))
				if err := task.Sleep(ctx, 50*time.Microsecond); err != nil {
					return err
				}
				if _, err := f.Write([]byte("two")); err != nil || sync.Done() {
					return fmt.Errorf("done %t, %w", sync.Done(), err)
				}
				return sync.Wait(ctx)
			})
	}, read("a"))
	seen.is(t, "one", "onetwo", "one\x00\x00\x00")
}

// A crash while a Sync is under way leaves what a crash without it leaves.
func TestCrashDuringASync(t *testing.T) {
	seen := crashes(t, 90*time.Microsecond, func(ctx context.Context, fsys host.FS, ready func()) error {
		f, err := fsys.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		return steps(
			func() error { return fsys.SyncDir(ctx, ".") },
			func() error { _, err := f.Write([]byte("one")); return err },
			func() error { ready(); return f.Sync() })
	}, read("a"))
	seen.is(t, "one", "", "\x00\x00\x00")
}

// These are all the ways in which a crash leaves some programs.
func TestCrashLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		program func(ctx context.Context, fsys host.FS) error
		want    []string
	}{
		"a file without SyncDir": {func(ctx context.Context, fsys host.FS) error {
			f, err := fsys.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return err
			}
			return steps(func() error { _, err := f.Write([]byte("one")); return err }, f.Sync, f.Close)
		}, []string{"one", "error: open a: no such file or directory"}},
		"a file without Sync": {func(ctx context.Context, fsys host.FS) error {
			return steps(
				func() error { return host.WriteFile(ctx, fsys, "a", []byte("one"), 0o600) },
				func() error { return fsys.SyncDir(ctx, "/") })
		}, []string{"one", "", "\x00\x00\x00"}},
		"a file with O_SYNC": {func(ctx context.Context, fsys host.FS) error {
			f, err := fsys.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE|os.O_SYNC, 0o600)
			if err != nil {
				return err
			}
			return steps(func() error { _, err := f.Write([]byte("one")); return err }, func() error { return fsys.SyncDir(ctx, "/") })
		}, []string{"one"}},
		"a truncation": {func(ctx context.Context, fsys host.FS) error {
			return steps(
				func() error { return host.ReplaceFile(ctx, fsys, "a", []byte("one"), 0o600) },
				func() error { return host.WriteFile(ctx, fsys, "a", []byte("2"), 0o600) })
		}, []string{"one", "", "\x00", "2"}},
		"a file that was removed": {func(ctx context.Context, fsys host.FS) error {
			return steps(
				func() error { return host.ReplaceFile(ctx, fsys, "a", []byte("one"), 0o600) },
				func() error { return fsys.Remove(ctx, "a") })
		}, []string{"one", "error: open a: no such file or directory"}},
		"a removal with SyncDir": {func(ctx context.Context, fsys host.FS) error {
			return steps(
				func() error { return host.ReplaceFile(ctx, fsys, "a", []byte("one"), 0o600) },
				func() error { return fsys.Remove(ctx, "a") },
				func() error { return fsys.SyncDir(ctx, ".") })
		}, []string{"error: open a: no such file or directory"}},
		"a directory without SyncDir": {func(ctx context.Context, fsys host.FS) error {
			return steps(
				func() error { return fsys.Mkdir(ctx, "d", 0o700) },
				func() error { return host.ReplaceFile(ctx, fsys, "d/a", []byte("one"), 0o600) },
				func() error { return fsys.Rename(ctx, "d/a", "a") },
				func() error { return fsys.SyncDir(ctx, "d") })
		}, []string{"one"}},
	} {
		t.Run(name, func(t *testing.T) {
			crashes(t, 0, func(ctx context.Context, fsys host.FS, ready func()) error { return c.program(ctx, fsys) }, read("a")).is(t, c.want...)
		})
	}
}

// A crash with nothing unsynced is no choice, and one with something unsynced is one choice. So two deviations make
// no more schedules than one.
func TestCrashIsAtMostOneChoice(t *testing.T) {
	runs := func(deviations int, synced bool) (runs int) {
		looptest.Explore(t, looptest.DelayBounded(deviations), func(ctx context.Context, t *looptest.T) {
			runs++
			w := sim.New(ctx, t)
			n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
				if err := host.ReplaceFile(ctx, h.FS, "a", []byte("one"), 0o600); err != nil {
					return err
				}
				f, err := h.FS.OpenFile(ctx, "a", os.O_RDWR, 0)
				if err != nil {
					return err
				}
				if err := cmp.Or(f.Sync(), f.Truncate(3)); err != nil { // it has this size
					return err
				}
				if _, err := f.Write(nil); err != nil {
					return err
				}
				for _, name := range []string{"b", "c", "d"} {
					if err := host.WriteFile(ctx, h.FS, name, []byte(name), 0o600); err != nil {
						return err
					}
					if synced {
						if err := h.FS.Remove(ctx, name); err != nil {
							return err
						}
					}
				}
				if synced {
					if err := h.FS.SyncDir(ctx, "."); err != nil {
						return err
					}
				}
				return task.Sleep(ctx, task.NoLimit)
			}, func(ctx context.Context, h *host.Host) error {
				return nil
			})
			_ = task.Sleep(ctx, time.Second)
			n.Crash()
			n.Start()
			ended(ctx, n)
		})
		return runs
	}
	if none, two := runs(0, true), runs(2, true); none != two {
		t.Errorf("%d runs without deviations and %d with two, though nothing is unsynced", none, two)
	}
	if none, one, two := runs(0, false), runs(1, false), runs(2, false); none == one || one != two {
		t.Errorf("%d runs without deviations, %d with one, and %d with two", none, one, two)
	}
}

// What was written stays when the program ends, and is lost only at a crash.
func TestDiskAfterTheEndOfTheProgram(t *testing.T) {
	var seen tally
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
			return host.WriteFile(ctx, h.FS, "a", []byte("one"), 0o600)
		}, func(ctx context.Context, h *host.Host) error {
			if got := read("a")(ctx, h.FS); got != "one" {
				t.Errorf("after the end of the program the file has %q", got)
			}
			return task.Sleep(ctx, task.NoLimit)
		}, func(ctx context.Context, h *host.Host) error {
			seen.add(read("a")(ctx, h.FS))
			return nil
		})
		ended(ctx, n)
		n.Start()
		_ = task.Sleep(ctx, time.Second)
		n.Crash()
		n.Start()
		ended(ctx, n)
	})
	seen.is(t, "one", "", "\x00\x00\x00", "error: open a: no such file or directory")
}

// A call of a paused machine ends, and its task goes on after Resume.
func TestCallOfAPausedMachine(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		done := false
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) error {
			err := host.WriteFile(ctx, h.FS, "a", []byte("one"), 0o600)
			done = true
			return err
		})
		_ = task.Sleep(ctx, time.Microsecond)
		n.Pause()
		_ = task.Sleep(ctx, time.Hour)
		if done {
			t.Error("the task has gone on")
		}
		n.Resume()
		_ = task.Sleep(ctx, time.Millisecond)
		if !done {
			t.Error("the task does not go on")
		}
	})
}

// A task of the test that uses a file of a machine that is off gets an error.
func TestFilesOfAMachineThatIsOff(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 100), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		var f host.File
		n := withPrograms(w, "a", func(ctx context.Context, h *host.Host) (err error) {
			if f, err = h.FS.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
				return err
			}
			return task.Sleep(ctx, task.NoLimit)
		})
		_ = task.Sleep(ctx, time.Second)
		sync := task.Go(ctx, task.Void(func(context.Context) error { return f.Sync() }))
		_ = task.Sleep(ctx, time.Microsecond)
		n.Crash()
		first := sync.Wait(ctx)
		_, second := f.Stat()
		for _, err := range []error{first, second} {
			if err == nil || !strings.Contains(err.Error(), "a: the machine is off") {
				t.Errorf("the error is %v", err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}
