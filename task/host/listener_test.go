package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A port is an Acceptor whose connections and errors the test sends.
type port struct {
	ready  func()
	queue  []any // transports and errors
	closed bool
}

func (p *port) Start(ready func()) { p.ready = ready }

func (p *port) Accept() (host.Transport, error) {
	if len(p.queue) == 0 {
		return nil, nil
	}
	next := p.queue[0]
	p.queue = p.queue[1:]
	if err, ok := next.(error); ok {
		return nil, err
	}
	return next.(host.Transport), nil
}

func (p *port) Close() error {
	p.closed = true
	return nil
}

func (p *port) Addr() net.Addr { return &net.TCPAddr{Port: 80} }

// come sends connections, or errors.
func (p *port) come(what ...any) {
	p.queue = append(p.queue, what...)
	p.ready()
}

// A caller is a transport of which the test only looks at the name.
type caller string

func (caller) Start(func(), func())        {}
func (caller) Receive([]byte) (int, error) { return 0, io.EOF }
func (caller) Send(p []byte) (int, error)  { return len(p), nil }
func (caller) CloseWrite() error           { return nil }
func (caller) Close() error                { return nil }
func (caller) LocalAddr() net.Addr         { return nil }
func (c caller) RemoteAddr() net.Addr      { return &net.UnixAddr{Name: string(c)} }

// acceptors starts tasks that call Accept once. Each of them appends what it got to the list.
func acceptors(ctx context.Context, ln *host.Listener, got *[]string, names ...string) (all []*task.Task[struct{}]) {
	for _, name := range names {
		all = append(all, testkit.Spawn(ctx, name, func(ctx context.Context) error {
			c, err := ln.Accept(ctx)
			switch {
			case errors.Is(err, net.ErrClosed):
				*got = append(*got, name+": closed")
			case err != nil:
				*got = append(*got, name+": "+err.Error())
			default:
				*got = append(*got, name+": "+c.RemoteAddr().String())
			}
			return nil
		}))
	}
	return all
}

func wantGot(t *testing.T, got *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*got, want) {
		t.Errorf("the tasks got %q, want %q", *got, want)
	}
	*got = nil
}

func TestAcceptServesTasksInOrder(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		p := new(port)
		ln := host.NewListener(ctx, "tcp", p)
		var got []string
		acceptors(ctx, ln, &got, "a", "b", "c")
		testkit.NoError(t, testkit.Yield(ctx, 3))
		p.come(caller("1"), caller("2"), syscall.EMFILE, caller("3"))
		testkit.NoError(t, testkit.Yield(ctx, 4))
		wantGot(t, &got, "a: 1", "b: 2", "c: accept tcp :80: too many open files")
		acceptors(ctx, ln, &got, "d", "e")
		testkit.NoError(t, testkit.Yield(ctx, 3))
		wantGot(t, &got, "d: 3")
		p.come(caller("4"))
		testkit.NoError(t, testkit.Yield(ctx, 2))
		wantGot(t, &got, "e: 4")
	})
}

// The order is that of the calls, in every order of events, also if the connections have come already. A task that is canceled
// before it goes on takes none.
func TestAcceptKeepsTheOrderOfTheCalls(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		p := new(port)
		ln := host.NewListener(ctx, "tcp", p)
		p.come(caller("1"), caller("2"), caller("3"), caller("4"))
		var called, got, want []string
		accept := func(name string) *task.Task[struct{}] {
			return testkit.Spawn(ctx, name, func(ctx context.Context) error {
				called = append(called, name)
				c, err := ln.Accept(ctx)
				if err == nil {
					got = append(got, name+c.RemoteAddr().String())
				}
				return err
			})
		}
		all := []*task.Task[struct{}]{accept("a"), accept("b"), accept("c"), accept("d")}
		testkit.NoError(t, task.Yield(ctx))
		all[t.Choose("canceled", len(all))].Cancel(nil)
		canceled := ""
		for i, x := range all {
			if err := x.Wait(ctx); err != nil {
				canceled = "abcd"[i : i+1]
			}
		}
		for _, name := range called {
			if name != canceled {
				want = append(want, name+fmt.Sprint(len(want)+1))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the tasks got %q, want %q: they called Accept in the order %q, and %q was canceled", got, want, called, canceled)
		}
	})
}

// A task that is canceled takes no connection: neither before a connection comes, nor in the turn in which it was woken
// for one.
func TestCanceledAcceptTakesNoConnection(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		p := new(port)
		ln := host.NewListener(ctx, "tcp", p)
		var got []string
		all := acceptors(ctx, ln, &got, "a", "b", "c")
		testkit.NoError(t, testkit.Yield(ctx, 3))
		all[0].Cancel(nil)
		p.come(caller("1"))
		all[1].Cancel(nil)
		testkit.NoError(t, testkit.Yield(ctx, 3))
		wantGot(t, &got, "a: canceled", "b: canceled", "c: 1")
	})
}

func TestCloseOfAListenerWakesAll(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		p := new(port)
		ln := host.NewListener(ctx, "tcp", p)
		var got []string
		acceptors(ctx, ln, &got, "a", "b")
		testkit.NoError(t, testkit.Yield(ctx, 3))
		testkit.NoError(t, ln.Close())
		testkit.NoError(t, testkit.Yield(ctx, 3))
		wantGot(t, &got, "a: closed", "b: closed")
		acceptors(ctx, ln, &got, "c")
		testkit.NoError(t, testkit.Yield(ctx, 3))
		wantGot(t, &got, "c: closed")
		testkit.ErrorIs(t, ln.Close(), net.ErrClosed)
		testkit.Equal(t, "the acceptor is closed", p.closed, true)
	})
}

// A flood of connections does not keep the other tasks waiting.
func TestAcceptLetsOthersRun(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		p := new(port)
		ln := host.NewListener(ctx, "tcp", p)
		p.come(caller("1"), caller("2"), caller("3"))
		turns := 0
		other := testkit.Spawn(ctx, "other", func(ctx context.Context) error {
			for {
				turns++
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
		})
		for range 3 {
			c, err := ln.Accept(ctx)
			must(t, c, err)
		}
		testkit.Equal(t, "steps of the other task", turns, 3)
		other.Cancel(nil)
		_, _ = other.Await(ctx)
	})
}

func TestListenerMisuse(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		testkit.Panics(t, "nil Acceptor", func() { host.NewListener(ctx, "tcp", nil) })
		testkit.Panics(t, "nil PacketTransport", func() { host.NewPacketConn(ctx, "udp", nil) })
		ln := host.NewListener(ctx, "tcp", new(port))
		l := testkit.NewLoop(t)
		other := task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
			testkit.Panics(t, "belongs to another loop", func() { _, _ = ln.Accept(ctx) })
			return struct{}{}, nil
		})
		for l.RunOnce() {
		}
		testkit.Equal(t, "done", other.Done(), true)
	})
}

// A task that waits in Accept is named in the report of a deadlock.
func TestDeadlockInAccept(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	ln := host.NewListener(l.Context(), "tcp", new(port))
	task.Go(l.Context(), ln.Accept)
	if err := l.Run(); err == nil || !strings.Contains(err.Error(), "a connection to :80") {
		t.Errorf("Run = %v", err)
	}
}

// Another goroutine that closes a Listener panics, also while a task is running.
func TestListenerOnAnotherGoroutine(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		ln := host.NewListener(ctx, "tcp", &port{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			testkit.Panics(t, "loop: Listener.Close from another goroutine than the loop's; use Post", func() { _ = ln.Close() })
		}()
		<-done
		testkit.NoError(t, ln.Close())
	})
}
