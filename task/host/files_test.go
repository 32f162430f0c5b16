package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A machine is a directory, with a function that is called before each call to the operating system, on the
// goroutine of the call. The function can wait, and it can make the call fail.
type machine struct {
	*files
	dir    string
	mu     sync.Mutex
	before func(op string) error
	calls  []string // that have begun
	now    int      // calls under way
	most   int      // the most calls at the same time
	open   int      // files that are open
}

func newMachine(t *testing.T, limit int) *machine {
	root, err := os.OpenRoot(t.TempDir())
	testkit.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	m := &machine{dir: root.Name(), before: func(string) error { return nil }}
	real := rootDisk(root)
	m.files = newFiles(&systemDisk{
		open: func(name string, flag int, perm fs.FileMode) (f systemFile, err error) {
			err = m.call("open "+name, func() error {
				real, err := real.open(name, flag, perm)
				if err == nil {
					f = &machineFile{real, m}
					m.add(&m.open, 1)
				}
				return err
			})
			return f, err
		},
		stat: func(name string) (info fs.FileInfo, err error) {
			err = m.call("stat "+name, func() (err error) { info, err = real.stat(name); return err })
			return info, err
		},
		mkdir: func(name string, perm fs.FileMode) error {
			return m.call("mkdir "+name, func() error { return real.mkdir(name, perm) })
		},
		rename: func(from, to string) error {
			return m.call("rename "+from, func() error { return real.rename(from, to) })
		},
		remove: func(name string) error { return m.call("remove "+name, func() error { return real.remove(name) }) },
	}, limit)
	return m
}

func (m *machine) add(to *int, n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	*to += n
	return *to
}

func (m *machine) call(op string, do func() error) error {
	m.mu.Lock()
	m.calls = append(m.calls, op)
	m.now++
	m.most = max(m.most, m.now)
	m.mu.Unlock()
	defer m.add(&m.now, -1)
	if err := m.before(op); err != nil {
		return err
	}
	return do()
}

// begun returns the calls that have begun since the last time.
func (m *machine) begun() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := strings.Join(m.calls, ", ")
	m.calls = nil
	return calls
}

type machineFile struct {
	systemFile
	m *machine
}

func (f *machineFile) Read(p []byte) (n int, err error) {
	err = f.m.call("read", func() (err error) { n, err = f.systemFile.Read(p); return err })
	return n, err
}

func (f *machineFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.m.call("readat", func() (err error) { n, err = f.systemFile.ReadAt(p, off); return err })
	return n, err
}

func (f *machineFile) Write(p []byte) (n int, err error) {
	err = f.m.call("write "+string(p), func() (err error) { n, err = f.systemFile.Write(p); return err })
	return n, err
}

func (f *machineFile) Sync() error { return f.m.call("sync", f.systemFile.Sync) }
func (f *machineFile) Close() error {
	f.m.add(&f.m.open, -1)
	return f.m.call("close", func() error { return f.systemFile.Close() })
}

// opened makes a file and opens it.
func opened(ctx context.Context, t testkit.T, m *machine) File {
	f, err := m.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE, 0o600)
	testkit.NoError(t, err)
	m.begun()
	return f
}

// gates make calls wait. A call whose operation has a gate waits until the gate is closed.
type gates map[string]chan struct{}

func (g gates) wait(op string) error {
	if gate := g[op]; gate != nil {
		<-gate
	}
	return nil
}

// settle suspends the task until every other task waits for calls.
func settle(t testkit.T, ctx context.Context) {
	for range 20 {
		testkit.NoError(t, task.Yield(ctx))
	}
}

func write(f File, text string) func(context.Context) error {
	return func(context.Context) error { _, err := f.Write([]byte(text)); return err }
}

var errCause = errors.New("the cause")

// causeOf returns the cause of a cancellation.
func causeOf(err error) error {
	var c *loop.CanceledError
	if errors.As(err, &c) {
		return c.Cause
	}
	return fmt.Errorf("%v is not a cancellation", err)
}

// A task that is canceled during a call goes on when the call has ended, with its results. The next
// suspension delivers the first cancellation.
func TestCallIsFinished(t *testing.T) {
	m := newMachine(t, 1)
	g := gates{"write x": make(chan struct{})}
	m.before = g.wait
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		x := testkit.Spawn(ctx, "x", func(ctx context.Context) error {
			n, err := f.Write([]byte("x"))
			testkit.Equal(t, "bytes", n, 1)
			testkit.NoError(t, err)
			testkit.Equal(t, "the cause", causeOf(task.Yield(ctx)), errCause)
			testkit.NoError(t, task.Yield(ctx))
			return nil
		})
		settle(t, ctx)
		testkit.Equal(t, "the status", x.Task().Status(), "awaits the file call write a")
		x.Cancel(errCause)
		settle(t, ctx)
		x.Cancel(io.EOF)
		settle(t, ctx)
		testkit.Equal(t, "it is done", x.Done(), false)
		close(g["write x"])
		testkit.NoError(t, x.Wait(ctx))
		testkit.NoError(t, f.Close())
	})
	testkit.Equal(t, "open files", m.open, 0)
}

// A file that was opened for a canceled task is not lost.
func TestOpenIsFinished(t *testing.T) {
	m := newMachine(t, 1)
	g := gates{"open b": make(chan struct{})}
	m.before = g.wait
	testkit.Run(t, func(ctx context.Context) {
		x := testkit.Spawn(ctx, "x", func(ctx context.Context) error {
			f, err := m.OpenFile(ctx, "b", os.O_WRONLY|os.O_CREATE, 0o600)
			testkit.NoError(t, err)
			defer f.Close()
			_, err = f.Write(nil)
			return err
		})
		settle(t, ctx)
		x.Cancel(errCause)
		settle(t, ctx)
		close(g["open b"])
		testkit.Equal(t, "the cause", causeOf(x.Wait(ctx)), errCause)
	})
	testkit.Equal(t, "the calls", m.begun(), "open b, close")
	testkit.Equal(t, "open files", m.open, 0)
}

// A limit in time does not end a call, which goes on for an hour. It does end the wait for a place.
func TestLimitAndCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 2)
		m.before = func(op string) error {
			if strings.HasPrefix(op, "mkdir") {
				time.Sleep(time.Hour)
			}
			return nil
		}
		_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
			var all []*task.Task[error]
			for _, name := range []string{"a", "b", "c"} {
				all = append(all, task.Go(ctx, func(ctx context.Context) (error, error) {
					_, err := task.Within(ctx, time.Second, task.Void(func(ctx context.Context) error { return m.Mkdir(ctx, name, 0o700) }))
					return err, nil
				}))
			}
			errs, err := task.Gather(all...).Await(ctx)
			testkit.NoError(t, err)
			testkit.NoError(t, errs[0])
			testkit.NoError(t, errs[1])
			testkit.ErrorIs(t, errs[2], context.DeadlineExceeded)
			return 0, nil
		})
		testkit.NoError(t, err)
		testkit.Equal(t, "the most calls at the same time", m.most, 2)
		testkit.Equal(t, "the number of calls", len(m.calls), 2)
	})
}

// With a virtual clock, the calls run one at a time, in the order of the tasks, so the results do not depend
// on the speed of goroutines.
func TestVirtualClockHasOnePlace(t *testing.T) {
	m := newMachine(t, 32)
	testkit.Run(t, func(ctx context.Context) {
		var all []*task.Task[struct{}]
		for i := range 50 {
			all = append(all, testkit.Spawn(ctx, "", func(ctx context.Context) error { return m.Mkdir(ctx, fmt.Sprint(i), 0o700) }))
		}
		testkit.NoError(t, task.Gather(all...).Wait(ctx))
	})
	want := make([]string, 50)
	for i := range want {
		want[i] = fmt.Sprint("mkdir ", i)
	}
	testkit.Equal(t, "the calls", m.begun(), strings.Join(want, ", "))
	testkit.Equal(t, "the most calls at the same time", m.most, 1)
}

// callsOfTwoFiles spawns tasks that make calls on two files, and on the FS. It compares the order in which the calls have run
// with the order in which the tasks have made them.
func callsOfTwoFiles(ctx context.Context, t testkit.T, m *machine) {
	a := opened(ctx, t, m)
	b, err := m.OpenFile(ctx, "a", os.O_RDWR, 0)
	testkit.NoError(t, err)
	m.begun()
	var made []string
	var all []*task.Task[struct{}]
	call := func(op string, do func(context.Context) error) {
		all = append(all, testkit.Spawn(ctx, op, func(ctx context.Context) error {
			made = append(made, op)
			return do(ctx)
		}))
	}
	stat := func(ctx context.Context) error { _, err := m.Stat(ctx, "a"); return err }
	readAt := func(context.Context) error { _, err := a.ReadAt(make([]byte, 1), 0); return err }
	sync := func(context.Context) error { return a.Sync() }
	call("write 0", write(a, "0"))
	call("write 1", write(a, "1"))
	call("write 2", write(b, "2"))
	call("readat", readAt)
	call("stat a", stat)
	call("sync", sync)
	call("sync", sync)
	call("write 3", write(b, "3"))
	call("readat", readAt)
	call("write 4", write(a, "4"))
	call("stat a", stat)
	for _, x := range all {
		if err := x.Wait(ctx); err != nil && err != io.EOF {
			t.Errorf("%s = %v", x.Task().Name(), err)
		}
	}
	testkit.Equal(t, "the calls", m.begun(), strings.Join(made, ", "))
	testkit.NoError(t, errors.Join(a.Close(), b.Close()))
}

// With one place, the calls run in the order in which the tasks have made them, also those on different files: with a virtual
// clock in every order of events, and with the system's clock.
func TestOnePlaceKeepsTheOrderOfTheCalls(t *testing.T) {
	t.Run("virtual clock", func(t *testing.T) {
		m := newMachine(t, 32)
		looptest.Explore(t, looptest.Sample(1, 30), func(ctx context.Context, t *looptest.T) { callsOfTwoFiles(ctx, t, m) })
	})
	t.Run("system's clock", func(t *testing.T) {
		m := newMachine(t, 1)
		_, err := task.Run(t.Context(), task.Void(func(ctx context.Context) error { callsOfTwoFiles(ctx, t, m); return nil }))
		testkit.NoError(t, err)
	})
}

// A call that waits for a place does not begin any more when the file is closed.
func TestCloseBeforeACallHasItsPlace(t *testing.T) {
	for _, limit := range []int{1, 2} {
		m := newMachine(t, limit)
		gate := make(chan struct{})
		m.before = gates{"mkdir 0": gate, "mkdir 1": gate}.wait
		_, err := task.Run(t.Context(), task.Void(func(ctx context.Context) error {
			f := opened(ctx, t, m)
			for i := range limit {
				testkit.Spawn(ctx, "", func(ctx context.Context) error { return m.Mkdir(ctx, fmt.Sprint(i), 0o700) })
			}
			writer := testkit.Spawn(ctx, "writer", write(f, "x"))
			closer := testkit.Spawn(ctx, "closer", func(context.Context) error { return f.Close() })
			settle(t, ctx)
			close(gate)
			testkit.NoError(t, closer.Wait(ctx))
			testkit.ErrorIs(t, writer.Wait(ctx), fs.ErrClosed)
			return nil
		}))
		testkit.NoError(t, err)
		if calls := m.begun(); strings.Contains(calls, "write") {
			t.Errorf("the calls are %s", calls)
		}
	}
}

// The calls of a file that need not wait for each other run at the same time.
func TestOrderOfCalls(t *testing.T) {
	for name, c := range map[string]struct {
		calls []string
		want  []string // the calls that have begun, after each gate was opened
	}{
		"reads":              {[]string{"readat", "readat", "readat"}, []string{"readat, readat, readat"}},
		"a read and a write": {[]string{"read", "write x", "readat"}, []string{"read", "write x", "readat"}},
		"a write waits for reads, and reads for the write": {[]string{"readat", "readat", "write x", "readat", "readat"},
			[]string{"readat, readat", "write x", "readat, readat"}},
		"a sync waits for a write":                      {[]string{"write x", "sync"}, []string{"write x", "sync"}},
		"a write does not wait for a sync":              {[]string{"sync", "write x", "readat"}, []string{"sync, write x", "readat"}},
		"a sync waits for a sync":                       {[]string{"sync", "sync", "write x"}, []string{"sync, write x", "sync"}},
		"a close waits for reads":                       {[]string{"readat", "close"}, []string{"readat", "close"}},
		"a close waits for a sync":                      {[]string{"sync", "close"}, []string{"sync", "close"}},
		"a close waits for all, and refuses all others": {[]string{"readat", "sync", "close", "write x", "readat"}, []string{"readat, sync", "close"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t, 32)
				_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
					f := opened(ctx, t, m)
					gate := make(chan struct{})
					m.before = func(string) error { m.mu.Lock(); g := gate; m.mu.Unlock(); <-g; return nil }
					var all []*task.Task[struct{}]
					for _, call := range c.calls {
						all = append(all, testkit.Spawn(ctx, "", func(ctx context.Context) (err error) {
							switch p := make([]byte, 1); call {
							case "read":
								_, err = f.Read(p)
							case "readat":
								_, err = f.ReadAt(p, 0)
							case "sync":
								err = f.Sync()
							case "close":
								return f.Close()
							default:
								return write(f, "x")(ctx)
							}
							if err == io.EOF {
								err = nil
							}
							return err
						}))
					}
					for _, want := range c.want {
						testkit.NoError(t, task.Sleep(ctx, time.Second)) // until all calls wait
						begun := strings.Split(m.begun(), ", ")
						slices.Sort(begun)
						testkit.Equal(t, "the calls", strings.Join(begun, ", "), want)
						m.mu.Lock()
						close(gate)
						gate = make(chan struct{})
						m.mu.Unlock()
					}
					m.before = func(string) error { return nil }
					for _, x := range all {
						if err := x.Wait(ctx); err != nil {
							testkit.ErrorIs(t, err, fs.ErrClosed)
							testkit.Equal(t, "it was closed", slices.Contains(c.calls, "close"), true)
						}
					}
					_ = f.Close()
					return 0, nil
				})
				testkit.NoError(t, err)
				testkit.Equal(t, "open files", m.open, 0)
			})
		})
	}
}

// A write that waits for reads keeps later calls waiting. When its task is canceled, they go on.
func TestWriteIsCanceledWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 32)
		_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
			f := opened(ctx, t, m)
			m.before = func(op string) error {
				if op == "readat" {
					time.Sleep(time.Hour)
				}
				return nil
			}
			read := func(context.Context) error { _, _ = f.ReadAt(make([]byte, 1), 0); return nil }
			first := testkit.Spawn(ctx, "first", read)
			x := testkit.Spawn(ctx, "x", write(f, "x"))
			second := testkit.Spawn(ctx, "second", read)
			y := testkit.Spawn(ctx, "y", write(f, "y"))
			testkit.NoError(t, task.Sleep(ctx, time.Minute))
			testkit.Equal(t, "the status", x.Task().Status(), "awaits the end of other calls on a file")
			testkit.Equal(t, "the calls", m.begun(), "readat")
			x.Cancel(errCause)
			testkit.NoError(t, task.Sleep(ctx, time.Minute))
			testkit.Equal(t, "the cause", causeOf(x.Err()), errCause)
			testkit.Equal(t, "the calls", m.begun(), "readat")
			testkit.NoError(t, task.Gather(first, second, y).Wait(ctx))
			testkit.Equal(t, "the calls", m.begun(), "write y")
			testkit.Equal(t, "the time", time.Duration(lowlevel.LoopOf(ctx).Elapsed()), time.Hour+time.Minute)
			return 0, f.Close()
		})
		testkit.NoError(t, err)
	})
}

// Closing takes a place, too.
func TestManyFilesAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 3)
		_, err := task.Run(t.Context(), func(ctx context.Context) (int, error) {
			var all []*task.Task[struct{}]
			var open []File
			for range 10 {
				open = append(open, opened(ctx, t, m))
			}
			for _, f := range open {
				all = append(all, testkit.Spawn(ctx, "", func(context.Context) error { return f.Close() }))
			}
			m.before = func(string) error { time.Sleep(time.Hour); return nil }
			return 0, task.Gather(all...).Wait(ctx)
		})
		testkit.NoError(t, err)
		testkit.Equal(t, "the most calls at the same time", m.most, 3)
		testkit.Equal(t, "open files", m.open, 0)
	})
}

// After a Sync that failed, later Syncs fail, too, and the operating system is not asked. The same holds for
// a Sync that was called while the first one was under way.
func TestSyncThatFails(t *testing.T) {
	m := newMachine(t, 32)
	failing := true
	m.before = func(op string) error {
		if failing && op == "sync" {
			return &fs.PathError{Op: "sync", Path: filepath.Join(m.dir, "a"), Err: syscall.EIO}
		}
		return nil
	}
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		var errs [3]error
		var all []*task.Task[struct{}]
		for i := range 2 {
			all = append(all, testkit.Spawn(ctx, "", func(context.Context) error { errs[i] = f.Sync(); return nil }))
		}
		testkit.NoError(t, task.Gather(all...).Wait(ctx))
		failing = false
		errs[2] = f.Sync()
		for _, err := range errs {
			testkit.ErrorIs(t, err, syscall.EIO)
			testkit.Equal(t, "the error", fmt.Sprint(err), "sync a: "+syscall.EIO.Error())
		}
		testkit.Equal(t, "the calls", m.begun(), "sync")
		testkit.NoError(t, write(f, "x")(ctx))
		testkit.NoError(t, f.Close())
		testkit.ErrorIs(t, f.Sync(), fs.ErrClosed)
		again := opened(ctx, t, m)
		testkit.NoError(t, again.Sync())
		testkit.NoError(t, again.Close())
	})
}

// A Sync that was canceled before it began says nothing about the file.
func TestSyncThatIsNotMade(t *testing.T) {
	m := newMachine(t, 32)
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		var x *task.Task[struct{}]
		x = testkit.Spawn(ctx, "x", func(context.Context) error { x.Cancel(errCause); return f.Sync() })
		testkit.Equal(t, "the cause", causeOf(x.Wait(ctx)), errCause)
		testkit.Equal(t, "the calls", m.begun(), "")
		testkit.NoError(t, f.Sync())
		testkit.NoError(t, f.Close())
	})
}

// The error of the operating system's close is the error of Close, once.
func TestCloseThatFails(t *testing.T) {
	m := newMachine(t, 32)
	m.before = func(op string) error {
		if op == "close" {
			return syscall.EDQUOT
		}
		return nil
	}
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		testkit.Equal[error](t, "the error", f.Close(), syscall.EDQUOT)
		testkit.ErrorIs(t, f.Close(), fs.ErrClosed)
		testkit.Equal(t, "the calls", m.begun(), "close")
	})
}

// When the loop is closed, a call that has begun ends first, with its result in the task's buffer. Calls that
// wait are not made. Deferred calls of Close close the files, each once.
func TestLoopThatIsClosedDuringCalls(t *testing.T) {
	for _, clock := range [][]loop.Option{nil, {loop.WithVirtualTime()}} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t, 1)
			l := loop.New(clock...)
			goOn := future.New[int](l.Context())
			reading, gate := make(chan struct{}), make(chan struct{})
			m.before = func(op string) error {
				if op == "read" {
					close(reading)
					<-gate
				}
				return nil
			}
			results := map[string]string{}
			add := func(name string, body func(ctx context.Context, f File) (string, error)) {
				task.Go(l.Context(), task.Void(func(ctx context.Context) error {
					f, err := m.OpenFile(ctx, name, os.O_RDWR|os.O_CREATE, 0o600)
					testkit.NoError(t, err)
					defer func() { testkit.NoError(t, f.Close()) }()
					result, err := body(ctx, f)
					if results[name] = result; err != nil {
						results[name] = fmt.Sprint(causeOf(err))
					}
					return err
				}))
			}
			add("reads", func(ctx context.Context, f File) (string, error) {
				testkit.NoError(t, write(f, "text")(ctx))
				_, err := f.Seek(0, io.SeekStart)
				testkit.NoError(t, err)
				testkit.NoError(t, goOn.SetResult(1))
				p := make([]byte, 10)
				n, err := f.Read(p)
				return string(p[:n]), err
			})
			add("waits", func(ctx context.Context, f File) (string, error) {
				_, err := goOn.Await(ctx)
				testkit.NoError(t, err)
				return "", write(f, "y")(ctx)
			})
			add("sleeps", func(ctx context.Context, f File) (string, error) {
				_ = task.Sleep(ctx, task.NoLimit)
				return "", write(f, "z")(ctx)
			})
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				<-reading
				testkit.NoError(t, l.Post(func() { l.CallSoon(l.Stop) })) // the task that waits begins to wait before
			}()
			testkit.NoError(t, l.Run())
			<-stopped
			go close(gate)
			l.Close()
			testkit.Equal(t, "the result of the read", results["reads"], "text")
			testkit.Equal(t, "of the write that waited", results["waits"], loop.ErrClosed.Error())
			testkit.Equal(t, "of the write after the sleep", results["sleeps"], loop.ErrClosed.Error())
			testkit.Equal(t, "open files", m.open, 0)
			testkit.Equal(t, "the calls", m.begun(),
				"open reads, open waits, open sleeps, write text, read, close, close, close")
			synctest.Wait() // for the goroutine of a context
			testkit.Equal(t, "loops with places", len(m.pool.places), 0)
		})
	}
}

// A deferred Close closes the file after a panic and after a Goexit, and when the loop is closed already.
func TestCloseOfAFileInAnyEnd(t *testing.T) {
	m := newMachine(t, 32)
	for name, end := range map[string]func(){"panic": func() { panic(errCause) }, "Goexit": runtime.Goexit} {
		testkit.Goexits(func() {
			defer func() { _ = recover() }()
			_, _ = task.Run(t.Context(), func(ctx context.Context) (int, error) {
				f := opened(ctx, t, m)
				defer func() { testkit.NoError(t, f.Close()) }()
				end()
				return 0, nil
			})
		})
		testkit.Equal(t, "open files after a "+name, m.open, 0)
	}
	var f File
	testkit.Run(t, func(ctx context.Context) { f = opened(ctx, t, m) })
	testkit.Equal(t, "open files", m.open, 1)
	testkit.NoError(t, f.Close())
	testkit.ErrorIs(t, f.Close(), fs.ErrClosed)
	testkit.Equal(t, "open files", m.open, 0)
	testkit.Panics(t, "loop: File.Sync suspends the running task, and its loop is not running", func() { _ = f.Sync() })
}

// Another goroutine that uses a File panics, also while a task is running.
func TestFileOnAnotherGoroutine(t *testing.T) {
	m := newMachine(t, 32)
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		defer f.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			testkit.Panics(t, "loop: File.Stat suspends the running task, and another goroutine", func() { _, _ = f.Stat() })
			testkit.Panics(t, "loop: File.Close suspends the running task, and another goroutine", func() { _ = f.Close() })
		}()
		<-done
	})
}

// A write that stops in the middle says how far it came.
func TestWriteThatStops(t *testing.T) {
	m := newMachine(t, 32)
	disk := m.disk.(*systemDisk)
	open := disk.open
	disk.open = func(name string, flag int, perm fs.FileMode) (systemFile, error) {
		f, err := open(name, flag, perm)
		return shortFile{f}, err
	}
	testkit.Run(t, func(ctx context.Context) {
		f := opened(ctx, t, m)
		n, err := f.Write([]byte("text"))
		testkit.Equal(t, "bytes", n, 2)
		testkit.ErrorIs(t, err, syscall.ENOSPC)
		testkit.NoError(t, f.Close())
		testkit.ErrorIs(t, ReplaceFile(ctx, m, "a", []byte("new"), 0o600), syscall.ENOSPC)
		got, err := os.ReadFile(filepath.Join(m.dir, "a"))
		testkit.NoError(t, err)
		testkit.Equal(t, "the file", string(got), "te")
		entries, err := os.ReadDir(m.dir)
		testkit.NoError(t, err)
		testkit.Equal(t, "files", len(entries), 1)
	})
}

// A shortFile is on a disk that is full after two bytes.
type shortFile struct{ systemFile }

func (f shortFile) Write(p []byte) (int, error) {
	n, _ := f.systemFile.Write(p[:2])
	return n, &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}
}

// These are the calls of ReplaceFile.
func TestCallsOfReplaceFile(t *testing.T) {
	m := newMachine(t, 1)
	testkit.Run(t, func(ctx context.Context) {
		testkit.NoError(t, MkdirAll(ctx, m, "d", 0o700))
		m.begun()
		testkit.NoError(t, ReplaceFile(ctx, m, "d/a", []byte("new"), 0o600))
	})
	testkit.Equal(t, "the calls", m.begun(),
		"open d/a.tmp, write new, sync, close, rename d/a.tmp, open d, sync, close")
}

// ReplaceFile is canceled at each of its calls, and at each turn around it: the task, or the context. The file
// has the old or the new contents, nothing else is left, and the cancellation is delivered.
func TestReplaceFileCanceled(t *testing.T) {
	m := newMachine(t, 1)
	ends := map[string]bool{}
	for calls := range 10 {
		for turns := range 4 {
			for _, ended := range []bool{false, true} {
				what := fmt.Sprintf("after %d calls and %d turns, context %t", calls, turns, ended)
				testkit.NoError(t, os.WriteFile(filepath.Join(m.dir, "a"), []byte("old"), 0o600))
				m.begun()
				testkit.Run(t, func(ctx context.Context) {
					early, done := false, false
					var cancel context.CancelCauseFunc = func(error) { early = true }
					x := testkit.Spawn(ctx, "x", func(ctx context.Context) error {
						if ended {
							ctx, cancel = context.WithCancelCause(ctx)
							defer cancel(nil)
							if early {
								cancel(errCause)
							}
						}
						err := ReplaceFile(ctx, m, "a", []byte("new"), 0o600)
						if done = true; err == nil {
							err = task.Yield(ctx)
						}
						return err
					})
					for range calls { // with one place, the calls of the two tasks take turns
						_, _ = m.Stat(ctx, "b")
					}
					for range turns {
						testkit.NoError(t, task.Yield(ctx))
					}
					late := done
					if ended {
						cancel(errCause)
					} else {
						x.Cancel(errCause)
					}
					err := x.Wait(ctx)
					switch {
					case late:
					case ended:
						testkit.Equal(t, "the error "+what, err, errCause)
					default:
						testkit.Equal(t, "the cause "+what, causeOf(err), errCause)
					}
				})
				entries, err := os.ReadDir(m.dir)
				testkit.NoError(t, err)
				testkit.Equal(t, "files "+what, len(entries), 1)
				testkit.Equal(t, "open files "+what, m.open, 0)
				got, err := os.ReadFile(filepath.Join(m.dir, "a"))
				testkit.NoError(t, err)
				m.calls = slices.DeleteFunc(m.calls, func(call string) bool { return call == "stat b" })
				calls := m.begun()
				want := map[bool]string{false: "old", true: "new"}[strings.Contains(calls, "rename")]
				testkit.Equal(t, "the file "+what, string(got), want)
				ends[calls] = true
			}
		}
	}
	got := slices.Sorted(maps.Keys(ends))
	want := []string{
		"",
		"open a.tmp, close, remove a.tmp",
		"open a.tmp, write new, close, remove a.tmp",
		"open a.tmp, write new, sync, close, remove a.tmp",
		"open a.tmp, write new, sync, close, rename a.tmp",
		"open a.tmp, write new, sync, close, rename a.tmp, open ., sync, close",
	}
	if !slices.Equal(got, want) {
		t.Errorf("ReplaceFile ends in these ways:\n%q\nwant\n%q", got, want)
	}
}

// ReplaceFile fails, and its task is canceled while it closes the temporary file: the file is removed, and the
// cancellation is not lost.
func TestReplaceFileThatFailsAndIsCanceled(t *testing.T) {
	m := newMachine(t, 1)
	testkit.Run(t, func(ctx context.Context) {
		var x *task.Task[struct{}]
		l := lowlevel.LoopOf(ctx)
		m.before = func(op string) error {
			switch op {
			case "sync":
				return syscall.EIO
			case "close":
				return l.Post(func() { x.Cancel(errCause) })
			}
			return nil
		}
		x = testkit.Spawn(ctx, "x", func(ctx context.Context) error {
			testkit.ErrorIs(t, ReplaceFile(ctx, m, "a", []byte("new"), 0o600), syscall.EIO)
			return task.Yield(ctx)
		})
		testkit.Equal(t, "the cause", causeOf(x.Wait(ctx)), errCause)
	})
	testkit.Equal(t, "the calls", m.begun(), "open a.tmp, write new, sync, close, remove a.tmp")
}

// In every order of steps, three tasks use one file and one of them is canceled: a write is done or not, as
// its result says, and no file stays open.
func TestCallsInAllOrders(t *testing.T) {
	m := newMachine(t, 1)
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		f, err := m.OpenFile(ctx, "a", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		testkit.NoError(t, err)
		want := ""
		var all []*task.Task[struct{}]
		for i := range 3 {
			text := string(rune('a' + i))
			all = append(all, testkit.Spawn(ctx, text, func(ctx context.Context) error {
				for range 2 {
					n, err := f.Write([]byte(text))
					want += text[:n]
					if (n == 0) != (err != nil) {
						t.Errorf("%d bytes are written, and the error is %v", n, err)
					}
					if err == nil && i == 2 {
						err = f.Sync()
					}
					if err != nil {
						return err
					}
				}
				return nil
			}))
		}
		testkit.NoError(t, task.Yield(ctx))
		canceled := all[t.Choose("cancel", 3)]
		canceled.Cancel(errCause)
		for _, x := range all {
			if err := x.Wait(ctx); err != nil && (x != canceled || causeOf(err) != errCause) {
				t.Errorf("task %s ends with %v", x.Task().Name(), err)
			}
		}
		testkit.NoError(t, f.Close())
		got, err := ReadFile(ctx, m, "a")
		testkit.NoError(t, err)
		testkit.Equal(t, "the file", string(got), want)
		testkit.Equal(t, "open files", m.open, 0)
	})
}

// The entries of a directory ask the operating system for an Info when the program does.
func TestInfoOfAnEntry(t *testing.T) {
	m := newMachine(t, 1)
	testkit.NoError(t, os.WriteFile(filepath.Join(m.dir, "a"), nil, 0o600))
	testkit.Run(t, func(ctx context.Context) {
		entries, err := m.ReadDir(ctx, ".")
		testkit.NoError(t, err)
		testkit.Equal(t, "the entries", fmt.Sprint(entries), "[- a]")
		_, err = entries[0].Info()
		testkit.NoError(t, err)
		l, _ := loop.FromContext(ctx)
		l.CallSoon(func() {
			testkit.Panics(t, "loop: DirEntry.Info suspends the running task, and a callback cannot do that", func() { _, _ = entries[0].Info() })
		})
		testkit.NoError(t, task.Yield(ctx))
	})
}

// The error of a cancellation that comes while MkdirAll looks at what is there is not lost.
func TestMkdirAllCanceled(t *testing.T) {
	m := newMachine(t, 1)
	testkit.NoError(t, os.Mkdir(filepath.Join(m.dir, "d"), 0o700))
	testkit.Run(t, func(ctx context.Context) {
		var x *task.Task[struct{}]
		l, _ := loop.FromContext(ctx)
		m.before = func(op string) error {
			if op == "mkdir d" {
				return errors.Join(l.Post(func() { x.Cancel(errCause) }), fs.ErrExist)
			}
			return nil
		}
		x = testkit.Spawn(ctx, "x", func(ctx context.Context) error { return MkdirAll(ctx, m, "d", 0o700) })
		testkit.Equal(t, "the cause", causeOf(x.Wait(ctx)), errCause)
	})
}
