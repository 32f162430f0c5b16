package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// wantOpError fails the test unless err is an error of package net for op, which wraps target.
func wantOpError(t testkit.T, err error, op string, target error) {
	t.Helper()
	var e *net.OpError
	if !errors.As(err, &e) || e.Op != op || e.Net != "pipe" || e.Addr == nil || e.Source == nil || !errors.Is(err, target) {
		t.Errorf("the error is %#v (%v), want a net.OpError of %s with %v", err, err, op, target)
	}
}

// write writes text, which must fit, at once.
func write(t testkit.T, c *host.Conn, text string) {
	t.Helper()
	n, err := c.Write([]byte(text))
	testkit.Equal(t, "Write", fmt.Sprint(n, err), fmt.Sprint(len(text), nil))
}

// got reads once, up to max bytes.
func got(c io.Reader, max int) read {
	p := make([]byte, max)
	n, err := c.Read(p)
	return read{string(p[:n]), err}
}

func TestReadReturnsWhatIsThere(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx)
		write(t, a, "abc")
		write(t, a, "def")
		testkit.Equal(t, "part", got(b, 2), read{"ab", nil})
		testkit.Equal(t, "the rest", got(b, 100), read{"cdef", nil})
	})
}

// reader makes a task that reads once, up to max bytes, and notes what it got.
func reader(ctx context.Context, log *looptest.Journal, c *host.Conn, name string, max int) *task.Task[struct{}] {
	return testkit.Spawn(ctx, name, func(context.Context) error {
		r := got(c, max)
		log.Add("%s %q %v", name, r.text, r.err)
		return r.err
	})
}

// Tasks read in the order in which they called Read, also if a task comes after the first one was woken.
func TestReadersWaitInOrder(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context())
	var log looptest.Journal
	for _, name := range []string{"A", "B", "C"} {
		reader(l.Context(), &log, b, name, 2)
	}
	l.RunUntilIdle()
	log.Want(t)
	testkit.Spawn(l.Context(), "writer", func(ctx context.Context) error {
		write(t, a, "1234")
		reader(ctx, &log, b, "D", 1)
		return nil
	})
	l.RunUntilIdle()
	log.Want(t, `A "12" <nil>`, `B "34" <nil>`)
	testkit.Spawn(l.Context(), "writer", func(context.Context) error { write(t, a, "567"); return a.CloseWrite() })
	last := reader(l.Context(), &log, b, "E", 9)
	l.RunUntilIdle()
	log.Want(t, `C "56" <nil>`, `D "7" <nil>`, `E "" EOF`)
	testkit.Equal(t, "the error of E", last.Err(), io.EOF)
}

// A task may be canceled when its turn has come and it has not gone on yet. Then the next task gets its bytes.
func TestReaderCanceledWhenItsTurnHasCome(t *testing.T) {
	for _, which := range []int{0, 1} {
		l := testkit.NewLoop(t)
		a, b := host.Pipe(l.Context())
		var log looptest.Journal
		tasks := []*task.Task[struct{}]{reader(l.Context(), &log, b, "A", 9), reader(l.Context(), &log, b, "B", 9)}
		l.RunUntilIdle()
		testkit.Spawn(l.Context(), "writer", func(context.Context) error {
			write(t, a, "text")
			tasks[which].Cancel(testkit.ErrCause)
			return nil
		})
		l.RunUntilIdle()
		name := [...]string{"A", "B"}
		want := []string{name[which] + ` "" canceled: the cause`, name[1-which] + ` "text" <nil>`}
		if which == 1 {
			want[0], want[1] = want[1], want[0]
		}
		log.Want(t, want...)
		testkit.ErrorIs(t, tasks[which].Err(), future.ErrCanceled)
	}
}

// While there is no room, the tasks that write wait. The bytes of each Write stay together.
func TestWritesStayWhole(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(10))
		var want strings.Builder
		for i := range 20 {
			text := strings.Repeat(string(rune('a'+i)), 7*i)
			want.WriteString(text)
			testkit.Spawn(ctx, text, func(context.Context) error {
				n, err := io.WriteString(a, text)
				testkit.Equal(t, "written", n, len(text))
				return err
			})
		}
		testkit.Spawn(ctx, "closer", func(ctx context.Context) error { defer a.Close(); return task.Sleep(ctx, time.Second) })
		var all strings.Builder
		for i := 1; ; i++ {
			r := got(b, i%13+1)
			if all.WriteString(r.text); r.err != nil {
				testkit.Equal(t, "error", r.err, io.EOF)
				break
			}
			if i%3 == 0 {
				testkit.NoError(t, task.Yield(ctx))
			}
		}
		testkit.Equal(t, "the peer read", all.String(), want.String())
	})
}

// A canceled Write says how much it has accepted. The peer gets that much, and then the next Write.
func TestWriteCanceledInTheMiddle(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context(), host.WithPipeBuffer(4))
	var log looptest.Journal
	writer := func(text string) *task.Task[struct{}] {
		return testkit.Spawn(l.Context(), text, func(context.Context) error {
			n, err := a.Write([]byte(text))
			log.Add("%d %v", n, err)
			return err
		})
	}
	first, second := writer("abcdefgh"), writer("1234")
	l.RunUntilIdle()
	reader(l.Context(), &log, b, "R", 2)
	l.RunUntilIdle()
	log.Want(t, `R "ab" <nil>`)
	first.Cancel(testkit.ErrCause)
	l.RunUntilIdle()
	log.Want(t, "6 canceled: the cause")
	for range 3 {
		reader(l.Context(), &log, b, "R", 4)
		l.RunUntilIdle()
		if second.Task().Done() {
			break
		}
	}
	log.Want(t, `R "cdef" <nil>`, "4 <nil>")
	reader(l.Context(), &log, b, "R", 9)
	l.RunUntilIdle()
	log.Want(t, `R "1234" <nil>`)
	testkit.ErrorIs(t, first.Err(), future.ErrCanceled)
}

// A peer that does not read makes Write wait. A pipe holds no more than its buffer.
func TestBackpressure(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context(), host.WithPipeBuffer(100))
	written := 0
	testkit.Spawn(l.Context(), "writer", func(context.Context) error {
		for range 100 {
			n, err := a.Write(make([]byte, 30))
			if written += n; err != nil {
				return err
			}
		}
		return a.Close()
	})
	l.RunUntilIdle()
	testkit.Equal(t, "written before the peer reads", written, 90)
	total := testkit.Spawn(l.Context(), "reader", func(context.Context) error {
		all, err := io.ReadAll(b)
		testkit.Equal(t, "read", len(all), 3000)
		return err
	})
	l.RunUntilIdle()
	testkit.NoError(t, total.Err())
	testkit.Equal(t, "written", written, 3000)
}

func TestCloseWakesReadersAndWriters(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, _ := host.Pipe(ctx, host.WithPipeBuffer(3))
		ended := 0
		for range 3 {
			testkit.Spawn(ctx, "reader", func(context.Context) error {
				_, err := a.Read(make([]byte, 1))
				wantOpError(t, err, "read", net.ErrClosed)
				ended++
				return nil
			})
			testkit.Spawn(ctx, "writer", func(context.Context) error {
				_, err := a.Write(make([]byte, 5))
				wantOpError(t, err, "write", net.ErrClosed)
				ended++
				return nil
			})
		}
		testkit.NoError(t, testkit.Yield(ctx, 1))
		testkit.NoError(t, a.Close())
		testkit.NoError(t, testkit.Yield(ctx, 1))
		testkit.Equal(t, "ended in the next turn", ended, 6)
		for range 2 {
			_, err := a.Read(make([]byte, 1))
			wantOpError(t, err, "read", net.ErrClosed)
			_, err = a.Write([]byte("x"))
			wantOpError(t, err, "write", net.ErrClosed)
			_, err = a.Read(nil)
			wantOpError(t, err, "read", net.ErrClosed)
			_, err = a.Write(nil)
			wantOpError(t, err, "write", net.ErrClosed)
			wantOpError(t, a.Close(), "close", net.ErrClosed)
			wantOpError(t, a.CloseWrite(), "close", net.ErrClosed)
			testkit.ErrorIs(t, a.SetDeadline(time.Time{}), net.ErrClosed)
		}
	})
}

func TestCloseWrite(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(4))
		waits := testkit.Spawn(ctx, "writer", func(context.Context) error {
			n, err := a.Write([]byte("123456"))
			testkit.Equal(t, "written", n, 4)
			wantOpError(t, err, "write", syscall.EPIPE)
			return nil
		})
		testkit.NoError(t, testkit.Yield(ctx, 1))
		testkit.NoError(t, a.CloseWrite())
		testkit.NoError(t, waits.Wait(ctx))
		_, err := a.Write([]byte("x"))
		wantOpError(t, err, "write", syscall.EPIPE)
		testkit.NoError(t, a.CloseWrite())
		for range 2 {
			all, err := io.ReadAll(b)
			testkit.NoError(t, err)
			testkit.Equal(t, "the error after the end", got(b, 1), read{"", io.EOF})
			if len(all) > 0 {
				testkit.Equal(t, "read", string(all), "1234")
			}
		}
		write(t, b, "back")
		testkit.Equal(t, "read after CloseWrite", got(a, 9), read{"back", nil})
	})
}

// A call with no bytes never waits, but tells that the connection is closed.
func TestCallsWithoutBytes(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(2))
		testkit.Equal(t, "Read of an empty stream", got(a, 0), read{"", nil})
		write(t, a, "12")
		write(t, a, "")
		past := task.Current(ctx).Loop().Now().Add(-time.Second)
		testkit.NoError(t, b.SetDeadline(past))
		testkit.Equal(t, "Read after the deadline", got(b, 0), read{"", nil})
		testkit.NoError(t, b.CloseWrite())
		_, err := b.Write(nil)
		wantOpError(t, err, "write", syscall.EPIPE)
	})
}

// Read and Write panic outside of a task, and the messages say what to do.
func TestConnOutsideOfATask(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {testkit.DebugMode}} {
		l := testkit.NewLoop(t, opts...)
		a, _ := host.Pipe(l.Context())
		wants := func(why string) {
			testkit.Panics(t, "loop: Conn.Read suspends the running task, and "+why, func() { _, _ = a.Read(make([]byte, 1)) })
			testkit.Panics(t, "loop: Conn.Write suspends the running task, and "+why, func() { _, _ = a.Write(make([]byte, 1)) })
		}
		wants("its loop is not running; call it in the body of a task")
		l.CallSoon(func() { wants("a callback cannot do that: spawn a task with task.Go") })
		testkit.Spawn(l.Context(), "A", func(context.Context) error {
			const elsewhere = " from another goroutine than the loop's; use Post"
			testkit.Goexits(func() {
				testkit.Panics(t, "loop: Conn.Close"+elsewhere, func() { _ = a.Close() })
				testkit.Panics(t, "loop: Conn.CloseWrite"+elsewhere, func() { _ = a.CloseWrite() })
				testkit.Panics(t, "loop: setting a deadline of a Conn"+elsewhere, func() { _ = a.SetDeadline(time.Time{}) })
			})
			testkit.Goexits(func() { wants("another goroutine than the loop's cannot do that: use task.Submit") })
			return nil
		})
		l.RunUntilIdle()
		other := testkit.NewLoop(t)
		testkit.Spawn(other.Context(), "B", func(ctx context.Context) error {
			wants("its loop is not running")
			testkit.Panics(t, `host: Conn.ReadContext in task "B", but the Conn belongs to another loop`, func() { _, _ = a.ReadContext(ctx, nil) })
			testkit.Panics(t, `host: Conn.WriteContext in task "B"`, func() { _, _ = a.WriteContext(ctx, nil) })
			return nil
		})
		other.RunUntilIdle()
		testkit.Panics(t, "outside every task", func() { _, _ = a.ReadContext(l.Context(), nil) })
		testkit.NoError(t, a.Close()) // the host may close
	}
	testkit.Panics(t, "host: NewConn with a nil Transport", func() { host.NewConn(context.Background(), "pipe", nil) })
}

// A derived context ends ReadContext and WriteContext. Read and Write do not know it.
func TestDerivedContexts(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(3))
		derived, cancel := context.WithCancelCause(ctx)
		task.Current(ctx).Loop().CallLater(time.Second, func() { cancel(testkit.ErrEnded) })
		_, err := a.ReadContext(derived, make([]byte, 1))
		testkit.Equal(t, "ReadContext", err, testkit.ErrEnded)
		n, err := a.WriteContext(derived, []byte("123"))
		testkit.Equal(t, "WriteContext that need not wait", fmt.Sprint(n, err), "3 <nil>")
		n, err = a.WriteContext(derived, []byte("456"))
		testkit.Equal(t, "WriteContext that waits", fmt.Sprint(n, err), fmt.Sprint(0, testkit.ErrEnded))
		p := make([]byte, 9)
		n, err = b.ReadContext(derived, p)
		testkit.Equal(t, "ReadContext that need not wait", read{string(p[:n]), err}, read{"123", nil})
		sender := testkit.Spawn(ctx, "sender", func(ctx context.Context) error { defer write(t, b, "x"); return task.Sleep(ctx, time.Second) })
		testkit.Equal(t, "Read", got(a, 1), read{"x", nil})
		testkit.NoError(t, sender.Wait(ctx))
	})
}

// Close of the loop unwinds tasks in Read and Write, and their deferred calls may use the Conn.
func TestConnWhenTheLoopIsClosed(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {testkit.DebugMode}} {
		l := testkit.NewLoop(t, opts...)
		a, b := host.Pipe(l.Context(), host.WithPipeBuffer(3))
		ended := 0
		end := func(err error) {
			var c *loop.CanceledError
			if !errors.As(err, &c) || c.Cause != loop.ErrClosed {
				t.Errorf("ended with %v, want a cancellation by Close", err)
			}
			ended++
		}
		for range 3 {
			testkit.Spawn(l.Context(), "writer", func(context.Context) error {
				defer b.SetDeadline(time.Time{})
				n, err := a.Write([]byte("12345"))
				if end(err); n > 3 {
					t.Errorf("%d bytes were written", n)
				}
				return err
			})
			testkit.Spawn(l.Context(), "reader", func(context.Context) error {
				_, err := a.Read(make([]byte, 1))
				end(err)
				return err
			})
		}
		testkit.Spawn(l.Context(), "closer", func(ctx context.Context) error {
			defer func() {
				testkit.NoError(t, a.Close())
				_, err := a.Read(make([]byte, 1))
				wantOpError(t, err, "read", net.ErrClosed)
				testkit.Equal(t, "what was written", got(b, 9), read{"123", nil})
				testkit.Equal(t, "then", got(b, 9), read{"", io.EOF})
				testkit.NoError(t, b.Close())
			}()
			return testkit.SleepForever(ctx)
		})
		l.RunUntilIdle()
		l.Close()
		testkit.Equal(t, "tasks that ended", ended, 6)
		wantOpError(t, a.Close(), "close", net.ErrClosed)
	}
}

// A Goexit of a callback ends a task in Read, and the next task reads.
func TestGoexitInRead(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context())
	var log looptest.Journal
	first := testkit.Spawn(l.Context(), "A", func(context.Context) error {
		defer log.Add("A ends")
		return got(b, 1).err
	})
	l.CallSoon(runtime.Goexit) // runs on the stack of A
	testkit.Equal(t, "Goexit", testkit.Goexits(l.RunUntilIdle), true)
	reader(l.Context(), &log, b, "B", 9)
	testkit.Spawn(l.Context(), "writer", func(context.Context) error { write(t, a, "text"); return nil })
	l.RunUntilIdle()
	log.Want(t, "A ends", `B "text" <nil>`)
	testkit.ErrorIs(t, first.Err(), loop.ErrGoexit)
}

// A deadlock report says what the tasks wait for.
func TestConnInADeadlockReport(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context(), host.WithPipeBuffer(3))
	testkit.Spawn(l.Context(), "R", func(context.Context) error { return got(a, 1).err })
	testkit.Spawn(l.Context(), "W", func(context.Context) error { _, err := a.Write(make([]byte, 4)); return err })
	err := l.Run()
	for _, want := range []string{"R awaits bytes on the pipe connection to pipe", "W awaits room for bytes on the pipe connection to pipe"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the report is\n%v\nwant one with %q", err, want)
		}
	}
	_ = b
}
