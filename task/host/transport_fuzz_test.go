package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A fickle transport does what a script says: it answers in pieces of any size, also in none, and calls readable
// and writable in vain, early and late. The bytes that come are 0, 1, 2 and so on.
type fickle struct {
	t                  testing.TB
	l                  *loop.Loop
	script             []byte
	readable, writable func()
	come               int // how many bytes have come
	all                int // how many will come, before the error end
	end                error
	sent               []byte
	broken             bool // Send fails from now on
	closed             bool
}

// next returns the next number of the script, which is less than n. When the script is over, it returns the
// greatest: the transport is kind then.
func (f *fickle) next(n int) int {
	if len(f.script) == 0 {
		return n - 1
	}
	b := f.script[0]
	f.script = f.script[1:]
	return int(b) % n
}

func (f *fickle) Start(readable, writable func()) { f.readable, f.writable = readable, writable }

// enter begins a method, and schedules calls in vain.
func (f *fickle) enter() {
	if f.closed {
		f.t.Error("a method was called after Close")
	}
	switch f.next(8) {
	case 0:
		f.l.CallSoon(f.readable)
	case 1:
		f.l.CallSoon(f.writable)
	case 2:
		f.l.CallSoon(f.writable)
		f.l.CallSoon(f.readable)
		f.l.CallSoon(f.readable)
	}
}

// later calls what some turns later.
func (f *fickle) later(turns int, what func()) {
	if turns == 0 {
		what()
		return
	}
	f.l.CallSoon(func() { f.later(turns-1, what) })
}

func (f *fickle) Receive(p []byte) (n int, err error) {
	f.enter()
	if len(p) == 0 {
		f.t.Error("Receive without room")
	}
	n = min(f.next(20), len(p), f.all-f.come)
	for i := range n {
		p[i] = byte(f.come)
		f.come++
	}
	switch {
	case n > 0:
	case f.come == f.all:
		return 0, f.end
	default:
		f.later(1+f.next(3), f.readable)
	}
	return n, nil
}

func (f *fickle) Send(p []byte) (n int, err error) {
	f.enter()
	if len(p) == 0 {
		f.t.Error("Send of nothing")
	}
	if f.broken || len(f.script) > 0 && f.next(64) == 63 {
		f.broken = true
		return 0, syscall.ECONNRESET
	}
	n = min(f.next(20), len(p))
	f.sent = append(f.sent, p[:n]...)
	if n < len(p) {
		f.later(1+f.next(3), f.writable)
	}
	return n, nil
}

func (f *fickle) CloseWrite() error    { f.enter(); return nil }
func (f *fickle) Close() error         { f.enter(); f.closed = true; return nil }
func (f *fickle) LocalAddr() net.Addr  { return &net.TCPAddr{Port: 1} }
func (f *fickle) RemoteAddr() net.Addr { return &net.TCPAddr{Port: 2} }

// Whatever the transport does within its contract, tasks read all bytes that come, in order, and send what Write
// says. No task waits for ever.
func FuzzTransport(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("the transport answers as this text says, in pieces of any size"))
	f.Add(bytes.Repeat([]byte{0, 20, 2, 40}, 50))
	f.Add(bytes.Repeat([]byte{2, 0, 0}, 100))
	f.Add(bytes.Repeat([]byte{1, 63, 3, 7, 9}, 30))
	f.Fuzz(func(t *testing.T, script []byte) {
		l := testkit.NewLoop(t)
		defer l.Close()
		world := &fickle{t: t, l: l, script: script, end: io.EOF}
		if world.all = world.next(200); world.next(2) == 0 {
			world.end = syscall.ECONNRESET
		}
		c := host.NewConn(l.Context(), "tcp", world)
		var read, sent []byte
		var tasks []*task.Task[struct{}]
		spawn := func(name string, body testkit.Body) {
			tasks = append(tasks, testkit.Spawn(l.Context(), name, body))
		}
		// survives takes a request back, and reports whether err was its cancellation.
		survives := func(ctx context.Context, err error) bool {
			if !errors.Is(err, future.ErrCanceled) {
				return false
			}
			lowlevel.Current(ctx).Uncancel()
			return true
		}
		for i := range 1 + world.next(3) {
			spawn("reader", func(ctx context.Context) error {
				p := make([]byte, 1+7*i)
				for {
					n, err := c.Read(p)
					if read = append(read, p[:n]...); err == nil && n > 0 || survives(ctx, err) {
						continue
					}
					if n > 0 || !errors.Is(err, world.end) {
						t.Errorf("Read: %d, %v", n, err)
					}
					return nil
				}
			})
		}
		for i := range 1 + world.next(3) {
			spawn("writer", func(ctx context.Context) error {
				for j := range 5 {
					p := bytes.Repeat([]byte{byte(10*i + j)}, 9*i+j)
					n, err := c.Write(bytes.Clone(p))
					sent = append(sent, p[:n]...)
					switch {
					case err == nil && n == len(p), survives(ctx, err):
					case errors.Is(err, syscall.ECONNRESET) && world.broken:
						return nil
					default:
						t.Errorf("Write: %d of %d, %v", n, len(p), err)
					}
				}
				return nil
			})
		}
		l.RunOnce()
		for turn := 0; l.RunOnce(); turn++ {
			if turn > 10000 {
				t.Fatal("the tasks do not end")
			}
			if len(world.script) > 0 {
				if which := world.next(3 * len(tasks)); which < len(tasks) {
					tasks[which].Cancel(testkit.ErrCause)
				}
			}
		}
		for _, one := range tasks {
			if !one.Done() {
				t.Errorf("%v %s", one, one.Task().Status())
			}
		}
		want := make([]byte, world.all)
		for i := range want {
			want[i] = byte(i)
		}
		if !bytes.Equal(read, want) {
			t.Errorf("read\n\t%v\nwant\n\t%v", read, want)
		}
		if !bytes.Equal(sent, world.sent) {
			t.Errorf("the calls of Write say\n\t%v\nbut this was sent:\n\t%v", sent, world.sent)
		}
		testkit.NoError(t, c.Close())
		spawn("late", func(context.Context) error {
			_, err := c.Read(make([]byte, 1))
			testkit.ErrorIs(t, err, net.ErrClosed)
			_, err = c.Write(make([]byte, 1))
			testkit.ErrorIs(t, err, net.ErrClosed)
			testkit.ErrorIs(t, c.CloseWrite(), net.ErrClosed)
			return nil
		})
		world.readable() // late calls do no harm
		world.writable()
		l.RunUntilIdle()
	})
}
