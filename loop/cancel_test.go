package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// asked is the owner of a future that does not end when it is canceled. It notes the cause of each
// request, and the depth of the call stack.
type asked struct {
	f      future.Promise[int]
	causes []error
	depth  int
}

func newAsked(l *loop.Loop) *asked {
	a := new(asked)
	a.f.Init(l, a)
	return a
}

func (a *asked) Cancel(cause error) bool {
	a.causes = append(a.causes, cause)
	a.depth = runtime.Callers(0, make([]uintptr, 1000))
	return true
}

func (a *asked) Describe() (string, []loop.Awaitable) { return "a future that notes requests", nil }

func (a *asked) end() { a.f.Complete(1, nil) }

// chain makes n tasks. The first one awaits a, and each other one awaits the task before it.
func chain(l *loop.Loop, a loop.Awaitable, n int) (tasks []*task.Task[none]) {
	for range n {
		on := task.On(a)
		tasks = append(tasks, script(l.Context(), "", func(context.Context, error) (task.Suspension, error) { return on, nil }))
		a = &tasks[len(tasks)-1].Future
	}
	return tasks
}

// A request passes through each task once, also if many ways lead there. Here each task awaits two
// others, like the Fibonacci numbers: there are 1.3 million ways.
func TestCancelPassesEachTaskOnce(t *testing.T) {
	l := newLoop(t)
	leaf := newAsked(l)
	const n = 31
	tasks := make([]*task.Task[[]int], n+1)
	for i := range tasks {
		tasks[i] = task.Go(l.Context(), func(ctx context.Context) ([]int, error) {
			if i < 2 {
				v, err := leaf.f.Await(ctx)
				return []int{v}, err
			}
			_, err := task.Gather(tasks[i-1], tasks[i-2]).Await(ctx)
			return nil, err
		})
	}
	l.RunUntilIdle()
	tasks[n].Cancel(io.EOF)
	if len(leaf.causes) != 2 || leaf.causes[0] != io.EOF || leaf.causes[1] != io.EOF {
		t.Errorf("two tasks await the leaf, and it got requests with the causes %v, want two with EOF", leaf.causes)
	}
	for i, x := range tasks {
		ways := 2 // two tasks await it
		if i == 0 || i >= n-1 {
			ways = 1
		}
		if x.CancelRequests() != ways {
			t.Errorf("task %d counts %d requests, want %d", i, x.CancelRequests(), ways)
		}
	}
	leaf.end()
	run(t, l)
}

// Each request passes through the tasks again.
func TestCancelPassesAgainWithTheNextRequest(t *testing.T) {
	l := newLoop(t)
	leaf := newAsked(l)
	tasks := chain(l, &leaf.f, 3)
	all := task.Gather(&tasks[2].Future)
	l.RunUntilIdle()
	tasks[2].Cancel(nil)
	all.Cancel(nil)
	all.Cancel(nil)
	if got := tasks[0].CancelRequests(); got != 3 || len(leaf.causes) != 3 {
		t.Errorf("after three requests the first task counts %d, and the leaf %d", got, len(leaf.causes))
	}
	leaf.end()
	run(t, l)
}

func TestCancelOfAChainTakesNoStack(t *testing.T) {
	l := newLoop(t)
	depth := func(n int) int {
		leaf := newAsked(l)
		tasks := chain(l, &leaf.f, n)
		l.RunUntilIdle()
		tasks[n-1].Cancel(nil)
		for i, x := range tasks {
			if x.CancelRequests() != 1 {
				t.Fatalf("task %d of %d counts %d requests", i, n, x.CancelRequests())
			}
		}
		leaf.end()
		run(t, l)
		return leaf.depth
	}
	if short, long := depth(1), depth(100_000); long != short {
		t.Errorf("the call stack of Cancel is %d calls deep below one task, and %d below a chain; want the same", short, long)
	}
}

// All cancellations inside a sweep are one request.
func TestSweep(t *testing.T) {
	l := newLoop(t)
	leaf := newAsked(l)
	tasks := chain(l, &leaf.f, 100)
	l.RunUntilIdle()
	lowlevel.Sweep(l, func() {
		lowlevel.Sweep(l, func() {})
		for _, x := range tasks {
			x.Cancel(nil)
		}
	})

	if len(leaf.causes) != 1 {
		t.Errorf("the leaf got %d requests, want 1", len(leaf.causes))
	}
	for i, x := range tasks {
		want := 2 // one of its own, and one from the task that awaits it
		if i == len(tasks)-1 {
			want = 1
		}
		if x.CancelRequests() != want {
			t.Errorf("task %d counts %d requests, want %d", i, x.CancelRequests(), want)
		}
	}
	leaf.end()
	run(t, l)
}

// refusing is the owner of a future whose Cancel panics.
type refusing struct {
	asked
	panics bool
}

func (r *refusing) Cancel(cause error) bool {
	if r.panics {
		panic("refused")
	}
	return r.asked.Cancel(cause)
}

// After a panic in the middle of a request, a later request does not find a circle where there is none.
func TestCancelAfterAPanicOnTheWay(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f) }))
	leaf := &refusing{panics: true}
	leaf.f.Init(l, leaf)
	tasks := chain(l, &leaf.f, 3)
	l.RunUntilIdle()
	tasks[2].Cancel(nil)
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
		t.Errorf("the error handler got %v, want one CallbackFailed", told)
	}
	leaf.panics = false
	tasks[2].Cancel(io.EOF)
	if len(leaf.causes) != 1 || leaf.causes[0] != io.EOF {
		t.Errorf("the leaf got requests with the causes %v, want EOF", leaf.causes)
	}
	leaf.f.Complete(1, nil)
	run(t, l)
}

// After a Goexit of an observer, the request still passes down the chain, and a later request does not
// find a circle.
func TestCancelAfterAGoexitOnTheWay(t *testing.T) {
	l := newLoop(t, loop.WithErrorHandler(func(loop.Failure) {}), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.CancelAsked {
			runtime.Goexit()
		}
	}))
	leaf := newAsked(l)
	tasks := chain(l, &leaf.f, 2)
	top := spawn(l.Context(), "top", func(ctx context.Context) error {
		_ = tasks[1].Wait(ctx)
		return task.Sleep(ctx, time.Second)
	})
	l.RunUntilIdle()
	if inGoroutine(func() { top.Cancel(io.EOF) }) {
		t.Fatal("the observer was not told")
	}
	if len(leaf.causes) != 1 || leaf.causes[0] != io.EOF {
		t.Errorf("the leaf got requests with the causes %v, want EOF", leaf.causes)
	}
	leaf.end()
	l.RunUntilIdle()
	lowlevel.Sweep(l, func() {
		top.Cancel(nil)
		top.Cancel(nil)
	})

	if top.CancelRequests() != 3 {
		t.Errorf("after three requests the task counts %d", top.CancelRequests())
	}
	run(t, l)
}

// An observer does not change the effect of a request.
func TestCancelUnderAnObserver(t *testing.T) {
	l := newLoop(t, loop.WithObserver(func(loop.Event) {}))
	leaf := newAsked(l)
	x := chain(l, &leaf.f, 1)[0]
	l.RunUntilIdle()
	x.Cancel(nil)
	if len(leaf.causes) != 1 {
		t.Errorf("the leaf got %d requests, want 1", len(leaf.causes))
	}
	leaf.end()
	run(t, l)
}

// If a scope is canceled in a sweep, and then a task in the same sweep, the second request counts as
// the task's own.
func TestSweepAfterAScope(t *testing.T) {
	l := newLoop(t)
	var scope lowlevel.Scope
	a := spawn(l.Context(), "a", func(ctx context.Context) error {
		scope = lowlevel.Enter(ctx)
		defer scope.Exit()
		return task.Sleep(ctx, time.Second)
	})
	l.RunUntilIdle()
	b := spawn(l.Context(), "b", task.Yield)
	b.Cancel(nil)
	lowlevel.Sweep(l, func() {
		scope.Cancel(nil)
		b.Cancel(io.EOF)
	})

	if must := lowlevel.PendingCancel(b.Task()); must == nil || must.Cause != io.EOF {
		t.Errorf("the next suspension of b delivers %v, want the last request", must)
	}
	run(t, l)
	if !a.Canceled() || !b.Canceled() {
		t.Errorf("a: %v, b: %v", a.Err(), b.Err())
	}
}

// A body that Wrap has made may go on after the inner body has ended. A request at that time comes too
// late.
func TestCancelBehindTheEndOfTheBody(t *testing.T) {
	for kind, start := range map[string]func(ctx context.Context) *task.Task[none]{
		"stackful": func(ctx context.Context) *task.Task[none] {
			return spawn(ctx, "x", func(context.Context) error { return nil })
		},
		"stackless": func(ctx context.Context) *task.Task[none] { return script(ctx, "x") },
	} {
		l := newLoop(t)
		x := start(l.Context())
		asked := true
		lowlevel.Wrap(x.Task(), func(b lowlevel.Body) lowlevel.Body {
			return behind{b, func() { asked = x.Task().Cancel(nil) }}
		})

		run(t, l)
		if asked || x.CancelRequests() != 0 || x.Err() != nil {
			t.Errorf("%s: Cancel reports %t, %d requests, the error is %v", kind, asked, x.CancelRequests(), x.Err())
		}
	}
}

// behind is a Body that calls a function after each step of another Body.
type behind struct {
	lowlevel.Body
	do func()
}

func (b behind) Step(t *loop.Task, err error) loop.Suspension {
	s := b.Body.Step(t, err)
	b.do()
	return s
}

// A machine that is being unwound awaits nothing any more, so a request is not passed on.
func TestCancelByAMachineThatIsUnwound(t *testing.T) {
	l := newLoop(t)
	leaf := newAsked(l)
	var x *task.Task[none]
	x = script(l.Context(), "x",
		func(context.Context, error) (task.Suspension, error) { return task.On(&leaf.f), nil },
		func(_ context.Context, err error) (task.Suspension, error) {
			x.Cancel(nil)
			return task.End(), err
		})
	l.RunUntilIdle()
	l.Close()
	if len(leaf.causes) != 0 {
		t.Errorf("the awaited future got requests with the causes %v, want none", leaf.causes)
	}
}

// LetThrough also finds the request of the task if there is a context with values around the scope.
func TestLetThroughBelowAContextWithValues(t *testing.T) {
	l := newLoop(t)
	var got error
	x := spawn(l.Context(), "x", func(ctx context.Context) error {
		scope := lowlevel.Enter(context.WithValue(ctx, key("k"), 1))
		defer scope.Exit()
		err := task.Sleep(ctx, time.Second)
		got = lowlevel.LetThrough(scope.Context(), context.Canceled)
		return err
	})
	l.RunUntilIdle()
	x.Cancel(io.EOF)
	run(t, l)
	if causeOf(got) != io.EOF {
		t.Errorf("LetThrough of %v returns %v, want the request", context.Canceled, got)
	}
}

// A request also breaks a circle if its tasks await a gather of each other.
func TestCancelBreaksACircleThroughAGather(t *testing.T) {
	l := newLoop(t)
	var all *future.Future[[]none]
	wait := func(ctx context.Context) error { return all.Wait(ctx) }
	a, b := spawn(l.Context(), "a", wait), spawn(l.Context(), "b", wait)
	all = task.Gather(a, b)
	l.RunUntilIdle()
	a.Cancel(io.EOF)
	run(t, l)
	for _, x := range []*task.Task[none]{a, b} {
		if causeOf(x.Err()) != io.EOF {
			t.Errorf("%v ended with %v", x, x.Err())
		}
	}
}

// If several requests come before one is delivered, these rules say which one the body gets. They are
// asyncio's rules, except that the request of a scope never replaces another one.
func TestWhichRequestIsDelivered(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	both := func(x *loop.Task, _ lowlevel.Scope) { x.Cancel(one); x.Cancel(two) }
	scopeLast := func(x *loop.Task, s lowlevel.Scope) { x.Cancel(one); s.Cancel(two) }
	scopeFirst := func(x *loop.Task, s lowlevel.Scope) { s.Cancel(one); x.Cancel(two) }
	for _, c := range []struct {
		on   string // what the task is suspended on when the requests come; empty: it is running
		name string
		ask  func(x *loop.Task, s lowlevel.Scope)
		want error
	}{
		{"future", "both", both, one},
		{"sleep", "both", both, one},
		{"task", "both", both, one},
		{"", "both", both, two},
		{"", "scope last", scopeLast, one},
		{"", "scope first", scopeFirst, two},
	} {
		t.Run(c.on+" "+c.name, func(t *testing.T) {
			l := newLoop(t)
			var scope lowlevel.Scope
			x := spawn(l.Context(), "x", func(ctx context.Context) error {
				scope = lowlevel.Enter(ctx)
				if c.on == "" {
					c.ask(scope.Task(), scope)
					return task.Yield(ctx)
				}
				s, a := waysToSuspend[c.on](ctx)
				if err := lowlevel.Suspend(ctx, s); err != nil {
					return err
				}
				return a.Err()
			})
			l.RunUntilIdle()
			if c.on != "" {
				c.ask(x.Task(), scope)
			}
			run(t, l)
			if causeOf(x.Err()) != c.want || x.CancelRequests() != 2 {
				t.Errorf("the task ended with %v and %d requests; want the cause %v and 2 requests", x.Err(), x.CancelRequests(), c.want)
			}
		})
	}
}

// The same rules hold for a machine.
func TestWhichRequestAMachineIsTold(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	x := script(l.Context(), "x", func(context.Context, error) (task.Suspension, error) { return task.On(f), nil })
	l.RunUntilIdle()
	x.Cancel(io.EOF)
	x.Cancel(nil)
	run(t, l)
	if causeOf(x.Err()) != io.EOF {
		t.Errorf("the task ended with %v", x.Err())
	}
}

func TestScopePending(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "x", func(ctx context.Context) error {
		s := lowlevel.Enter(ctx)
		want := func(want bool) {
			t.Helper()
			if s.Pending() != want {
				t.Errorf("Pending is %v, want %v", s.Pending(), want)
			}
		}
		want(false)
		s.Cancel(nil)
		want(true)
		lowlevel.Current(ctx).Cancel(nil)
		want(false) // the task's own request has replaced that of the scope
		_ = task.Yield(ctx)
		want(false)
		return nil
	})
	run(t, l)
}

// A task that is done has no pending request, also if a request came in its last step and was never
// delivered.
func TestMustCancelOfATaskThatIsDone(t *testing.T) {
	for kind, make := range map[string]func(l *loop.Loop, last func(ctx context.Context) error) *task.Task[none]{
		"stackful": func(l *loop.Loop, last func(ctx context.Context) error) *task.Task[none] {
			return spawn(l.Context(), "x", last)
		},
		"stackless": func(l *loop.Loop, last func(ctx context.Context) error) *task.Task[none] {
			return script(l.Context(), "x", func(ctx context.Context, _ error) (task.Suspension, error) { return task.End(), last(ctx) })
		},
	} {
		for _, err := range []error{nil, io.EOF} {
			t.Run(fmt.Sprint(kind, err), func(t *testing.T) {
				l := newLoop(t)
				x := make(l, func(ctx context.Context) error {
					lowlevel.Current(ctx).Cancel(nil)
					return err
				})
				run(t, l)
				if lowlevel.PendingCancel(x.Task()) != nil || x.CancelRequests() != 1 {
					t.Errorf("the pending request is %v, and %d requests are counted; want none pending, and 1 counted", lowlevel.PendingCancel(x.Task()), x.CancelRequests())
				}
			})
		}
	}
}

// Canceling a task that has failed takes its error, as in asyncio.
func TestCancelOfATaskThatHasFailed(t *testing.T) {
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("reported: %v: %v", f.Kind, f.Err) }))
	fails := func() *task.Task[none] {
		return spawn(l.Context(), "", func(context.Context) error { return io.EOF })
	}
	a, b := fails(), fails()
	run(t, l)
	if a.Cancel(nil) || b.Future.Cancel(nil) {
		t.Error("Cancel of a task that is done reports true")
	}
	l.Close()
}

// A request that is passed on does not take the error of a task that has failed already.
func TestCancelPassesByATaskThatHasFailed(t *testing.T) {
	var told []error
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f.Err) }))
	var x *task.Task[none]
	failing := spawn(l.Context(), "failing", func(ctx context.Context) error { _ = task.Yield(ctx); return io.EOF })
	failing.OnDone(func() { x.Cancel(nil) }) // runs before the next step of x, which is woken, too
	x = spawn(l.Context(), "x", func(ctx context.Context) error { return failing.Wait(ctx) })
	run(t, l)
	l.Close()
	if causeOf(x.Err()) != nil || !x.Canceled() || len(told) != 1 || told[0] != io.EOF {
		t.Errorf("the waiting task ended with %v, want a cancellation; the error handler got %v, want EOF", x.Err(), told)
	}
}

func TestScopeIsNotBoundThroughWhatIsCutOff(t *testing.T) {
	l := newLoop(t)
	type key struct{}
	spawn(l.Context(), "x", func(ctx context.Context) error {
		std, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = lowlevel.Enter(std).Context()
		cancel()
		ends := func(what string, ctx context.Context, want error) {
			t.Helper()
			if err := task.Sleep(ctx, time.Second); err != want {
				t.Errorf("%s: Sleep returned %v, want %v", what, err, want)
			}
		}
		ends("the scope", ctx, context.Canceled)
		ends("a value below the scope", context.WithValue(ctx, key{}, 1), context.Canceled)
		ends("a scope in the scope", lowlevel.Enter(ctx).Context(), context.Canceled)
		off := context.WithoutCancel(ctx)
		ends("WithoutCancel", off, nil)
		ends("a value below WithoutCancel", context.WithValue(off, key{}, 1), nil)
		ends("a scope below WithoutCancel", lowlevel.Enter(off).Context(), nil)
		ends("a scope in a scope below WithoutCancel", lowlevel.Enter(lowlevel.Enter(off).Context()).Context(), nil)
		again, cancel := context.WithCancel(off)
		ends("derived from WithoutCancel", again, nil)
		cancel()
		ends("derived from WithoutCancel, and ended", again, context.Canceled)
		inner := spawn(off, "inner", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
		ends("after waiting for a task that was spawned below WithoutCancel", off, inner.Wait(off))
		if inner.Err() != nil {
			t.Errorf("the task that was spawned below WithoutCancel ended with %v", inner.Err())
		}
		return nil
	})
	run(t, l)
}

// onlooker is the owner of a future. It passes requests on to a task, and then reads at once how many
// requests the task counts.
type onlooker struct {
	future.Promise[int]
	of   *loop.Task
	seen int
}

func (o *onlooker) Cancel(cause error) bool {
	o.of.Cancel(cause)
	o.seen = o.of.CancelRequests()
	return false
}

func (o *onlooker) Describe() (string, []loop.Awaitable) { return "an onlooker", nil }

// When an owner passes a request on to a task, the task has counted it when Cancel returns.
func TestRequestOfAnOwnerIsNotPutOff(t *testing.T) {
	l := newLoop(t)
	child := spawn(l.Context(), "child", task.Yield)
	o := &onlooker{of: child.Task()}
	o.Init(l, o)
	x := chain(l, &o.Future, 1)[0]
	l.RunOnce()
	x.Cancel(nil)
	if o.seen != 1 {
		t.Errorf("the owner has seen %d requests, want 1", o.seen)
	}
	o.Complete(1, nil)
	run(t, l)
	if !child.Canceled() {
		t.Errorf("the child has ended with %v", child.Err())
	}
}

// A request that comes while the task is running is delivered, also if another request comes before the
// task runs again.
func TestRequestBeforeASleepIsDelivered(t *testing.T) {
	l := newLoop(t)
	var x *task.Task[none]
	x = spawn(l.Context(), "x", func(ctx context.Context) error {
		x.Cancel(io.EOF)
		l.CallSoon(func() { x.Cancel(errUnretrieved) })
		return task.Sleep(ctx, time.Hour)
	})
	run(t, l)
	if err := x.Err(); causeOf(err) != io.EOF || l.Elapsed() != 0 {
		t.Errorf("the task ended with %v, after %v", err, l.Elapsed())
	}
}

// If a task is canceled while it is running, its next await passes the request on to the awaitable. If
// the awaitable takes the request, and then gets a value, the task does not see the request. Otherwise
// the await ends with the request.
func TestRequestBeforeAnAwait(t *testing.T) {
	for _, takes := range []bool{true, false} {
		l := newLoop(t)
		o := &refuses{takes: takes}
		o.f.Init(l, o)
		x := spawn(l.Context(), "x", func(ctx context.Context) error {
			lowlevel.Current(ctx).Cancel(io.EOF)
			l.CallLater(time.Second, func() { o.f.Complete(1, nil) })
			v, err := o.f.Await(ctx)
			if takes && (v != 1 || err != nil) || !takes && causeOf(err) != io.EOF {
				t.Errorf("request taken %v: the await ended with %d, %v", takes, v, err)
			}
			return task.Sleep(ctx, time.Second)
		})
		run(t, l)
		if err := x.Err(); err != nil || l.Elapsed() != 2*time.Second {
			t.Errorf("request taken %v: the task ended with %v, after %v; want nil, after 2s", takes, err, l.Elapsed())
		}
	}
}

// refuses is the owner of a future that does not end when it is canceled. takes is the result of Cancel.
type refuses struct {
	f     future.Promise[int]
	takes bool
}

func (r *refuses) Cancel(error) bool                    { return r.takes }
func (r *refuses) Describe() (string, []loop.Awaitable) { return "a future that refuses", nil }
