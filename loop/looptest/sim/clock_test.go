package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A watch is the program of TestClocks: it tells what its node sees.
type watch struct {
	host  *host.Host
	slept time.Duration // in the time of the world
	limit time.Duration
}

// The clock of a node is what Now of its Host shows, and its sleeps and limits go at the rate of it. The
// clock of a Host of the test is right.
func TestClocks(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		client := w.Host("client")
		start := client.Now()
		var x watch
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			x.host = h
			elapsed := lowlevel.LoopOf(ctx).Elapsed
			before := elapsed()
			_ = task.Sleep(ctx, 10*time.Second)
			x.slept = elapsed() - before
			before = elapsed()
			_ = task.Timeout(ctx, 10*time.Second, func(ctx context.Context, _ *task.Deadline) error { return task.Sleep(ctx, time.Hour) })
			x.limit = elapsed() - before
			return task.Sleep(ctx, time.Hour)
		})
		shows := func(want time.Duration) {
			t.Helper()
			if got := x.host.Now().Sub(start); got.Round(time.Microsecond) != want {
				t.Errorf("the clock shows %v, want %v", got, want)
			}
		}
		sleep := func(d time.Duration) { _ = task.Sleep(ctx, d) }
		took := func(slept, limit time.Duration) {
			t.Helper()
			if x.slept.Round(time.Microsecond) != slept || x.limit.Round(time.Microsecond) != limit {
				t.Errorf("a sleep of 10 s took %v, and a limit %v, want %v and %v", x.slept, x.limit, slept, limit)
			}
		}

		sleep(5 * time.Second)
		shows(5 * time.Second)
		n.SetClock(time.Minute, 1) // a jump: no sleep and no limit sees it
		shows(65 * time.Second)
		sleep(6 * time.Second)
		n.SetClock(-time.Hour, 1)
		sleep(19 * time.Second)
		shows(30*time.Second - time.Hour)
		took(10*time.Second, 10*time.Second)

		n.Crash() // the clock goes on with its offset
		sleep(10 * time.Second)
		n.Start()
		sleep(time.Second)
		shows(41*time.Second - time.Hour)

		n.SetClock(0, 1)
		n.Crash()
		n.SetClock(0, 2) // while it is down: for the next incarnation
		n.Start()
		sleep(time.Second)
		shows(41*time.Second + 2*time.Second)
		sleep(11 * time.Second)
		took(5*time.Second, 5*time.Second)
		shows(41*time.Second + 24*time.Second)

		n.Crash()
		n.SetClock(0, 1)
		n.Start()
		sleep(5 * time.Second)
		n.SetClock(0, 0.5) // in the middle of the sleep
		sleep(10 * time.Second)
		sleep(20 * time.Second)
		took(15*time.Second, 20*time.Second)

		n.Crash()
		n.SetClock(0, 1)
		n.Start()
		sleep(5 * time.Second)
		n.Pause()
		at := client.Now().Sub(start)
		sleep(7 * time.Second)
		shows(at) // it stands still
		n.Resume()
		sleep(6 * time.Second)
		shows(at + 6*time.Second) // and is late
		if x.slept != 17*time.Second {
			t.Errorf("with a pause of 7 s, a sleep of 10 s took %v", x.slept)
		}
		n.Crash()
		n.Start() // the clock is read anew
		sleep(time.Second)
		shows(at + 14*time.Second)
		if got := client.Now().Sub(start); got != at+14*time.Second {
			t.Errorf("the clock of the client shows %v", got)
		}
	})
}

// Clocks of two nodes are apart from each other.
func TestClocksOfTwoNodes(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		var order looptest.Journal
		ticks := func(ctx context.Context, h *host.Host) error {
			for range 2 {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return err
				}
				order.Add("%s at %v", h.Name, lowlevel.LoopOf(ctx).Elapsed())
			}
			return asleep(ctx, h)
		}
		w.Node("a", ticks).SetClock(0, 0.5)
		w.Node("b", ticks).SetClock(0, 4)
		w.Node("c", ticks)
		_ = task.Sleep(ctx, 5*time.Second)
		order.Want(t, "b at 250ms", "b at 500ms", "c at 1s", "a at 2s", "c at 2s", "a at 4s")
	})
}
