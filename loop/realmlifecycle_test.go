package loop_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A realmLife is one case of TestRealmLifecycle: where a task of a realm stands when the realm ends,
// which code ends the realm, and what the task does while it is unwound.
type realmLife struct {
	stackless bool
	stands    string
	ender     string
	answer    string
	debug     bool
	followed  bool // the loop has a policy and a follower
}

func (c realmLife) String() string {
	words := map[bool]string{false: "stackful", true: "stackless"}[c.stackless] + ", " + c.stands + ", ended by " + c.ender + ", " + c.answer
	if c.debug {
		words += ", debug"
	}
	if c.followed {
		words += ", followed"
	}
	return words
}

// inStep reports whether the task itself, or a step below its own, ends the realm.
func (c realmLife) inStep() bool {
	return c.stands == "in its step" || c.stands == "in its eager first step"
}

// unwound reports whether the body of the task is unwound.
func (c realmLife) unwound() bool {
	return c.stands != "new" && c.stands != "queued" && c.stands != "done"
}

func realmLives() (all []realmLife) {
	for _, stackless := range []bool{false, true} {
		for _, stands := range []string{"new", "queued", "in its step", "in its eager first step", "in a future", "asleep", "yielding", "in a group", "woken", "done"} {
			for _, ender := range []string{"itself", "an eager step below", "a callback", "a task", "a machine", "the host"} {
				for _, answer := range []string{"returns", "awaits", "spawns", "panics", "exits", "recovers", "ends another"} {
					for _, debug := range []bool{false, true} {
						for _, followed := range []bool{false, true} {
							c := realmLife{stackless, stands, ender, answer, debug, followed}
							inside := ender == "itself" || ender == "an eager step below"
							if c.inStep() == inside && (c.unwound() || answer == "returns") {
								all = append(all, c)
							}
						}
					}
				}
			}
		}
	}
	return all
}

func TestRealmLifecycle(t *testing.T) {
	all := realmLives()
	if len(all) != 1440 { // the number shows if a case drops out
		t.Errorf("%d cases", len(all))
	}
	for _, c := range all {
		t.Run(c.String(), c.test)
	}
}

// endFollower is a policy that keeps the order, and checks that it sees no task that has ended.
type endFollower struct{ t *testing.T }

func (f endFollower) Made(of, by *loop.Task) {}
func (f endFollower) Next(of *loop.Task) {
	if of != nil && of.Done() {
		f.t.Errorf("%v is next, and has ended", of)
	}
}

func (f endFollower) Pick(ready []*loop.Task, _ bool) int {
	for _, x := range ready {
		f.Next(x)
	}
	return 0
}

func (c realmLife) test(t *testing.T) {
	opts := []loop.Option{loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind != loop.ErrorUnretrieved && f.Kind != loop.SlowStep {
			t.Errorf("failure: %v: %v", f.Kind, f.Err)
		}
	})}
	if c.debug {
		opts = append(opts, loop.WithDebug())
	}
	if c.followed {
		var spare lowlevel.Spare // with one, a body that suspends asks the policy itself
		t.Cleanup(spare.End)
		opts = append(opts, lowlevel.WithSpare(&spare))
		opts = append(opts, lowlevel.WithPolicy(endFollower{t}, false), lowlevel.WithFollower(endFollower{t}))
	}
	var x *task.Task[none]
	opts = append(opts, loop.WithTaskFactory(func(made *loop.Task) {
		if made.Name() == "x" {
			x = made.Outcome().(*task.Task[none]) // now, because a Goexit in an eager first step keeps Go from returning
			if c.stands == "new" {
				return
			}
		}
		made.Enqueue()
	}))
	l := newLoop(t, opts...)
	out := l.Context()
	realm, other := lowlevel.NewRealm(out), lowlevel.NewRealm(out)
	in := realm.Context()
	f, never := future.New[int](out), future.New[int](out)
	var log looptest.Journal
	ended := false // the realm

	end := func() {
		if c.stands == "woken" {
			_ = f.SetResult(1)
		}
		realm.End()
		ended = true
		if !realm.Ended() || in.Err() == nil || context.Cause(in).Error() != "canceled: "+lowlevel.ErrRealmEnded.Error() {
			t.Errorf("after End: Ended %v, Cause %v", realm.Ended(), context.Cause(in))
		}
	}
	below := func() { // the realm ends in the middle of a step of x
		if c.ender == "itself" {
			end()
			return
		}
		task.Go(out, func(context.Context) (none, error) { end(); return none{}, nil }, task.Eager())
	}
	failed := func(err error) error {
		if causeOf(err) != lowlevel.ErrRealmEnded || !errors.Is(err, future.ErrCanceled) {
			t.Errorf("an await ended with %v", err)
		}
		return err
	}
	answer := func(ctx context.Context) {
		log.Add("x answers")
		switch c.answer {
		case "awaits":
			if !c.stackless {
				_ = failed(task.Yield(ctx))
				_ = failed(task.Sleep(ctx, time.Hour))
				_ = failed(never.Wait(ctx))
			}
		case "spawns":
			for _, o := range []task.Option{task.Eager(), task.Lazy()} {
				task.Go(ctx, func(context.Context) (none, error) { log.Add("a child runs"); return none{}, nil }, o)
			}
			task.Go(out, func(context.Context) (none, error) { log.Add("an outer child runs"); return none{}, nil }, task.Eager())
		case "panics":
			panic("oh")
		case "exits":
			runtime.Goexit()
		case "recovers":
			func() {
				defer func() { _ = recover() }()
				panic("oh")
			}()
		case "ends another":
			other.End()
		}
	}

	spawn(other.Context(), "of the other realm", func(ctx context.Context) error {
		defer log.Add("of the other realm: over")
		return never.Wait(ctx)
	})
	spawn(in, "y", func(ctx context.Context) error {
		defer log.Add("y: over")
		return failed(never.Wait(ctx))
	})
	var opt []task.Option
	if c.stands == "in its eager first step" {
		opt = append(opt, task.Eager())
	}
	opt = append(opt, task.Named("x"))
	make := func() {
		if c.stackless {
			task.GoMachine(in, c.machine(below, failed, answer, f), opt...)
		} else {
			task.Go(in, c.body(below, failed, answer, f), opt...)
		}
	}
	if c.stands == "in its eager first step" {
		l.CallSoon(make)
	} else if c.stands != "queued" {
		make()
	}
	bystander := spawn(out, "bystander", func(ctx context.Context) error {
		for !ended {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	})
	waiter := spawn(out, "waiter", func(ctx context.Context) error {
		for x == nil {
			_ = task.Yield(ctx)
		}
		return x.Wait(ctx)
	})
	drive := func() {
		for !inGoroutine(func() { l.RunUntilIdle() }) { // a Goexit ends the driver
		}
	}
	prepare := func() {
		if c.stands == "queued" {
			make()
		}
	}
	first := func() { // is ready before x is unwound, and runs later
		l.CallSoon(func() { log.Add("a callback") })
		spawn(out, "next", func(context.Context) error { log.Add("another task"); return nil })
	}
	if c.inStep() {
		drive()
	} else {
		for range 3 {
			l.RunOnce()
		}
		if c.stands == "yielding" || c.stands == "woken" {
			l.RunOnce()
		}
		switch c.ender {
		case "a callback":
			l.CallSoon(func() { prepare(); first(); end() })
		case "a task":
			spawn(out, "ender", func(ctx context.Context) error {
				prepare()
				first()
				end()
				if x.Task().Done() && c.stands != "done" {
					t.Error("End has unwound x inside the call")
				}
				return task.Yield(ctx)
			})
		case "a machine":
			script(out, "ender", func(context.Context, error) (task.Suspension, error) {
				prepare()
				first()
				end()
				return task.Turn(), nil
			})
		case "the host":
			prepare()
			first()
			end()
			if log != nil && c.stands != "done" {
				t.Errorf("End has run a body: %q", log)
			}
		}
		drive()
	}
	l.Clock().(*timer.Virtual).Advance(time.Minute)
	drive()

	want := []string{"y: over"} // y was made before x
	if c.unwound() {
		want = append(want, "x answers")
	}
	early := c.inStep() && !c.stackless // the body ends in that step, before the driver unwinds the others
	if early {
		want = []string{"x answers", "y: over"}
	}
	if c.answer == "ends another" && early {
		want = []string{"x answers", "of the other realm: over", "y: over"}
	} else if c.answer == "ends another" {
		want = append(want, "of the other realm: over")
	}
	got := log
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("log %q, want %q first", got, want)
	}
	if slices.Contains(got, "a child runs") || slices.Contains(got, "a step") {
		t.Errorf("log %q", got)
	}
	if c.answer == "spawns" != slices.Contains(got, "an outer child runs") {
		t.Errorf("log %q", got)
	}
	if !c.inStep() && (!slices.Contains(got, "a callback") || !slices.Contains(got, "another task")) {
		t.Errorf("log %q", got)
	}
	if !bystander.Done() || !waiter.Done() || !x.Task().Done() {
		t.Errorf("done: bystander %v, waiter %v, x %v", bystander.Done(), waiter.Done(), x.Task().Done())
	}
	switch err := x.Err(); {
	case c.stands == "done":
		if err != nil {
			t.Errorf("x: %v", err)
		}
	case c.answer == "panics":
		if p := (*loop.PanicError)(nil); !errors.As(err, &p) || p.Value != "oh" {
			t.Errorf("x: %v", err)
		}
	case c.answer == "exits":
		if err != loop.ErrGoexit {
			t.Errorf("x: %v", err)
		}
	default:
		_ = failed(err)
	}
	if l.Stats().Tasks != map[bool]int{true: 0, false: 1}[other.Ended()] {
		t.Errorf("%d tasks are left", l.Stats().Tasks)
	}
	if at, armed := l.NextDeadline(); armed {
		t.Errorf("a timer for %v is left", at)
	}
	late := spawn(in, "late", func(context.Context) error { t.Error("a task of a realm that has ended runs"); return nil })
	drive()
	_ = failed(late.Err())
}

// body is the body of x if it is stackful.
func (c realmLife) body(below func(), failed func(error) error, answer func(context.Context), f *future.Future[int]) func(context.Context) (none, error) {
	return func(ctx context.Context) (_ none, err error) {
		if c.stands == "done" {
			return none{}, nil
		}
		defer answer(ctx)
		switch c.stands {
		case "in its step", "in its eager first step":
			below()
			if ctx.Err() == nil {
				return none{}, errors.New("the context has not ended")
			}
			err = task.Yield(ctx)
		case "in a future", "woken":
			_, err = f.Await(ctx)
		case "asleep":
			err = task.Sleep(ctx, time.Hour)
		case "yielding":
			for err == nil {
				err = task.Yield(ctx)
			}
		case "in a group":
			err = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				return g.Go(func(ctx context.Context) error { return failed(task.Sleep(ctx, time.Hour)) })
			})
		}
		return none{}, failed(err)
	}
}

// machine is the body of x if it is stackless.
func (c realmLife) machine(below func(), failed func(error) error, answer func(context.Context), f *future.Future[int]) task.Machine[none] {
	step, unwound := 0, 0
	return task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
		if err != nil {
			_ = failed(err)
			if unwound++; unwound == 1 {
				answer(ctx)
			}
			if c.answer == "awaits" && unwound < 5 {
				return none{}, task.For(time.Hour), nil
			}
			return none{}, task.End(), err
		}
		step++
		switch c.stands {
		case "done":
			return none{}, task.End(), nil
		case "in its step", "in its eager first step":
			if step > 1 {
				return none{}, task.End(), errors.New("a step endFollower after End")
			}
			below()
			return none{}, task.Turn(), nil
		case "in a future", "woken":
			return none{}, task.On(f), nil
		case "asleep":
			return none{}, task.For(time.Hour), nil
		case "in a group":
			sleeps := task.GoMachine(ctx, task.MachineFunc[none](func(_ context.Context, err error) (none, task.Suspension, error) {
				if err != nil {
					return none{}, task.End(), failed(err)
				}
				return none{}, task.For(time.Hour), nil
			}))
			return none{}, task.On(task.Gather(sleeps)), nil
		}
		return none{}, task.Turn(), nil
	})
}
