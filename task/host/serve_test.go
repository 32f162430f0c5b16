package host_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

type handler = func(ctx context.Context, c *host.Conn) error

// serving runs a server in memory, and body beside it. When body has ended, the server is canceled, and
// serving returns what Serve has returned.
func serving(ctx context.Context, handle handler, body func(m *host.Memory, server *task.Task[struct{}]), opts ...host.ServeOption) error {
	m, ln := host.NewMemory(ctx)
	server := testkit.Spawn(ctx, "server", func(ctx context.Context) error { return host.Serve(ctx, ln, handle, opts...) })
	body(m, server)
	server.Cancel(testkit.ErrCause)
	return server.Wait(ctx)
}

// dial connects to m.
func dial(t testkit.T, m *host.Memory) *host.Conn {
	t.Helper()
	c, err := m.Dial(1 << 10)
	testkit.NoError(t, err)
	return c
}

// say sends a line to an echo server, and returns the answer.
func say(c io.ReadWriter, line string) (string, error) {
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// wantCause fails the test unless err is a cancellation with ErrCause.
func wantCause(t testkit.T, err error) {
	t.Helper()
	var c *loop.CanceledError
	if !errors.As(err, &c) || c.Cause != testkit.ErrCause {
		t.Errorf("the error is %v, want a cancellation with the cause %v", err, testkit.ErrCause)
	}
}

func echoes(_ context.Context, c *host.Conn) error { return echo(c) }

func TestServe(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		var names []string
		handle := func(ctx context.Context, c *host.Conn) error {
			names = append(names, task.NameOf(ctx))
			return echo(c)
		}
		wantCause(t, serving(ctx, handle, func(m *host.Memory, _ *task.Task[struct{}]) {
			a, b := dial(t, m), dial(t, m)
			for i := range 3 {
				for _, c := range []*host.Conn{a, b} {
					line := fmt.Sprintf("line %d", i)
					answer, err := say(c, line)
					testkit.NoError(t, err)
					testkit.Equal(t, "answer", answer, line)
				}
			}
			testkit.NoError(t, a.Close())
			testkit.NoError(t, b.Close())
		}))
		testkit.Equal(t, "names of the tasks", strings.Join(names, ", "), "client 1, client 2")
	})
}

// However a handler ends, its connection is closed, and the others go on.
func TestHandlersThatFail(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		handle := func(ctx context.Context, c *host.Conn) error {
			line, err := bufio.NewReader(c).ReadString('\n')
			switch line {
			case "panic\n":
				panic("as asked")
			case "error\n":
				return syscall.ECHILD
			case "cancel\n":
				task.Current(ctx).Cancel(nil)
				return task.Yield(ctx)
			case "draining\n":
				return fmt.Errorf("not now: %w", host.ErrDraining)
			case "panic io.EOF\n":
				panic(io.EOF)
			case "ends\n":
				return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
					testkit.NoError(t, g.Go(func(context.Context) error { return io.EOF }))
					_ = task.Yield(ctx)
					return host.ErrDraining
				})
			case "an end and an error\n":
				return errors.Join(io.EOF, syscall.ECHILD)
			case "close\n":
				return c.Close()
			case "ctx\n":
				task.Current(ctx).Cancel(nil)
				return ctx.Err()
			}
			return err
		}
		var reports []string
		report := func(err error) {
			var e *task.TaskError
			var p *task.PanicError
			if !errors.As(err, &e) {
				t.Errorf("the error is %v, want a *task.TaskError", err)
			}
			if errors.As(err, &p) && p.Task != e.Task {
				t.Errorf("the panic is in task %q, want %q", p.Task, e.Task)
			}
			reports = append(reports, err.Error())
		}
		wantCause(t, serving(ctx, handle, func(m *host.Memory, _ *task.Task[struct{}]) {
			bystander := dial(t, m)
			for _, line := range []string{"panic", "error", "cancel", "draining", "close", "ctx", "return", "panic io.EOF", "ends", "an end and an error"} {
				c := dial(t, m)
				_, err := say(c, line)
				testkit.Equal(t, "the end after "+line, err, io.EOF)
				testkit.NoError(t, c.Close())
			}
			c := dial(t, m)
			testkit.NoError(t, c.CloseWrite()) // the handler returns io.EOF
			_, err := c.Read(make([]byte, 1))
			testkit.Equal(t, "the end after io.EOF", err, io.EOF)
			testkit.NoError(t, c.Close())
			_, err = say(bystander, "error")
			testkit.Equal(t, "the end of the other", err, io.EOF)
			testkit.NoError(t, bystander.Close())
		}, host.WithErrorHandler(report)))
		testkit.Equal(t, "reports", strings.ReplaceAll(strings.Join(reports, "; "), "\n", ", "),
			`client 2: panic in task "client 2": as asked; client 3: no child processes; client 9: panic in task "client 9": EOF; client 11: EOF, no child processes; client 1: no child processes`)
	})
}

// A Goexit in a handler closes the connection, and ends the loop.
func TestHandlerThatCallsGoexit(t *testing.T) {
	var fromHandler *host.Conn
	var reports []loop.Failure
	testkit.Equal(t, "Goexit", testkit.Goexits(func() {
		_, _ = task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, serving(ctx, func(ctx context.Context, c *host.Conn) error {
				fromHandler = c
				runtime.Goexit()
				return nil
			}, func(m *host.Memory, server *task.Task[struct{}]) {
				dial(t, m)
				_ = server.Wait(ctx)
			})
		}, loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) { reports = append(reports, f) }))
	}), true)
	testkit.ErrorIs(t, fromHandler.Close(), net.ErrClosed)
	testkit.Equal(t, "reports", len(reports), 0)
}

// Without WithErrorHandler the loop's error handler gets the errors.
func TestReportsToTheLoop(t *testing.T) {
	var reports []string
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		err := serving(ctx, func(context.Context, *host.Conn) error { return syscall.ECHILD }, func(m *host.Memory, _ *task.Task[struct{}]) {
			m.Fail(syscall.EMFILE)
			_, err := dial(t, m).Read(make([]byte, 1))
			testkit.Equal(t, "the end of the client", err, io.EOF)
		})
		wantCause(t, err)
		return struct{}{}, nil
	}, loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		reports = append(reports, fmt.Sprintf("%v: %s: %v", f.Kind, f.Task.Name(), f.Err))
	}))
	testkit.NoError(t, err)
	testkit.Equal(t, "reports", strings.Join(reports, "\n"), strings.Join([]string{
		"a part of the work failed, and the rest goes on: server: accept memory server: too many open files; accepting again in 5ms",
		"a part of the work failed, and the rest goes on: client 1: no child processes",
	}, "\n"))
}

// errLasting is an error that Accept does not get over.
var errLasting = errors.New("the network is gone")

// After errors that pass, Serve tries again, with longer and longer pauses.
func TestAcceptIsTriedAgain(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		l := task.Current(ctx).Loop()
		var log []string
		began := l.Elapsed()
		report := func(err error) { log = append(log, fmt.Sprintf("%v at %v", err, l.Elapsed()-began)) }
		err := serving(ctx, echoes, func(m *host.Memory, server *task.Task[struct{}]) {
			for range 10 {
				m.Fail(syscall.EMFILE)
			}
			c := dial(t, m)
			_, err := say(c, "hello")
			testkit.NoError(t, err)
			log = append(log, fmt.Sprintf("served at %v", l.Elapsed()-began))
			m.Fail(syscall.ECONNABORTED) // the pauses begin from 5 ms again
			m.Fail(errLasting)
			testkit.NoError(t, c.Close())
			testkit.ErrorIs(t, server.Wait(ctx), errLasting)
		}, host.WithErrorHandler(report))
		testkit.ErrorIs(t, err, errLasting)
		testkit.Equal(t, "log", strings.ReplaceAll(strings.Join(log, "\n"), "accept memory server: ", ""), strings.Join([]string{
			"too many open files; accepting again in 5ms at 0s",
			"too many open files; accepting again in 10ms at 5ms",
			"too many open files; accepting again in 20ms at 15ms",
			"too many open files; accepting again in 40ms at 35ms",
			"too many open files; accepting again in 80ms at 75ms",
			"too many open files; accepting again in 160ms at 155ms",
			"too many open files; accepting again in 320ms at 315ms",
			"too many open files; accepting again in 640ms at 635ms",
			"too many open files; accepting again in 1s at 1.275s",
			"too many open files; accepting again in 1s at 2.275s",
			"served at 3.275s",
			"software caused connection abort; accepting again in 5ms at 3.275s",
		}, "\n"))
	})
}

// Serve accepts no more connections than WithMaxConns allows, and the next one when one has ended.
func TestMaxConns(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 50), func(ctx context.Context, t *looptest.T) {
		open, most, served := 0, 0, 0
		handle := func(ctx context.Context, c *host.Conn) error {
			open++
			most = max(most, open)
			defer func() { open--; served++ }()
			switch served {
			case 1:
				return errors.New("one fails")
			case 2:
				panic("one panics")
			}
			return echo(c)
		}
		wantCause(t, serving(ctx, handle, func(m *host.Memory, _ *task.Task[struct{}]) {
			var clients []*task.Task[struct{}]
			for range 10 {
				clients = append(clients, testkit.Spawn(ctx, "", func(ctx context.Context) error {
					c := dial(t, m)
					defer c.Close()
					if _, err := say(c, "hello"); err != nil && err != io.EOF {
						return err
					}
					return task.Sleep(ctx, time.Second)
				}))
			}
			testkit.NoError(t, task.Gather(clients...).Wait(ctx))
		}, host.WithMaxConns(3), host.WithErrorHandler(func(error) {})))
		testkit.Equal(t, "connections at the same time", most, 3)
		testkit.Equal(t, "connections that were served", served, 10)
	})
}

// At the limit, connections wait in the listener, and the end of ctx still ends Serve.
func TestEndAtTheLimit(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		wantCause(t, serving(ctx, echoes, func(m *host.Memory, _ *task.Task[struct{}]) {
			a, b := dial(t, m), dial(t, m)
			testkit.NoError(t, looptest.Settle(ctx))
			testkit.Equal(t, "connections that wait", m.Waiting(), 1)
			testkit.NoError(t, a.Close())
			testkit.NoError(t, looptest.Settle(ctx))
			testkit.Equal(t, "connections that wait", m.Waiting(), 0)
			dial(t, m)
			testkit.NoError(t, b.CloseWrite())
		}, host.WithMaxConns(1)))
	})
}

// The stages of a shutdown, by the clock.
func TestShutdown(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		var j looptest.Journal
		l := task.Current(ctx).Loop()
		note := func(format string, args ...any) {
			j.Add("%v %s", l.Elapsed(), fmt.Sprintf(format, args...))
		}
		handle := func(ctx context.Context, c *host.Conn) error {
			defer func() {
				note("%s ends, draining: %t, its context: %v", task.NameOf(ctx), host.Draining(ctx), ctx.Err())
			}()
			note("%s begins, draining: %t", task.NameOf(ctx), host.Draining(ctx))
			switch task.NameOf(ctx) {
			case "client 1": // waits for a request
				return host.Idle(ctx, func(ctx context.Context) error {
					_, err := c.ReadContext(ctx, make([]byte, 1))
					return err
				})
			case "client 2": // answers a request, which takes 3 seconds
				if err := task.Sleep(ctx, 3*time.Second); err != nil {
					return err
				}
				err := host.Idle(ctx, func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
				testkit.Equal(t, "the error of Idle", err, host.ErrDraining)
				return err
			}
			defer task.Sleep(ctx, time.Second) // cleans up
			return task.Sleep(ctx, time.Hour)
		}
		m, ln := host.NewMemory(ctx)
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			return host.Serve(ctx, ln, handle, host.WithGrace(5*time.Second))
		})
		for range 3 {
			dial(t, m)
		}
		testkit.NoError(t, task.Sleep(ctx, time.Second))
		server.Cancel(testkit.ErrCause)
		testkit.NoError(t, task.Yield(ctx))
		testkit.NoError(t, task.Yield(ctx))
		_, err := m.Dial(1)
		testkit.ErrorIs(t, err, syscall.ECONNREFUSED)
		wantCause(t, server.Wait(ctx))
		note("Serve has returned")
		j.Want(t,
			"0s client 1 begins, draining: false",
			"0s client 2 begins, draining: false",
			"0s client 3 begins, draining: false",
			"1s client 1 ends, draining: true, its context: <nil>",
			"3s client 2 ends, draining: true, its context: <nil>",
			"7s client 3 ends, draining: true, its context: context canceled",
			"7s Serve has returned",
		)
	})
}

// In each way in which a shutdown begins, Serve returns the reason.
func TestReasonOfAShutdown(t *testing.T) {
	handle := func(ctx context.Context, c *host.Conn) error { return task.Sleep(ctx, time.Second) }
	for name, c := range map[string]struct {
		begin  func(server *task.Task[struct{}], end context.CancelCauseFunc, m *host.Memory, ln *host.Listener)
		reason func(t testkit.T, err error)
	}{
		"a cancellation": {
			func(server *task.Task[struct{}], _ context.CancelCauseFunc, _ *host.Memory, _ *host.Listener) {
				server.Cancel(testkit.ErrCause)
			}, wantCause},
		"a context that ends": {
			func(_ *task.Task[struct{}], end context.CancelCauseFunc, _ *host.Memory, _ *host.Listener) {
				end(testkit.ErrEnded)
			}, func(t testkit.T, err error) { testkit.Equal(t, "reason", err, testkit.ErrEnded) }},
		"a Listener that is closed": {
			func(_ *task.Task[struct{}], _ context.CancelCauseFunc, _ *host.Memory, ln *host.Listener) {
				testkit.NoError(t, ln.Close())
			}, func(t testkit.T, err error) { testkit.ErrorIs(t, err, net.ErrClosed) }},
		"a Listener that fails": {
			func(_ *task.Task[struct{}], _ context.CancelCauseFunc, m *host.Memory, _ *host.Listener) {
				m.Fail(errLasting)
			},
			func(t testkit.T, err error) { testkit.ErrorIs(t, err, errLasting) }},
	} {
		t.Run(name, func(t *testing.T) {
			looptest.Run(t, func(ctx context.Context, t *looptest.T) {
				m, ln := host.NewMemory(ctx)
				var end context.CancelCauseFunc
				server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
					ctx, end = context.WithCancelCause(ctx)
					defer end(nil)
					return host.Serve(ctx, ln, handle)
				})
				client := dial(t, m)
				testkit.NoError(t, task.Sleep(ctx, 500*time.Millisecond))
				c.begin(server, end, m, ln)
				err := server.Wait(ctx)
				c.reason(t, err)
				testkit.Equal(t, "the handler has had its time", task.Current(ctx).Loop().Elapsed(), time.Second)
				_, err = client.Read(make([]byte, 1))
				testkit.Equal(t, "the end of the client", err, io.EOF)
				_, err = m.Dial(1)
				testkit.ErrorIs(t, err, syscall.ECONNREFUSED)
			})
		})
	}
}

// The grace period is as long as WithGrace says, and ends early when Serve is canceled again.
func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		opts  []host.ServeOption
		again time.Duration // when Serve is canceled again
		want  time.Duration
	}{
		"by default": {nil, 0, 10 * time.Second},
		"a minute":   {[]host.ServeOption{host.WithGrace(time.Minute)}, 0, time.Minute},
		"none":       {[]host.ServeOption{host.WithGrace(0)}, 0, 0},
		"no limit":   {[]host.ServeOption{host.WithGrace(task.NoLimit)}, 0, time.Hour},
		"an end":     {[]host.ServeOption{host.WithGrace(task.NoLimit)}, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			looptest.Run(t, func(ctx context.Context, t *looptest.T) {
				l := task.Current(ctx).Loop()
				m, ln := host.NewMemory(ctx)
				server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
					handle := func(ctx context.Context, c *host.Conn) error { return task.Sleep(ctx, time.Hour) }
					return host.Serve(ctx, ln, handle, c.opts...)
				})
				dial(t, m)
				testkit.NoError(t, looptest.Settle(ctx))
				server.Cancel(testkit.ErrCause)
				if c.again > 0 {
					testkit.NoError(t, task.Sleep(ctx, c.again))
					server.Cancel(testkit.ErrEnded)
				}
				wantCause(t, server.Wait(ctx))
				testkit.Equal(t, "time until the end", l.Elapsed(), c.want)
			})
		})
	}
}

// If a listener fails, and Serve is canceled in the grace period, neither is lost.
func TestCancellationAfterAFailure(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		m, ln := host.NewMemory(ctx)
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			err := host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error { return task.Sleep(ctx, time.Hour) })
			testkit.ErrorIs(t, err, errLasting)
			return task.Yield(ctx)
		})
		dial(t, m)
		m.Fail(errLasting)
		testkit.NoError(t, task.Sleep(ctx, time.Second))
		server.Cancel(testkit.ErrCause)
		wantCause(t, server.Wait(ctx))
		testkit.Equal(t, "the second request ends the grace period", task.Current(ctx).Loop().Elapsed(), time.Second)
	})
}

// A handler whose task is canceled before its first step still has its connection closed.
func TestHandlerThatNeverRuns(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		var c *host.Conn
		wantCause(t, serving(ctx, echoes, func(m *host.Memory, server *task.Task[struct{}]) {
			testkit.NoError(t, looptest.Settle(ctx))
			c = dial(t, m)
			for handler := task.Current(ctx); handler.Name() != "client 1"; testkit.NoError(t, task.Yield(ctx)) {
				all := task.All(ctx)
				handler = all[len(all)-1]
				if handler.Name() == "client 1" {
					handler.Cancel(nil)
				}
			}
			_, err := c.Read(make([]byte, 1))
			testkit.Equal(t, "the end of the client", err, io.EOF)
		}, host.WithMaxConns(1)))
	})
}

// A panic in the function of WithErrorHandler ends the server.
func TestOnErrorPanics(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		handle := func(ctx context.Context, c *host.Conn) error {
			if task.NameOf(ctx) == "client 2" {
				return errLasting
			}
			return echo(c)
		}
		_ = serving(ctx, handle, func(m *host.Memory, server *task.Task[struct{}]) {
			a := dial(t, m)
			dial(t, m)
			var p *task.PanicError
			if err := server.Wait(ctx); !errors.As(err, &p) || p.Value != "no" {
				t.Errorf("the error is %v, want a panic", err)
			}
			_, err := a.Read(make([]byte, 1))
			testkit.Equal(t, "the end of the other", err, io.EOF)
		}, host.WithErrorHandler(func(error) { panic("no") }))
	})
}

// A panic in the function of WithErrorHandler also ends the server if it reports an error of Accept.
func TestOnErrorPanicsInAccept(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		_ = serving(ctx, echoes, func(m *host.Memory, server *task.Task[struct{}]) {
			a := dial(t, m)
			testkit.NoError(t, looptest.Settle(ctx))
			m.Fail(syscall.EMFILE)
			var p *task.PanicError
			if err := server.Wait(ctx); !errors.As(err, &p) || p.Value != "no" {
				t.Errorf("the error is %v, want a panic", err)
			}
			_, err := a.Read(make([]byte, 1))
			testkit.Equal(t, "the end of the client", err, io.EOF)
			_, err = m.Dial(1)
			testkit.ErrorIs(t, err, syscall.ECONNREFUSED)
		}, host.WithErrorHandler(func(error) { panic("no") }))
	})
}

// A flood is an acceptor that always has a connection, and cancels the server at the tenth.
type flood struct {
	*host.Memory
	server   func() *task.Task[struct{}]
	accepted int
}

func (f *flood) Accept() (host.Transport, error) {
	if f.accepted++; f.accepted == 10 {
		f.server().Cancel(testkit.ErrCause)
	}
	if _, err := f.Dial(1); err != nil || f.accepted > 1000 {
		return nil, err
	}
	return f.Memory.Accept()
}

// A server that has a new connection each time still notices that it is canceled.
func TestEndInAFlood(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		m, _ := host.NewMemory(ctx)
		f := &flood{Memory: m}
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			return host.Serve(ctx, host.NewListener(ctx, "memory", f), echoes, host.WithGrace(0))
		})
		f.server = func() *task.Task[struct{}] { return server }
		wantCause(t, server.Wait(ctx))
		testkit.Equal(t, "connections", f.accepted, 10)
	})
}

// When the loop is closed, all connections are.
func TestServeOnALoopThatIsClosed(t *testing.T) {
	l := testkit.NewLoop(t)
	m, ln := host.NewMemory(l.Context())
	var conns []*host.Conn
	testkit.Spawn(l.Context(), "server", func(ctx context.Context) error {
		return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
			conns = append(conns, c)
			return echo(c)
		})
	})
	for range 3 {
		dial(t, m)
	}
	l.RunUntilIdle()
	l.Close()
	testkit.Equal(t, "connections", len(conns), 3)
	for _, c := range conns {
		testkit.ErrorIs(t, c.Close(), net.ErrClosed)
	}
	testkit.ErrorIs(t, ln.Close(), net.ErrClosed)
}

func TestIdle(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		sleep := func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) }
		testkit.Equal(t, "draining outside of a server", host.Draining(ctx), false)
		testkit.NoError(t, host.Idle(ctx, sleep))
		handle := func(ctx context.Context, c *host.Conn) error {
			err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return host.Idle(ctx, sleep) })
			var limit *task.TimeoutError
			if !errors.As(err, &limit) {
				t.Errorf("the error of a limit around Idle is %v", err)
			}
			err = host.Idle(ctx, func(ctx context.Context) error {
				return task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return sleep(ctx) })
			})
			if !errors.As(err, &limit) {
				t.Errorf("the error of a limit inside of Idle is %v", err)
			}
			testkit.Equal(t, "an error of wait", host.Idle(ctx, func(context.Context) error { return io.ErrNoProgress }), io.ErrNoProgress)
			testkit.NoError(t, task.Sleep(ctx, time.Second)) // the server drains meanwhile
			testkit.Equal(t, "draining", host.Draining(ctx), true)

			// A request that has come is answered, without another wait.
			var line string
			r := bufio.NewReader(c)
			testkit.NoError(t, host.Idle(ctx, func(context.Context) (err error) {
				line, err = r.ReadString('\n')
				return err
			}))
			testkit.Equal(t, "the next wait", host.Idle(ctx, sleep), host.ErrDraining)
			testkit.NoError(t, task.Sleep(ctx, time.Second)) // goes on as usual
			_, err = fmt.Fprint(c, line)
			return err
		}
		m, ln := host.NewMemory(ctx)
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error { return host.Serve(ctx, ln, handle) })
		c := dial(t, m)
		_, err := fmt.Fprintln(c, "late")
		testkit.NoError(t, err)
		testkit.NoError(t, task.Sleep(ctx, 2500*time.Millisecond))
		server.Cancel(testkit.ErrCause)
		wantCause(t, server.Wait(ctx))
		got, err := io.ReadAll(c)
		testkit.NoError(t, err)
		testkit.Equal(t, "answer", string(got), "late\n")
	})
}

func TestServeMisused(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		_, ln := host.NewMemory(ctx)
		for want, f := range map[string]func(){
			"Serve of a nil Listener":                   func() { _ = host.Serve(ctx, nil, echoes) },
			"Serve with a nil handle":                   func() { _ = host.Serve(ctx, ln, nil) },
			"Serve with a nil ServeOption":              func() { _ = host.Serve(ctx, ln, echoes, nil) },
			"WithMaxConns(0)":                           func() { host.WithMaxConns(0) },
			"WithErrorHandler of a nil function":        func() { host.WithErrorHandler(nil) },
			"WithTLS with a nil Config":                 func() { host.WithTLS(nil) },
			"WithTLS with a Config that allows":         func() { host.WithTLS(&tls.Config{Renegotiation: tls.RenegotiateFreelyAsClient}) },
			"Idle of a nil function":                    func() { _ = host.Idle(ctx, nil) },
			"TLSServer of a nil Conn":                   func() { _ = host.TLSServer(ctx, nil, &tls.Config{}) },
			"TLSClient with a nil Config":               func() { a, _ := host.Pipe(ctx); _ = host.TLSClient(ctx, a, nil) },
			"TLSClient with a Config that allows reneg": func() { a, _ := host.Pipe(ctx); _ = host.TLSClient(ctx, a, &tls.Config{Renegotiation: 1}) },
		} {
			testkit.Panics(t, "host: "+want, f)
		}
	})
	testkit.Panics(t, "", func() { _ = host.Idle(t.Context(), func(context.Context) error { return nil }) })
}

// A server is canceled at any moment, and handlers are in any state: every connection ends, no request is answered
// by half, and Serve returns.
func TestShutdownAtAnyMoment(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		handle := func(ctx context.Context, c *host.Conn) error {
			r := host.NewReader(c)
			for {
				err := host.Idle(ctx, func(ctx context.Context) error {
					_, err := r.Peek(ctx, 1)
					return err
				})
				if err != nil {
					return err
				}
				line, err := r.ReadLine(ctx)
				if err != nil {
					return err
				}
				if err := task.Sleep(ctx, time.Duration(len(line))*time.Second); err != nil {
					return err
				}
				if _, err := fmt.Fprintln(c, line); err != nil {
					return err
				}
			}
		}
		m, ln := host.NewMemory(ctx)
		grace := time.Duration(t.Choose("grace", 3)) * 3 * time.Second
		begun := false
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			begun = true // otherwise no code closes ln
			return host.Serve(ctx, ln, handle, host.WithMaxConns(3), host.WithGrace(grace))
		})
		var clients []*task.Task[struct{}]
		answers := 0
		for i := range 5 {
			clients = append(clients, testkit.Spawn(ctx, "", func(ctx context.Context) error {
				c, err := m.Dial(8)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return nil
				}
				defer c.Close()
				for range 3 {
					asked := strings.Repeat("x", i)
					answer, err := say(c, asked)
					if err == nil && answer != asked {
						err = fmt.Errorf("the answer is %q, want %q", answer, asked)
					}
					if err == io.EOF && answer == "" || errors.Is(err, syscall.EPIPE) {
						return nil // the server has ended
					} else if err != nil {
						return err
					}
					answers++
				}
				return nil
			}))
		}
		for n := t.Choose("moment", 40); n > 0 || !begun; n-- {
			testkit.NoError(t, task.Yield(ctx))
		}
		testkit.NoError(t, task.Sleep(ctx, time.Duration(t.Choose("second", 20))*time.Second))
		began := task.Current(ctx).Loop().Elapsed()
		server.Cancel(testkit.ErrCause)
		wantCause(t, server.Wait(ctx))
		if took := task.Current(ctx).Loop().Elapsed() - began; took > grace {
			t.Errorf("the end took %v, want %v at most", took, grace)
		}
		testkit.NoError(t, task.Gather(clients...).Wait(ctx))
		t.Sometimes("all answers", answers == 15)
		t.Sometimes("no answer", answers == 0)
	})
}
