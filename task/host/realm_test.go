package host_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A silentPackets has no packet, and no room for one.
type silentPackets struct{}

func (silentPackets) Start(readable, writable func()) {}
func (silentPackets) ReceiveFrom([]byte) (n int, _ net.Addr, ok bool, _ error) {
	return 0, nil, false, nil
}
func (silentPackets) SendTo([]byte, net.Addr) (ok bool, err error) { return false, nil }
func (silentPackets) Close() error                                 { return nil }
func (silentPackets) LocalAddr() net.Addr                          { return nil }

// realmDeadlines are calls that wait in vain at a connection of the realm of ctx, and the methods that set their deadlines.
var realmDeadlines = map[string]func(ctx context.Context, t testkit.T) (set func(time.Time) error, call func() error){
	"Read": func(ctx context.Context, t testkit.T) (func(time.Time) error, func() error) {
		c, _ := host.Pipe(ctx)
		return c.SetReadDeadline, func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"Write": func(ctx context.Context, t testkit.T) (func(time.Time) error, func() error) {
		c, _ := host.Pipe(ctx, host.WithPipeBuffer(1))
		return c.SetDeadline, func() error { _, err := c.Write([]byte("more than there is room for")); return err }
	},
	"Read of an accepted Conn": func(ctx context.Context, t testkit.T) (func(time.Time) error, func() error) {
		m, ln := host.NewMemory(ctx)
		dial(t, m)
		c, err := ln.Accept(lowlevel.Running(lowlevel.LoopOf(ctx), "Accept").Context()) // of a task outside
		testkit.NoError(t, err)
		return c.SetReadDeadline, func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"ReadFrom": func(ctx context.Context, t testkit.T) (func(time.Time) error, func() error) {
		p := host.NewPacketConn(ctx, "udp", silentPackets{})
		return p.SetReadDeadline, func() error { _, _, err := p.ReadFrom(make([]byte, 1)); return err }
	},
	"WriteTo": func(ctx context.Context, t testkit.T) (func(time.Time) error, func() error) {
		p := host.NewPacketConn(ctx, "udp", silentPackets{})
		return p.SetDeadline, func() error { _, err := p.WriteTo(make([]byte, 1), nil); return err }
	},
}

// Deadlines go by the clock of the realm that the connection belongs to.
func TestDeadlinesInARealm(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  func(r lowlevel.Realm) // the deadline is set, to the time in 10 s by the realm's clock
		between func(r lowlevel.Realm) // it is set, and the call
		during  func(r lowlevel.Realm) // the call; two seconds after it has begun
		want    time.Duration          // from the setting to the end of the call, by the loop's clock
	}{
		{name: "as it is", want: 10 * time.Second},
		{name: "another time", before: func(r lowlevel.Realm) { r.SetClock(time.Hour, 1) }, want: 10 * time.Second},
		{name: "slow", before: func(r lowlevel.Realm) { r.SetClock(-time.Hour, .5) }, want: 20 * time.Second},
		{name: "a jump before the call", between: func(r lowlevel.Realm) { r.SetClock(time.Hour, 1) }, want: 10 * time.Second},
		{name: "faster before the call", between: func(r lowlevel.Realm) { r.SetClock(0, 2) }, want: 5 * time.Second},
		{name: "a jump", during: func(r lowlevel.Realm) { r.SetClock(time.Hour, 1) }, want: 10 * time.Second},
		{name: "faster", during: func(r lowlevel.Realm) { r.SetClock(0, 2) }, want: 6 * time.Second},
		{name: "a pause", during: func(r lowlevel.Realm) {
			r.Pause()
			lowlevel.LoopOf(r.Context()).CallLater(time.Minute, r.Resume)
		}, want: 70 * time.Second},
	} {
		for name, waiting := range realmDeadlines {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				looptest.Run(t, func(ctx context.Context, t *looptest.T) {
					l := task.Current(ctx).Loop()
					realm := lowlevel.NewRealm(ctx)
					set, call := waiting(realm.Context(), t)
					if c.before != nil {
						c.before(realm)
					}
					began := l.Elapsed()
					testkit.NoError(t, set(realm.Now().Add(10*time.Second)))
					if c.between != nil {
						c.between(realm)
					}
					if c.during != nil {
						l.CallLater(2*time.Second, func() { c.during(realm) })
					}
					testkit.ErrorIs(t, call(), os.ErrDeadlineExceeded)
					testkit.Equal(t, "it waited", l.Elapsed()-began, c.want)
					testkit.ErrorIs(t, call(), os.ErrDeadlineExceeded)
					testkit.Equal(t, "it waited in all", l.Elapsed()-began, c.want)
					realm.SetClock(-time.Hour, 1)
					testkit.NoError(t, set(realm.Now()))
					testkit.ErrorIs(t, call(), os.ErrDeadlineExceeded)
					testkit.Equal(t, "time until a deadline of now", l.Elapsed()-began, c.want)
				})
			})
		}
	}
}

// A deadline that crypto/tls makes, by the clock of the real machine, is a duration by the realm's clock.
func TestDeadlineByTheRealClockInARealm(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		realm := lowlevel.NewRealm(ctx)
		realm.SetClock(time.Hour, .5)
		testkit.NoError(t, task.Sleep(ctx, time.Hour))
		began := task.Current(ctx).Loop().Elapsed()
		c, _ := host.Pipe(realm.Context())
		testkit.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		testkit.ErrorIs(t, got(c, 1).err, os.ErrDeadlineExceeded)
		testkit.Equal(t, "it waited", (task.Current(ctx).Loop().Elapsed() - began).Round(20*time.Second), 2*time.Minute)
	})
}

// While its realm is paused, a connection under a deadline can be used from outside. Time stands still for it.
func TestDeadlineInAPausedRealm(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		realm := lowlevel.NewRealm(ctx)
		a, b := host.Pipe(realm.Context())
		testkit.NoError(t, a.SetDeadline(realm.Now().Add(time.Second)))
		realm.Pause()
		testkit.NoError(t, task.Sleep(ctx, time.Minute))
		write(t, b, "x")
		testkit.Equal(t, "read", got(a, 1), read{"x", nil})
		realm.Resume()
	})
}

// A Conn with TLS that is closed waits five seconds of its realm for the peer, and gives up at once if the realm has ended.
func TestTLSCloseInARealm(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		for _, c := range []struct {
			change func(r lowlevel.Realm)
			want   time.Duration
		}{
			{func(r lowlevel.Realm) { r.SetClock(time.Hour, .5) }, 10 * time.Second},
			{func(r lowlevel.Realm) {
				r.Pause()
				lowlevel.LoopOf(r.Context()).CallLater(time.Minute, r.Resume)
			}, 65 * time.Second},
			{func(r lowlevel.Realm) { r.End() }, 0},
		} {
			for _, wait := range []time.Duration{c.want - 1, c.want + 1} {
				realm := lowlevel.NewRealm(ctx)
				a, b := host.Pipe(realm.Context(), host.WithPipeBuffer(4000))
				handshake(ctx, t, a, b, server, client)
				_, err := a.Write(make([]byte, 10000)) // more than the pipe holds
				testkit.NoError(t, err)
				c.change(realm)
				testkit.NoError(t, a.Close())
				testkit.NoError(t, task.Sleep(ctx, wait))
				all, err := io.ReadAll(b)
				if wait < c.want && wait > 0 {
					testkit.NoError(t, err)
					testkit.Equal(t, "bytes that came", len(all), 10000)
				} else {
					testkit.ErrorIs(t, err, io.ErrUnexpectedEOF)
				}
				testkit.NoError(t, b.Close())
				realm.End()
			}
		}
	})
}

// The grace and the pauses of Serve, and the limits of its handlers, go by the clock of the realm.
func TestServeInARealm(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		l := task.Current(ctx).Loop()
		realm := lowlevel.NewRealm(ctx)
		realm.SetClock(-time.Hour, .5)
		m, ln := host.NewMemory(realm.Context())
		var log looptest.Journal
		began := l.Elapsed()
		note := func(format string, args ...any) {
			log.Add("%v: "+format, append([]any{l.Elapsed() - began}, args...)...)
		}
		handle := func(ctx context.Context, c *host.Conn) error {
			r := host.NewReader(c)
			for {
				err := host.Idle(ctx, func(ctx context.Context) error { _, err := r.Peek(ctx, 1); return err })
				if err != nil {
					note("%v", err)
					break
				}
				line, err := r.ReadLine(ctx)
				if err != nil {
					return err
				}
				if err := c.SetWriteDeadline(lowlevel.Now(ctx).Add(time.Second)); err != nil {
					return err
				}
				fmt.Fprintln(c, line)
			}
			testkit.Equal(t, "the next Idle", host.Idle(ctx, func(ctx context.Context) error { return task.Yield(ctx) }), host.ErrDraining)
			note("%v", task.Sleep(ctx, time.Hour))
			return nil
		}
		report := func(err error) { note("%v", err) }
		server := testkit.Spawn(realm.Context(), "server", func(ctx context.Context) error {
			return host.Serve(ctx, ln, handle, host.WithGrace(4*time.Second), host.WithErrorHandler(report))
		})
		m.Fail(syscall.EMFILE)
		c := dial(t, m)
		answer, err := say(c, "hello")
		testkit.Equal(t, "answer", read{answer, err}, read{"hello", nil})
		note("served")
		server.Cancel(testkit.ErrCause)
		wantCause(t, server.Wait(ctx))
		note("over")
		log.Want(t,
			"0s: accept memory server: too many open files; accepting again in 5ms",
			"10ms: served",
			"10ms: host: the server is shutting down",
			"8.01s: canceled",
			"8.01s: over")
		testkit.NoError(t, c.Close())
	})
}

// A task that is unwound cannot rest after a burst, so it need not.
func TestBurstInARealmThatEnds(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		realm := lowlevel.NewRealm(ctx)
		a, b := host.Pipe(realm.Context(), host.WithPipeBuffer(4<<20))
		testkit.Spawn(realm.Context(), "writer", func(ctx context.Context) error {
			defer a.Close()
			defer func() {
				for range 3 {
					n, err := a.Write(make([]byte, 1<<20))
					testkit.NoError(t, err)
					testkit.Equal(t, "written", n, 1<<20)
				}
			}()
			return task.Sleep(ctx, time.Hour)
		})
		testkit.NoError(t, task.Yield(ctx))
		realm.End()
		all, err := io.ReadAll(b)
		testkit.NoError(t, err)
		testkit.Equal(t, "bytes", len(all), 3<<20)
		testkit.NoError(t, b.Close())
	})
}

// When its realm ends, a server ends too. What its deferred calls do keeps nobody waiting, and nothing is reported.
func TestServeInARealmThatEnds(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		realm := lowlevel.NewRealm(ctx)
		m, ln := host.NewMemory(realm.Context())
		server := testkit.Spawn(realm.Context(), "server", func(ctx context.Context) error {
			return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
				return fmt.Errorf("the handler: %v", echo(c))
			})
		})
		c := dial(t, m)
		answer, err := say(c, "hello")
		testkit.Equal(t, "answer", read{answer, err}, read{"hello", nil})
		began := task.Current(ctx).Loop().Elapsed()
		realm.End()
		testkit.NoError(t, task.Yield(ctx))
		testkit.Equal(t, "the server has ended", server.Task().Done(), true)
		testkit.Equal(t, "read", got(c, 1), read{"", io.EOF})
		testkit.Equal(t, "time", task.Current(ctx).Loop().Elapsed(), began)
		testkit.NoError(t, c.Close())
	})
}
