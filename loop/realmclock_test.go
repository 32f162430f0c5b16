package loop_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// sleepers makes tasks of ctx that sleep, and log the loop's time when they wake.
func sleepers(ctx context.Context, log *looptest.Journal, name string, ds ...time.Duration) {
	l := lowlevel.LoopOf(ctx)
	for _, d := range ds {
		spawn(ctx, name, func(ctx context.Context) error {
			err := task.Sleep(ctx, d)
			log.Add("%v: %s %v", l.Elapsed(), name, d)
			return err
		})
	}
}

func at(l *loop.Loop, when time.Duration, fn func()) { l.CallLater(when-l.Elapsed(), fn) }

// Sleeps and callbacks of a realm go by the rate of its clock.
func TestRateOfARealmsClock(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	fast, slow := lowlevel.NewRealm(l.Context()), lowlevel.NewRealm(l.Context())
	fast.SetClock(0, 2)
	slow.SetClock(0, 0.5)
	within := lowlevel.NewRealm(slow.Context())
	within.SetClock(0, 4) // of the slow one
	sleepers(fast.Context(), &log, "fast", 2*time.Second, 8*time.Second)
	sleepers(slow.Context(), &log, "slow", 1*time.Second)
	sleepers(within.Context(), &log, "within", 6*time.Second)
	sleepers(l.Context(), &log, "outside", 5*time.Second)
	lowlevel.CallLater(fast.Context(), 12*time.Second, log.Callback("a callback"))
	at(l, 3*time.Second, func() { // 6 s have passed in the fast realm, and 2 of the 8 s are left
		fast.SetClock(0, 0.5)
	})
	run(t, l)
	log.Want(t, "1s: fast 2s", "2s: slow 1s", "3s: within 6s", "5s: outside 5s", "7s: fast 8s", "a callback")
	if l.Elapsed() != 15*time.Second {
		t.Errorf("the callback ran at %v", l.Elapsed())
	}
}

// A jump changes what the clock shows, and no sleep or limit that is running.
func TestJumpsOfARealmsClock(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	inner := lowlevel.NewRealm(realm.Context())
	start := l.Clock().Start()
	shows := func(r lowlevel.Realm, want time.Duration) {
		t.Helper()
		if got := r.Now().Sub(start); got != want {
			t.Errorf("the clock shows %v, want %v", got, want)
		}
		if got := lowlevel.Now(r.Context()); got != r.Now() {
			t.Errorf("Now of the context is %v", got)
		}
	}
	shows(inner, 0)
	realm.SetClock(time.Hour, 1)
	inner.SetClock(time.Minute, 1)
	shows(realm, time.Hour)
	shows(inner, time.Hour+time.Minute)
	sleepers(realm.Context(), &log, "sleeps", 2*time.Second)
	limited := func(name string, limit func(ctx context.Context, body func(context.Context, *task.Deadline) error) error) {
		spawn(realm.Context(), name, func(ctx context.Context) error {
			err := limit(ctx, func(ctx context.Context, scope *task.Deadline) error {
				if when, _ := scope.When(); when.Sub(start) != time.Hour+3*time.Second {
					t.Errorf("%s: When is %v", name, when)
				}
				if deadline, _ := ctx.Deadline(); deadline.Sub(start) != time.Hour+3*time.Second {
					t.Errorf("%s: Deadline is %v", name, deadline)
				}
				return task.Sleep(ctx, time.Minute)
			})
			log.Add("%v: %s: %v", l.Elapsed(), name, err)
			return err
		})
	}
	limited("Timeout", func(ctx context.Context, body func(context.Context, *task.Deadline) error) error {
		return task.Timeout(ctx, 3*time.Second, body)
	})
	limited("TimeoutAt", func(ctx context.Context, body func(context.Context, *task.Deadline) error) error {
		return task.TimeoutAt(ctx, start.Add(time.Hour+3*time.Second), body)
	})
	lowlevel.CallAt(realm.Context(), start.Add(time.Hour+4*time.Second), log.Callback("CallAt"))
	at(l, time.Second, func() {
		realm.SetClock(-time.Hour, 1)
		shows(realm, time.Second-time.Hour)
		lowlevel.CallAt(realm.Context(), start.Add(time.Second-time.Hour), log.Callback("CallAt in the past"))
		lowlevel.CallAt(realm.Context(), start.Add(5*time.Second-time.Hour), log.Callback("CallAt in the new time"))
	})
	run(t, l)
	log.Want(t, "CallAt in the past", "2s: sleeps 2s",
		"3s: Timeout: time limit of 3s expired",
		"3s: TimeoutAt: time limit expired at 2000-01-01 01:00:03.000 UTC",
		"CallAt", "CallAt in the new time")
	if l.Elapsed() != 5*time.Second {
		t.Errorf("the last callback ran at %v", l.Elapsed())
	}
}

// Limits of the functions of package task go by the realm's clock.
func TestLimitsInARealm(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	realm.SetClock(0, 0.5)
	var never *future.Future[int]
	for name, wait := range map[string]func(ctx context.Context) error{
		"Timeout": func(ctx context.Context) error {
			return task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return never.Wait(ctx) })
		},
		"WaitFor": func(ctx context.Context) error {
			_, err := task.WaitFor(ctx, task.Shield(never), time.Second)
			return err
		},
		"Wait": func(ctx context.Context) error {
			_, _, err := task.Wait(ctx, time.Second, task.AllCompleted, never)
			return err
		},
		"AsCompleted": func(ctx context.Context) error {
			for _, err := range task.AsCompleted(ctx, time.Second, never) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			never = future.New[int](l.Context())
			before := l.Elapsed()
			spawn(realm.Context(), name, wait)
			run(t, l)
			if took := l.Elapsed() - before; took != 2*time.Second {
				t.Errorf("the limit expired after %v", took)
			}
		})
	}
}

// A Handle cancels its callback also if a change of the rate has armed it again.
func TestHandlesOfARealmsCallbacks(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	ctx := realm.Context()
	call := func(d time.Duration, name string) loop.Handle {
		return lowlevel.CallLater(ctx, d, func() { log.Add("%v: %s", l.Elapsed(), name) })
	}
	fires, never := call(10*time.Second, "fires"), call(10*time.Second, "never")
	due, moved := call(time.Second, "due"), call(20*time.Second, "moved twice")
	realm.SetClock(0, 2)
	l.RunUntilIdle()
	if !never.Cancel() || never.Cancel() {
		t.Error("Cancel after a change of the rate")
	}
	l.CallLater(250*time.Millisecond, func() { // before the others of that instant, which the change arms again
		if !due.Cancel() || due.Cancel() {
			t.Error("Cancel of a callback that is due")
		}
	})
	realm.SetClock(0, 4)
	call(time.Second, "due later")
	run(t, l)
	if fires.Cancel() || moved.Cancel() {
		t.Error("Cancel of a callback that has run")
	}
	log.Want(t, "250ms: due later", "2.5s: fires", "5s: moved twice")
}

// The callbacks of a realm end with it: those that are armed, and those that are due.
func TestCallbacksOfAnEndedRealm(t *testing.T) {
	l := newLoop(t)
	realm, beside := lowlevel.NewRealm(l.Context()), lowlevel.NewRealm(l.Context())
	var log looptest.Journal
	spawn(realm.Context(), "in", func(ctx context.Context) error {
		defer lowlevel.CallLater(ctx, time.Second, log.Callback("made while it is unwound"))
		return task.Sleep(ctx, time.Hour)
	})
	l.RunUntilIdle()
	lowlevel.CallLater(beside.Context(), time.Second, realm.End)
	due := lowlevel.CallLater(realm.Context(), time.Second, log.Callback("due"))
	moved := lowlevel.CallLater(realm.Context(), time.Minute, log.Callback("moved"))
	realm.SetClock(0, 0.25)
	realm.SetClock(0, 1)
	armed := lowlevel.CallLater(realm.Context(), time.Minute, log.Callback("armed"))
	lowlevel.CallLater(beside.Context(), time.Hour, log.Callback("beside"))
	run(t, l)
	log.Want(t, "beside")
	for _, h := range []loop.Handle{due, moved, armed, lowlevel.CallLater(realm.Context(), 0, log.Callback("late"))} {
		if h.Cancel() {
			t.Error("Cancel of a callback of a realm that has ended returned true")
		}
	}
	run(t, l)
	log.Want(t)
}

// CallLater with a time of zero or less, and CallAt in the past, keep the rules of the loop's methods.
func TestCallbacksOfARealmThatAreDueAtOnce(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	ctx := lowlevel.NewRealm(l.Context()).Context()
	lowlevel.CallLater(ctx, 0, log.Callback("0"))
	lowlevel.CallLater(ctx, -time.Second, log.Callback("-1s"))
	l.CallLater(0, log.Callback("of the loop"))
	lowlevel.CallAt(ctx, time.Time{}, log.Callback("long ago"))
	l.CallSoon(log.Callback("soon"))
	run(t, l)
	log.Want(t, "soon", "long ago", "0", "-1s", "of the loop")
	mustPanic(t, "loop: CallLater of a nil function", func() { lowlevel.CallLater(ctx, 0, nil) })
	mustPanic(t, "loop: CallAt of a nil function", func() { lowlevel.CallAt(ctx, time.Time{}, nil) })
}

// The realm's time, which CallElapsed goes by, does not jump with the clock. Outside of realms it is the loop's.
func TestElapsedOfARealm(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	inner := lowlevel.NewRealm(realm.Context())
	realm.SetClock(time.Hour, 0.5)
	inner.SetClock(-time.Minute, 4)
	start := l.Clock().Start()
	for name, c := range map[string]struct {
		ctx   context.Context
		rate  float64
		shows time.Duration
	}{"loop": {l.Context(), 1, 0}, "realm": {realm.Context(), 0.5, time.Hour}, "inner": {inner.Context(), 2, 59 * time.Minute}} {
		spawn(c.ctx, name, func(ctx context.Context) error {
			derived, cancel := context.WithCancel(ctx)
			cancel()
			for _, of := range []context.Context{ctx, derived, c.ctx} {
				if home := lowlevel.RealmContext(of); home != c.ctx {
					t.Errorf("%s: the context of the realm is %v", name, home)
				}
				if at := lowlevel.ElapsedAt(of, start.Add(c.shows+3*time.Second)); at != 3*time.Second {
					t.Errorf("%s: a time is converted to %v", name, at)
				}
			}
			lowlevel.CallElapsed(derived, 2*time.Second, func() {
				log.Add("%v: %s", l.Elapsed(), name)
				if e := lowlevel.Elapsed(ctx); e != 2*time.Second {
					t.Errorf("%s: Elapsed is %v", name, e)
				}
			})
			lowlevel.CallElapsed(ctx, 2*time.Second, log.Callback(name+" canceled")).Cancel()
			return nil
		})
	}
	at(l, 500*time.Millisecond, func() { realm.SetClock(-time.Hour, 0.5); inner.SetClock(time.Hour, 4) })
	at(l, 3*time.Second, func() { lowlevel.CallElapsed(realm.Context(), -time.Second, log.Callback("in the past")) })
	lowlevel.CallElapsed(inner.Context(), time.Hour, log.Callback("dropped"))
	at(l, time.Minute, realm.End)
	run(t, l)
	log.Want(t, "1s: inner", "2s: loop", "in the past", "4s: realm")
	mustPanic(t, "loop: CallElapsed of a nil function", func() { lowlevel.CallElapsed(l.Context(), 0, nil) })
	mustPanic(t, "to no loop", func() { lowlevel.RealmContext(context.Background()) })
}

func TestWrongClocksOfARealm(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	for _, rate := range []float64{0, -1, 1e-4, 1001, math.NaN(), math.Inf(1)} {
		mustPanic(t, "loop: SetClock with the rate", func() { realm.SetClock(0, rate) })
	}
	// Long sleeps never end, at any rate.
	realm.SetClock(0, 0.001)
	spawn(realm.Context(), "long", func(ctx context.Context) error { return task.Sleep(ctx, math.MaxInt64-1) })
	spawn(realm.Context(), "longest", func(ctx context.Context) error { return task.Sleep(ctx, math.MaxInt64) })
	l.RunUntilIdle()
	realm.SetClock(0, 1000)
	if e := (*loop.DeadlockError)(nil); !errors.As(l.Run(), &e) || len(e.Tasks) != 2 {
		t.Error("a sleep that is longer than time has ended")
	}
}

// An instant may be as far away as a Duration reaches, and farther. If it has passed, a callback for it runs at once,
// whatever the clock of the realm shows. If it never comes, the callback never runs.
func TestFarInstantsOfARealm(t *testing.T) {
	const far = time.Duration(math.MaxInt64)
	l := newLoop(t)
	l.CallLater(time.Hour, func() {})
	run(t, l)
	var all []lowlevel.Realm
	for _, offset := range []time.Duration{0, time.Second, -time.Second, far / 4, -far / 4} {
		for _, rate := range []float64{1, 1.5, 0.5, 1000, 0.001} {
			outer := lowlevel.NewRealm(l.Context())
			outer.SetClock(offset, rate)
			inner := lowlevel.NewRealm(outer.Context())
			inner.SetClock(offset, rate)
			inner.Pause()
			l.CallLater(time.Second, inner.Resume)
			all = append(all, outer, inner)
		}
	}
	run(t, l)
	passed, ran := 0, 0
	for _, realm := range all {
		for _, when := range []time.Time{{}, time.Time{}.Add(time.Minute), realm.Now().Add(-time.Second), realm.Now()} {
			passed++
			lowlevel.CallAt(realm.Context(), when, func() { ran++ })
		}
		lowlevel.CallElapsed(realm.Context(), -far-1, func() { ran++ })
		passed++
		lowlevel.CallElapsed(realm.Context(), far, func() { t.Error("a callback for the end of all time has run") })
		lowlevel.CallLater(realm.Context(), far, func() { t.Error("a callback after all time has run") })
		if at := lowlevel.ElapsedAt(realm.Context(), time.Time{}); at > 0 {
			t.Errorf("the zero time is at %v", at)
		}
	}
	l.RunUntilIdle()
	if ran != passed {
		t.Errorf("%d of %d callbacks for instants that have passed have run", ran, passed)
	}
	l.CallLater(1000*time.Hour, l.Stop)
	run(t, l)
}
