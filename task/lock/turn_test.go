package lock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// A turnstile is what Mutex and Semaphore have in common: a few tasks may be inside, the
// others stand in line, and a task that leaves the line passes its turn on.
type turnstile struct {
	name  string
	enter func(ctx context.Context) error
	leave func()
	try   func() bool
}

// turnstiles returns free turnstiles. Each lets one task in at a time.
func turnstiles() []turnstile {
	m := new(lock.Mutex)
	s := lock.NewSemaphore(1)
	b := lock.NewBounded(1)
	return []turnstile{
		{"Mutex", m.Lock, m.Unlock, m.TryLock},
		{"Semaphore", s.Acquire, s.Release, s.TryAcquire},
		{"bounded Semaphore", b.Acquire, b.Release, b.TryAcquire},
	}
}

func forEachTurnstile(t *testing.T, test func(t *testing.T, s turnstile)) {
	for _, s := range turnstiles() {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

func TestFreeDoesNotSuspend(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		testkit.Run(t, func(ctx context.Context) {
			var j looptest.Journal
			lowlevel.LoopOf(ctx).CallSoon(func() { j.Add("something else ran") })
			for range 2 {
				testkit.NoError(t, s.enter(ctx))
				s.leave()
			}
			ended, end := context.WithCancel(ctx)
			end()
			testkit.NoError(t, s.enter(ended)) // there is no wait that the context could end
			j.Want(t)
		})
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		l := testkit.NewLoop(t)
		var j looptest.Journal
		for _, name := range []string{"A", "B", "C"} {
			testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
				testkit.NoError(t, s.enter(ctx))
				j.Add("%s enters", name)
				testkit.NoError(t, testkit.Yield(ctx, 2))
				j.Add("%s leaves", name)
				s.leave()
				j.Add("%s tries to get in again: %t", name, s.try())
				return nil
			})
		}
		// A task leaves in turn n, and the next enters in turn n+1. No task gets in between.
		for _, want := range [][]string{
			{"A enters"},
			nil,
			{"A leaves", "A tries to get in again: false"},
			{"B enters"},
			nil,
			{"B leaves", "B tries to get in again: false"},
			{"C enters"},
			nil,
			{"C leaves", "C tries to get in again: true"},
		} {
			l.RunOnce()
			j.Want(t, want...)
		}
	})
}

// waysToGiveUp has the ways in which a wait can end without success. enter waits at s until
// giveUp is called, which enter sets.
var waysToGiveUp = []struct {
	name  string
	enter func(ctx context.Context, s turnstile, giveUp *func()) error
	want  error
}{
	{"canceled", func(ctx context.Context, s turnstile, giveUp *func()) error {
		t := lowlevel.Current(ctx)
		*giveUp = func() { t.Cancel(testkit.ErrCause) }
		return s.enter(ctx)
	}, context.Canceled},
	{"context ended", func(ctx context.Context, s turnstile, giveUp *func()) error {
		ctx, end := context.WithCancelCause(ctx)
		*giveUp = func() { end(testkit.ErrEnded) }
		return s.enter(ctx)
	}, testkit.ErrEnded},
	{"time limit", func(ctx context.Context, s turnstile, giveUp *func()) error {
		return task.Timeout(ctx, time.Hour, func(ctx context.Context, limit *task.Deadline) error {
			l := lowlevel.LoopOf(ctx)
			*giveUp = func() { _ = limit.Reschedule(l.Now()) }
			return s.enter(ctx)
		})
	}, context.DeadlineExceeded},
}

// moments has the possible orders of two events: a task gives up, and its turn comes.
var moments = []struct {
	name string
	do   func(l *loop.Loop, giveUp, open func())
}{
	{"turns before", func(l *loop.Loop, giveUp, open func()) { giveUp(); l.RunUntilIdle(); open() }},
	{"just before", func(l *loop.Loop, giveUp, open func()) { giveUp(); open() }},
	{"just after", func(l *loop.Loop, giveUp, open func()) { open(); giveUp() }},
	{"in the turn before", func(l *loop.Loop, giveUp, open func()) {
		l.CallSoon(func() {
			l.CallSoon(open)
			giveUp()
		})
	}},
	{"in the turn after", func(l *loop.Loop, giveUp, open func()) {
		l.CallSoon(func() {
			l.CallSoon(giveUp)
			open()
		})
	}},
	{"in the same turn", func(l *loop.Loop, giveUp, open func()) { l.CallSoon(giveUp); l.CallSoon(open) }},
	{"in the same turn, after", func(l *loop.Loop, giveUp, open func()) { l.CallSoon(open); l.CallSoon(giveUp) }},
}

// Four tasks stand in line, and the first three give up one after another, in every way and
// at every moment. Then the fourth task gets in, no other task does, and nothing is lost.
func TestWhoGivesUpPassesTheTurnOn(t *testing.T) {
	for _, way := range waysToGiveUp {
		for _, moment := range moments {
			for at := range turnstiles() {
				s := turnstiles()[at]
				t.Run(way.name+"/"+moment.name+"/"+s.name, func(t *testing.T) {
					l := testkit.NewLoop(t)
					testkit.Equal(t, "it is free", s.try(), true)
					inside := 1
					var j looptest.Journal
					for _, name := range []string{"A", "B", "C", "D"} {
						var giveUp func()
						a := testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
							if err := way.enter(ctx, s, &giveUp); err != nil {
								return err
							}
							if inside++; inside > 1 {
								t.Errorf("%d are inside", inside)
							}
							j.Add("%s enters", name)
							err := task.Yield(ctx)
							inside--
							s.leave()
							return err
						})
						l.RunUntilIdle()
						if name != "D" {
							defer func() {
								if err := a.Err(); err != nil {
									testkit.ErrorIs(t, err, way.want)
								}
							}()
							l.CallSoon(func() {})
							moment.do(l, giveUp, func() {})
							continue
						}
						inside--
						s.leave()
						l.RunUntilIdle()
						testkit.NoError(t, a.Err())
					}
					j.Want(t, "D enters")
					testkit.Equal(t, "it is free", s.try(), true)
				})
			}
		}
	}
}

// Three tasks stand in line. The first gives up, in every way, and its turn comes before or
// after that, at every moment. The first may be too late to give up, and then gets in.
func TestTurnComesAsTheFirstGivesUp(t *testing.T) {
	for _, way := range waysToGiveUp {
		for _, moment := range moments {
			for at := range turnstiles() {
				s := turnstiles()[at]
				t.Run(way.name+"/"+moment.name+"/"+s.name, func(t *testing.T) {
					l := testkit.NewLoop(t)
					testkit.Equal(t, "it is free", s.try(), true)
					var j looptest.Journal
					visit := func(ctx context.Context, name string) error {
						j.Add("%s enters", name)
						defer s.leave()
						return task.Yield(ctx)
					}
					var giveUp func()
					first := testkit.Spawn(l.Context(), "first", func(ctx context.Context) error {
						if err := way.enter(ctx, s, &giveUp); err != nil {
							return err
						}
						return visit(ctx, "first")
					})
					for _, name := range []string{"second", "third"} {
						testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
							testkit.NoError(t, s.enter(ctx))
							return visit(ctx, name)
						})
					}
					l.RunUntilIdle()
					moment.do(l, giveUp, func() {
						s.leave()
						testkit.Equal(t, "a later caller gets in", s.try(), false)
					})
					l.RunUntilIdle()
					if len(j) == 3 && way.want != context.Canceled { // noticed one turn too late
						testkit.Equal(t, "too late to give up", j[0], "first enters")
						j = j[1:]
					} else {
						testkit.ErrorIs(t, first.Err(), way.want)
						if way.want == context.Canceled {
							var c *loop.CanceledError
							if !errors.As(first.Err(), &c) || c.Cause != testkit.ErrCause {
								t.Errorf("the cancellation is %v, want the cause %v", first.Err(), testkit.ErrCause)
							}
						}
					}
					j.Want(t, "second enters", "third enters")
					testkit.Equal(t, "it is free", s.try(), true)
				})
			}
		}
	}
}

// A time limit expires in the same turn of the loop in which the task's turn comes, in both
// orders.
func TestTurnComesAsTheTimeIsUp(t *testing.T) {
	for _, before := range []bool{true, false} {
		forEachTurnstile(t, func(t *testing.T, s turnstile) {
			l := testkit.NewLoop(t)
			s.try()
			if before {
				l.CallLater(time.Second, s.leave)
			}
			limited := testkit.Spawn(l.Context(), "limited", func(ctx context.Context) error {
				return task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
					return s.enter(ctx)
				})
			})
			patient := testkit.Spawn(l.Context(), "patient", s.enter)
			l.RunOnce()
			if !before {
				l.CallLater(time.Second, s.leave)
			}
			testkit.NoError(t, l.Run())
			testkit.ErrorIs(t, limited.Err(), context.DeadlineExceeded)
			testkit.NoError(t, patient.Err())
		})
	}
}

// A task is canceled twice: while it waits, and again after its turn has come.
func TestCanceledTwice(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		l := testkit.NewLoop(t)
		s.try()
		a, b := testkit.Spawn(l.Context(), "A", s.enter), testkit.Spawn(l.Context(), "B", s.enter)
		l.RunUntilIdle()
		a.Cancel(nil)
		s.leave()
		a.Cancel(nil)
		l.RunUntilIdle()
		testkit.ErrorIs(t, a.Err(), context.Canceled)
		testkit.NoError(t, b.Err())
	})
}

// The only waiting task is canceled. Another caller can get in in the same turn.
func TestCanceledWaiterHoldsNobodyUp(t *testing.T) {
	forEachTurnstile(t, func(t *testing.T, s turnstile) {
		l := testkit.NewLoop(t)
		s.try()
		a := testkit.Spawn(l.Context(), "A", s.enter)
		l.RunUntilIdle()
		a.Cancel(nil)
		s.leave()
		testkit.Equal(t, "a later caller gets in", s.try(), true)
		l.RunUntilIdle()
		testkit.ErrorIs(t, a.Err(), context.Canceled)
		testkit.Equal(t, "a second caller gets in, too", s.try(), false)
	})
}

func TestWrongContext(t *testing.T) {
	var e lock.Event
	var c lock.Cond
	c.Mutex().TryLock()
	b := lock.NewBarrier(2)
	uses := []gate{
		{"Event.Wait", e.Wait, nil},
		{"Cond.Lock", c.Lock, nil},
		{"Cond.Wait", c.Wait, nil},
		{"Barrier.Wait", func(ctx context.Context) error { _, err := b.Wait(ctx); return err }, nil},
		{"Barrier.Reset", b.Reset, nil},
		{"Barrier.Abort", b.Abort, nil},
	}
	for _, s := range turnstiles() {
		uses = append(uses, gate{s.name, s.enter, nil})
	}
	l := testkit.NewLoop(t)
	foreign := testkit.Spawn(l.Context(), "other", testkit.SleepForever).Task().Context()
	l.RunUntilIdle()
	for _, use := range uses {
		t.Run(use.name, func(t *testing.T) {
			testkit.Panics(t, "belongs to no loop", func() { _ = use.wait(t.Context()) })
			testkit.Panics(t, "this needs a task", func() { _ = use.wait(l.Context()) })
			testkit.Spawn(l.Context(), "user", func(context.Context) error {
				testkit.Panics(t, `the context of task "other" was used where task "user" is running`, func() { _ = use.wait(foreign) })
				return nil
			})
			l.RunUntilIdle()
		})
	}
	testkit.Equal(t, "the mutex of the Cond is locked as before", c.Mutex().Locked(), true)
	for _, s := range turnstiles() {
		testkit.Equal(t, s.name+" is free as before", s.try(), true)
	}
}

// A line belongs to the loop of the first task that stood in it.
func TestTwoLoops(t *testing.T) {
	for _, g := range append(gates(), eventGate()) {
		t.Run(g.name, func(t *testing.T) {
			first, second := testkit.NewLoop(t), testkit.NewLoop(t)
			a := testkit.Spawn(first.Context(), "A", g.wait)
			first.RunUntilIdle()
			testkit.Spawn(second.Context(), "B", func(ctx context.Context) error {
				testkit.Panics(t, "is used by tasks of two loops", func() { _ = g.wait(ctx) })
				return nil
			})
			second.RunUntilIdle()
			g.open()
			first.RunUntilIdle()
			testkit.Equal(t, "the task of the first loop was served", a.Done(), true)
		})
	}
}

func eventGate() gate {
	var e lock.Event
	return gate{"Event", e.Wait, e.Set}
}
