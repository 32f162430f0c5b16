package looptest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// polite spawns two tasks that let each other go first. If they meet, they do so forever. Each adds 1 to
// done at its end.
func polite(ctx context.Context, done *int) {
	wants := make([]bool, 2)
	for own := range wants {
		spawn(ctx, string(rune('A'+own)), func(ctx context.Context) error {
			pauses(ctx, 2*own)
			wants[own] = true
			for task.Yield(ctx) == nil && wants[1-own] {
				task.Yield(ctx)
				wants[own] = false // after you
				task.Yield(ctx)
				wants[own] = true
			}
			wants[own] = false
			*done++
			return ctx.Err()
		})
	}
}

// A program that is late under an unfair schedule passes: the tail is fair, and its choices are benign.
func TestEventuallyOnAFairTail(t *testing.T) {
	for _, opts := range [][]looptest.Option{nil, {looptest.Eager()}, {looptest.TimePasses()}} {
		late, most := 0, 0
		body := func(ctx context.Context, t *looptest.T) {
			arrived, tries, ended := false, 0, false
			t.Eventually("arrived", func() error {
				if ended && !arrived {
					late++
				}
				return not(!arrived, "not arrived")
			})
			t.Always("few tries", func() error { most = max(most, tries); return nil })
			spawn(ctx, "sender", func(ctx context.Context) error {
				for ; t.Choose("lost", 2) == 1; tries++ {
					if ended {
						t.Error("lost in the tail")
					}
					if err := task.Sleep(ctx, time.Second); err != nil {
						return err
					}
				}
				arrived = true
				return nil
			})
			_ = task.Sleep(ctx, 2*time.Second+time.Millisecond)
			ended = true
		}
		if r := explore(t, looptest.Random(1, 200), body, opts...); r.Failed() {
			t.Error(r.report())
		}
		if late == 0 || most < 3 {
			t.Errorf("no schedule was late: %d, %d tries", late, most)
		}
	}
}

func TestEventuallyFails(t *testing.T) {
	for _, c := range []struct {
		name string
		body looptest.Body
		s    looptest.Strategy
		want []string
	}{
		{"a livelock", func(ctx context.Context, t *looptest.T) {
			done := 0
			t.Eventually("both done", func() error { return not(done < 2, fmt.Sprint(done, " done")) })
			polite(ctx, &done)
			pauses(ctx, 4)
		}, looptest.DelayBounded(3), []string{
			`looptest: Eventually("both done") does not hold in the end: 0 done`, "\n\tafter the body the run went on first in, first out, for 9",
			" steps, until the limit is reached (see MaxSteps). These tasks have not ended:\n\t", "\n\tB ", "It fails with 2 deviations",
			"the body has ended; first in, first out from here",
		}},
		{"nothing more happens", func(ctx context.Context, t *looptest.T) {
			got := 0
			t.Eventually("two", func() error { return not(got != 2, fmt.Sprint("got ", got)) })
			for i := range 2 {
				spawn(ctx, "add", func(ctx context.Context) error {
					before := got
					err := task.Sleep(ctx, time.Duration(1+i)*time.Second)
					got = before + 1
					return err
				})
			}
			_ = task.Yield(ctx)
		}, few, []string{
			`looptest: Eventually("two") does not hold in the end: got 1`, "for 4 steps, until nothing can happen any more\n",
			"It fails first in, first out", "\t   5   0s        the body has ended; first in, first out from here\n", "×2, until 2s",
		}},
		{"a deadlock", func(ctx context.Context, t *looptest.T) {
			t.Eventually("done", func() error { return errors.New("not done") })
			spawn(ctx, "stuck", func(ctx context.Context) error { return task.Sleep(ctx, task.NoLimit) })
			_ = task.Yield(ctx)
		}, few, []string{"for 0 steps, until nothing can happen any more. These tasks have not ended:\n\tstuck sleeps until "}},
		{"Always, in the tail", func(ctx context.Context, t *looptest.T) {
			n := 0
			t.Eventually("n", func() error { return not(n < 9, fmt.Sprint(n)) })
			t.Always("small n", func() error { return not(n > 5, fmt.Sprint(n)) })
			spawn(ctx, "add", func(ctx context.Context) error {
				for ; n < 9; n++ {
					task.Yield(ctx)
				}
				return nil
			})
		}, few, []string{`looptest: Always("small n") does not hold after step 7 of add: 6`, "the body has ended; first in, first out from here", "\t       ! Always(\"small n\"): 6"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := explore(t, c.s, c.body, looptest.MaxSteps(1000))
			contains(t, r.report(), c.want...)
			if len(r.errors) != 1 || strings.Contains(r.report(), "are left when") {
				t.Error(r.report())
			}
			again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), c.body, looptest.MaxSteps(1000)) })
			contains(t, again.report(), c.want[0])
			if looptest.Deviations(r.replay()) > 0 {
				return
			}
			in := record(t, func(tb testing.TB) { looptest.Run(tb, c.body) })
			contains(t, in.report(), c.want[0])
		})
	}
}

// The tail ends as soon as the properties hold together, and what is left then is a leak.
func TestEventuallyLeavesNoLeaks(t *testing.T) {
	for _, c := range []struct {
		more int // how many steps the task takes when the property holds
		leak bool
	}{{0, false}, {20, true}} {
		body := func(ctx context.Context, t *looptest.T) {
			a, b := false, false
			t.Eventually("a", func() error { return not(!a, "no a") })
			t.Eventually("b", func() error { return not(!b, "no b") })
			spawn(ctx, "worker", func(ctx context.Context) error {
				pauses(ctx, 3)
				a = true
				pauses(ctx, 3)
				b = true
				pauses(ctx, c.more)
				return nil
			})
		}
		r := explore(t, few, body)
		in := record(t, func(tb testing.TB) { looptest.Run(tb, body) })
		if r.Failed() != c.leak || in.Failed() != c.leak {
			t.Errorf("%d more: %s, %s", c.more, r.report(), in.report())
		}
		if c.leak {
			contains(t, r.report(), "these tasks are left when the body has ended", "worker")
		}
	}
}

// If the run fails otherwise, Eventually is not looked at.
func TestEventuallyOfAFailedRun(t *testing.T) {
	for _, body := range []looptest.Body{
		func(ctx context.Context, t *looptest.T) { t.Error("enough") },
		func(ctx context.Context, t *looptest.T) { t.Fatal("enough") },
		func(ctx context.Context, t *looptest.T) { panic("enough") },
		func(ctx context.Context, t *looptest.T) {
			lowlevel.LoopOf(ctx).CallSoon(func() { panic("enough") })
			pauses(ctx, 2)
		},
	} {
		r := explore(t, few, func(ctx context.Context, t *looptest.T) {
			t.Eventually("p", func() error { return errors.New("not yet") })
			body(ctx, t)
		})
		contains(t, r.report(), "enough")
		if strings.Contains(r.report(), "not yet") {
			t.Error(r.report())
		}
	}
}

// Under Run without MaxSteps, a tail ends all the same.
func TestTheTailOfRunEnds(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Run(tb, func(ctx context.Context, t *looptest.T) {
			t.Eventually("p", func() error { return errors.New("not yet") })
			spawn(ctx, "poll", func(ctx context.Context) error {
				for task.Yield(ctx) == nil {
				}
				return nil
			})
		})
	})
	contains(t, r.report(), `Eventually("p") does not hold in the end: not yet`, "for 100000 steps, until the limit is reached (see MaxSteps). These tasks have not ended:\n\tpoll waits for its turn")
}

// It is enough that the properties hold after one step of the tail.
func TestEventuallyHoldsOnce(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		x := 0
		t.Eventually("x", func() error { return not(x != 1, fmt.Sprint(x)) })
		for i := range 2 {
			spawn(ctx, "set", func(ctx context.Context) error { pauses(ctx, 5); x = 1 + i; return nil })
		}
	}
	if r := explore(t, looptest.Random(1, 1), body); r.Failed() {
		t.Error(r.report())
	}
}
