package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// The whole server, as main runs it, on the real machine and in a simulated world. The same users find no difference.

// announcing returns h with a network that tells the address of a Listener.
func announcing(h *host.Host, ready *future.Future[string]) *host.Host {
	of := *h
	of.Net = announcer{h.Net, ready}
	return &of
}

type announcer struct {
	host.Network
	ready *future.Future[string]
}

func (a announcer) Listen(ctx context.Context, network, address string) (*host.Listener, error) {
	ln, err := a.Network.Listen(ctx, network, address)
	if err == nil {
		_ = a.ready.SetResult(ln.Addr().String())
	}
	return ln, err
}

// comeTo connects a user to a server.
func comeTo(ctx context.Context, t tester, h *host.Host, addr string) *user {
	c, err := h.Net.Dial(ctx, "tcp", addr)
	if err != nil {
		t.Error(err)
		return &user{t: t}
	}
	return &user{t: t, conn: c, lines: host.NewReader(c)}
}

// converse talks with a server at addr, which stop stops.
func converse(ctx context.Context, t tester, h *host.Host, addr string, stop func()) {
	come := func() *user { return comeTo(ctx, t, h, addr) }
	talkInRooms(ctx, come)
	namesakes := []*user{come().named(ctx, "ann"), come()}
	namesakes[1].say("ann")
	namesakes[1].hear(ctx, "What is your name?", "Please choose another name.")
	stop()
	for _, u := range namesakes {
		u.hear(ctx, "The server is shutting down. Goodbye.")
		u.hearTheEnd(ctx)
	}
}

func TestServerOnTheMachine(t *testing.T) {
	_, err := task.Run(t.Context(), task.Void(func(ctx context.Context) error {
		h := host.System()
		h.Log = slog.New(slog.DiscardHandler)
		ready := future.New[string](ctx)
		server := task.Go(ctx, task.Void(func(ctx context.Context) error { return serve(ctx, announcing(h, ready), "127.0.0.1:0") }))
		addr, err := ready.Await(ctx)
		if err != nil {
			return err
		}
		converse(ctx, t, h, addr, func() { server.Cancel(nil) })
		if err := server.Wait(ctx); !loop.IsCanceled(err) {
			t.Errorf("the error of the server is %v", err)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}

func TestServerInASimulatedWorld(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 100), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		ready := future.New[string](ctx)
		server := w.Node("server", func(ctx context.Context, h *host.Host) error { return serve(ctx, announcing(h, ready), ":6060") })
		if err := ready.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		converse(ctx, t, w.Host("users"), "server:6060", func() {
			task.Go(ctx, task.Void(server.Stop))
		})
	})
}

// A guest comes to the chat again and again, each time by another name, and says numbers, each of them once.
type guest struct {
	t     *looptest.T
	h     *host.Host
	name  string
	visit int
	said  int
	heard []string // of all visits
}

// stay visits the chat, until it has said a number as large as last, or the connection fails.
func (g *guest) stay(ctx context.Context, last int) error {
	g.visit++
	c, err := g.h.Net.Dial(ctx, "tcp", "server:6060")
	if err != nil {
		return err
	}
	defer c.Close()
	return task.WithGroup(ctx, func(ctx context.Context, group *task.Group) error {
		lines := host.NewReader(c)
		err := group.Go(func(ctx context.Context) error {
			for {
				line, err := lines.ReadLine(ctx)
				if err != nil {
					return err
				}
				if !strings.HasPrefix(line, "*") {
					g.heard = append(g.heard, line)
				}
			}
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "%s.%d\n", g.name, g.visit); err != nil {
			return err
		}
		for g.said < last {
			if err := task.Sleep(ctx, 300*time.Millisecond); err != nil {
				return err
			}
			g.said++
			if _, err := fmt.Fprintln(c, g.said); err != nil {
				return err
			}
		}
		if err := task.Sleep(ctx, time.Second); err != nil { // and hears the answers
			return err
		}
		group.Cancel()
		return nil
	})
}

// numberOf splits "ann.3: 12" into ann and 12.
func numberOf(line string) (name string, number int, ok bool) {
	name, rest, ok := strings.Cut(line, ".")
	if _, err := fmt.Sscanf(rest, "%d: %d", new(int), &number); err != nil {
		return "", 0, false
	}
	return name, number, ok
}

// The server crashes, stops and pauses, and the guests come again. No guest hears a line twice, or the lines of another guest
// in the wrong order, and all that hear the same two lines hear them in the same order.
func TestServerThatCrashes(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		server := w.Node("server", func(ctx context.Context, h *host.Host) error { return serve(ctx, h, ":6060") })
		w.Faults(ctx, sim.Plan{For: 10 * time.Second, Every: 2 * time.Second, Crash: 2, Stop: 1, Pause: 1})
		var guests []*guest
		var all []*task.Task[struct{}]
		for _, name := range []string{"ann", "bob", "eve"} {
			g := &guest{t: t, h: w.Host(name), name: name}
			guests = append(guests, g)
			all = append(all, task.Go(ctx, task.Void(func(ctx context.Context) error {
				for g.said < 30 {
					_ = g.stay(ctx, 30) // it comes again, whatever the reason was
					if err := task.Sleep(ctx, 200*time.Millisecond); err != nil {
						return err
					}
				}
				return nil
			})))
		}
		if err := task.Gather(all...).Wait(ctx); err != nil {
			t.Fatal(err)
		}
		for _, g := range guests {
			g.check()
			for _, other := range guests {
				sameOrder(t, g.heard, other.heard)
			}
		}
		t.Sometimes("a guest comes three times", guests[0].visit > 2)
		t.Sometimes("the server starts three times", server.Incarnation() > 2)

		w.Quiet(ctx) // and the server works
		if err := task.Sleep(ctx, time.Second); err != nil {
			t.Error(err)
		}
		talkInRooms(ctx, func() *user { return comeTo(ctx, t, w.Host("users"), "server:6060") })
	})
}

// check checks what the guest has heard.
func (g *guest) check() {
	last := map[string]int{}
	for _, line := range g.heard {
		if name, number, ok := numberOf(line); ok {
			if number <= last[name] {
				g.t.Errorf("%s hears %q after %d", g.name, line, last[name])
			}
			last[name] = number
		}
	}
	g.t.Sometimes("a guest hears all three", len(last) == 3)
}

// sameOrder fails the test if two lines are in both lists, in different orders.
func sameOrder(t *looptest.T, a, b []string) {
	at := map[string]int{}
	for i, line := range a {
		if _, _, ok := numberOf(line); ok {
			at[line] = i
		}
	}
	last := -1
	for _, line := range b {
		if i, ok := at[line]; ok {
			if i < last {
				t.Errorf("%q and %q are heard in different orders", a[last], line)
			}
			last = i
		}
	}
}
