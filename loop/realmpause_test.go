package loop_test

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A realmPause is one case of TestRealmPauses: where a task of a realm stands when the realm is paused,
// and what happens until Resume.
type realmPause struct {
	stackless bool
	stands    string
	meanwhile string
	by        string
	followed  bool
}

func (c realmPause) String() string {
	words := []string{map[bool]string{false: "stackful", true: "stackless"}[c.stackless], c.stands, c.meanwhile, "by " + c.by}
	if c.followed {
		words = append(words, "followed")
	}
	return strings.Join(words, ", ")
}

func TestRealmPauses(t *testing.T) {
	n := 0
	for _, stackless := range []bool{false, true} {
		for _, stands := range []string{"is made later", "queued", "yielding", "in a future", "woken", "asleep", "due"} {
			for _, meanwhile := range []string{"nothing", "wakes it", "cancels it", "ends the realm"} {
				for _, by := range []string{"a callback", "a task", "a machine", "the host", "the task itself"} {
					for _, followed := range []bool{false, true} {
						c := realmPause{stackless, stands, meanwhile, by, followed}
						if c.exists() {
							n++
							t.Run(c.String(), c.test)
						}
					}
				}
			}
		}
	}
	if n != 356 { // the number shows if a case drops out
		t.Errorf("%d cases", n)
	}
}

func (c realmPause) exists() bool {
	switch {
	case c.meanwhile == "wakes it" && c.stands != "in a future":
		return false
	case c.by == "the task itself":
		return c.stands == "yielding" || c.stands == "in a future" || c.stands == "asleep"
	}
	return c.stands != "yielding" || c.by == "the host" // between two turns
}

func (c realmPause) test(t *testing.T) {
	var opts []loop.Option
	if c.followed {
		var spare lowlevel.Spare // with one, a body that suspends asks the policy itself
		t.Cleanup(spare.End)
		opts = append(opts, lowlevel.WithSpare(&spare))
		opts = append(opts, lowlevel.WithPolicy(endFollower{t}, false), lowlevel.WithFollower(endFollower{t}))
	}
	l := newLoop(t, opts...)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	f := future.New[int](l.Context())
	paused := false
	step := func(err error) {
		if paused && l.Elapsed() < time.Hour {
			t.Error("a paused task takes a step")
		}
		log.Add("%v: %v", l.Elapsed(), err)
	}
	pause := func() {
		realm.Pause()
		paused = true
		if !realm.Paused() {
			t.Error("Paused is false")
		}
	}
	itself := func() {
		if c.by == "the task itself" {
			pause()
		}
	}
	wait := task.On(f)
	switch c.stands {
	case "yielding":
		wait = task.Turn()
	case "asleep":
		wait = task.For(2 * time.Second)
	case "due":
		wait = task.For(time.Second)
	}
	var x *task.Task[none]
	make := func() {
		if c.stackless {
			x = script(realm.Context(), "x", func(context.Context, error) (task.Suspension, error) {
				step(nil)
				itself()
				return wait, nil
			}, func(_ context.Context, err error) (task.Suspension, error) {
				step(err)
				return task.End(), err
			})
			return
		}
		x = spawn(realm.Context(), "x", func(ctx context.Context) error {
			step(nil)
			itself()
			err := lowlevel.Suspend(ctx, wait)
			if err == nil && (c.stands == "in a future" || c.stands == "woken") {
				err = f.Err() // the request has canceled the future
			}
			step(err)
			return err
		})
	}
	act := func() {
		switch c.stands {
		case "queued":
			make()
		case "woken":
			_ = f.SetResult(1)
		}
		if c.by != "the task itself" {
			pause()
		}
		if c.stands == "is made later" {
			make()
		}
	}
	// The task begins at 0s; the realm is paused at 1s, and resumed at 1h.
	began := c.stands != "is made later" && c.stands != "queued"
	by := func() {
		switch c.by {
		case "a callback", "the task itself":
			l.CallSoon(act)
		case "a task":
			spawn(l.Context(), "pauses", func(ctx context.Context) error { act(); return task.Yield(ctx) })
		case "a machine":
			script(l.Context(), "pauses", func(context.Context, error) (task.Suspension, error) { act(); return task.Turn(), nil })
		case "the host":
			act()
		}
	}
	switch {
	case c.by == "the host":
		if began {
			make()
		}
		l.RunOnce() // if x yields, its step is ready then
		by()
	default:
		if c.stands == "due" { // the timer of x is behind this callback, and due as well
			l.CallLater(time.Second, act)
		}
		if began {
			make()
		}
		if c.stands != "due" {
			l.CallLater(time.Second, by)
		}
	}
	at(l, 10*time.Second, func() {
		switch c.meanwhile {
		case "wakes it":
			_ = f.SetResult(1)
		case "cancels it":
			x.Cancel(io.EOF)
		case "ends the realm":
			paused = false
			realm.End()
		}
	})
	at(l, time.Hour, func() { realm.Resume(); realm.Resume(); paused = false })
	at(l, 2*time.Hour, func() {
		if !f.Done() {
			_ = f.SetResult(1)
		}
	})
	run(t, l)

	var want []string
	if began {
		want = append(want, "0s: <nil>")
	}
	left := time.Duration(0) // of the sleep when the realm is paused
	switch {
	case c.stands == "asleep" && (c.by == "the host" || c.by == "the task itself"):
		left = 2 * time.Second
	case c.stands == "asleep":
		left = time.Second
	case c.stands == "due" && c.by == "the host":
		left = time.Second
	}
	end := time.Hour + left
	switch c.meanwhile {
	case "ends the realm":
		if began {
			want = append(want, "10s: canceled: "+lowlevel.ErrRealmEnded.Error())
		}
	case "cancels it":
		if began {
			want = append(want, "1h0m0s: canceled: EOF")
		}
	default:
		if !began {
			want = append(want, "1h0m0s: <nil>")
		}
		if (c.stands == "in a future" || !began) && c.meanwhile != "wakes it" {
			end = 2 * time.Hour
		}
		want = append(want, end.String()+": <nil>")
	}
	log.Want(t, want...)
}

// A deadlock report says which tasks are paused.
func TestPausedTasksInReports(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	spawn(realm.Context(), "sleeps", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	spawn(realm.Context(), "pauses", func(ctx context.Context) error {
		realm.Pause()
		return task.Yield(ctx)
	})
	spawn(realm.Context(), "queued", task.Yield)
	const want = "loop: deadlock: nothing can wake the 3 tasks that are left" +
		"\n\tsleeps sleeps; its realm is paused\n\tpauses waits for its turn; its realm is paused\n\tqueued has not started yet; its realm is paused"
	if err := l.Run(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// An eager task of a paused realm is queued, and runs after Resume. The order of the ready tasks stays.
func TestOrderAfterResume(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	outer := lowlevel.NewRealm(l.Context())
	inner := lowlevel.NewRealm(outer.Context())
	says := func(ctx context.Context, name string, opts ...task.Option) {
		task.Go(ctx, func(context.Context) (none, error) { log.Add("%s", name); return none{}, nil }, opts...)
	}
	inner.Pause()
	l.CallSoon(func() {
		says(inner.Context(), "a", task.Eager())
		outer.Pause()
		says(outer.Context(), "b")
		says(inner.Context(), "c")
		says(l.Context(), "outside", task.Eager())
		says(outer.Context(), "d", task.Eager())
	})
	l.RunUntilIdle()
	log.Want(t, "outside")
	inner.Resume()
	l.RunUntilIdle()
	log.Want(t)
	outer.Resume()
	says(outer.Context(), "e")
	l.RunUntilIdle()
	log.Want(t, "a", "b", "c", "d", "e")
	outer.Pause()
	inner.Pause()
	says(inner.Context(), "f")
	says(outer.Context(), "g")
	l.RunUntilIdle()
	outer.Resume()
	l.RunUntilIdle()
	log.Want(t, "g")
	inner.Resume()
	l.RunUntilIdle()
	log.Want(t, "f")
}

// An observer sees the timers of a paused realm as canceled and armed again.
func TestEventsOfAPause(t *testing.T) {
	var log looptest.Journal
	l := newLoop(t, loop.WithObserver(func(e loop.Event) {
		switch e.Kind {
		case loop.TimerArmed, loop.TimerFired, loop.TimerCanceled:
			if e.Task != nil {
				log.Add("%v %v %v", e.At, e.Kind, e.Timer.Deadline)
			}
		}
	}))
	realm, itself := lowlevel.NewRealm(l.Context()), lowlevel.NewRealm(l.Context())
	spawn(realm.Context(), "x", func(ctx context.Context) error { return task.Sleep(ctx, 3*time.Second) })
	at(l, time.Second, realm.Pause)
	at(l, 10*time.Second, realm.Resume)
	run(t, l)
	log.Want(t, "0s timer armed 3000000000", "1s timer canceled 3000000000", "10s timer armed 12000000000", "12s timer fired 12000000000")
	x := spawn(itself.Context(), "x", func(ctx context.Context) error {
		itself.Pause()
		return task.Sleep(ctx, time.Second)
	})
	l.RunUntilIdle()
	log.Want(t)
	itself.Resume()
	x.Cancel(nil)
	run(t, l)
	log.Want(t, "12s timer armed 13000000000", "12s timer canceled 13000000000")
}

type pickFunc func(ready []*loop.Task) int

func (p pickFunc) Pick(ready []*loop.Task, _ bool) int { return p(ready) }

// A realm is paused while another one is paused already.
func TestTwoPauses(t *testing.T) {
	var first, second lowlevel.Realm
	l := newLoop(t, lowlevel.WithPolicy(pickFunc(func(ready []*loop.Task) int {
		for _, x := range ready {
			if x.Name() == "x" && second.Paused() {
				t.Error("the policy sees a paused task")
			}
		}
		return max(0, slices.IndexFunc(ready, func(x *loop.Task) bool { return x.Name() == "pauses" }))
	}), false))
	first, second = lowlevel.NewRealm(l.Context()), lowlevel.NewRealm(l.Context())
	first.Pause()
	spawn(l.Context(), "before", func(context.Context) error { return nil })
	spawn(l.Context(), "pauses", func(context.Context) error { second.Pause(); return nil })
	x := spawn(second.Context(), "x", func(context.Context) error { return nil })
	spawn(l.Context(), "after", func(context.Context) error { return nil })
	spawn(l.Context(), "after", func(context.Context) error { return nil })
	l.RunUntilIdle()
	if x.Done() {
		t.Error("a paused task has run")
	}
	second.Resume()
	run(t, l)
	if !x.Done() {
		t.Error("the task has not run")
	}
}

// A Goexit ends a task of a paused realm. Resume does not bring it back.
func TestGoexitInAPausedRealm(t *testing.T) {
	for _, stands := range []string{"asleep", "woken"} {
		t.Run(stands, func(t *testing.T) {
			var spare lowlevel.Spare // with one, callbacks run on the stack of x also with a follower
			t.Cleanup(spare.End)
			l := newLoop(t, lowlevel.WithFollower(endFollower{t}), lowlevel.WithSpare(&spare))
			realm := lowlevel.NewRealm(l.Context())
			f := future.New[int](l.Context())
			x := spawn(realm.Context(), "x", func(ctx context.Context) error {
				if stands == "woken" {
					return f.Wait(ctx)
				}
				return task.Sleep(ctx, time.Hour)
			})
			l.CallSoon(func() {
				_ = f.SetResult(1)
				realm.Pause()
			})
			l.CallSoon(func() {})
			l.CallSoon(runtime.Goexit) // on the stack of x
			inGoroutine(l.RunUntilIdle)
			if x.Err() != loop.ErrGoexit {
				t.Errorf("x: %v", x.Err())
			}
			realm.Resume()
			run(t, l)
		})
	}
}

// The driver calls the error handler when it knows already which task takes the next step. That task is held too.
func TestTheErrorHandlerPausesARealm(t *testing.T) {
	var realm lowlevel.Realm
	l := newLoop(t, loop.WithUnretrievedLimit(0), loop.WithErrorHandler(func(loop.Failure) { realm.Pause() }))
	realm = lowlevel.NewRealm(l.Context())
	spawn(l.Context(), "fails", func(context.Context) error { return io.EOF })
	never := future.New[int](l.Context())
	ran := 0
	spawn(l.Context(), "makes tasks", func(ctx context.Context) error {
		for range 20 {
			spawn(realm.Context(), "in", func(ctx context.Context) error { // holds a stack, so the next one needs a new stack
				if ran++; realm.Paused() {
					t.Error("a task of a paused realm runs")
				}
				return never.Wait(ctx)
			})
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	l.RunUntilIdle()
	if ran == 20 {
		t.Error("the handler was not called")
	}
	realm.Resume()
	l.RunUntilIdle()
	if ran != 20 {
		t.Errorf("%d tasks have run", ran)
	}
}

// The callbacks of CallLater wait for Resume, and can be canceled meanwhile.
func TestCallbacksOfAPausedRealm(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	realm := lowlevel.NewRealm(l.Context())
	call := func(d time.Duration, name string) loop.Handle {
		return lowlevel.CallLater(realm.Context(), d, func() { log.Add("%v: %s", l.Elapsed(), name) })
	}
	call(2*time.Second, "armed before")
	canceled := call(2*time.Second, "canceled")
	l.CallLater(time.Second, realm.Pause)
	call(time.Second, "due")
	dueAndCanceled := call(time.Second, "due and canceled")
	at(l, 5*time.Second, func() {
		call(0, "made in the pause")
		made := call(time.Second, "made and canceled")
		for _, h := range []loop.Handle{canceled, dueAndCanceled, made} {
			if !h.Cancel() || h.Cancel() {
				t.Error("Cancel while the realm is paused")
			}
		}
		if shown := realm.Now().Sub(l.Clock().Start()); shown != time.Second {
			t.Errorf("the clock shows %v", shown)
		}
	})
	at(l, 10*time.Second, realm.Resume)
	run(t, l)
	log.Want(t, "10s: due", "10s: made in the pause", "11s: armed before")
	if shown := realm.Now().Sub(l.Clock().Start()); shown != 2*time.Second {
		t.Errorf("the clock shows %v", shown)
	}
}

func TestPauseOfARealmThatHasEnded(t *testing.T) {
	l := newLoop(t)
	realm := lowlevel.NewRealm(l.Context())
	realm.Pause()
	realm.End()
	realm.Resume()
	realm.Pause()
	if realm.Paused() {
		t.Error("the realm is paused")
	}
	other := lowlevel.NewRealm(l.Context())
	l.Close()
	other.Pause()
	if other.Paused() {
		t.Error("the realm of a closed loop is paused")
	}
}
