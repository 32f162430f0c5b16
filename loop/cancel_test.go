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

// asked is the owner of a future that no request to cancel ends. It notes each request,
// and how deep in calls it came.
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

func (a *asked) Describe() (string, []loop.Awaitable) { return "what notes requests", nil }

func (a *asked) end() { a.f.Complete(1, nil) }

// chain makes n tasks, of which the first awaits a, and each further one the task before.
func chain(l *loop.Loop, a loop.Awaitable, n int) (tasks []*task.Task[none]) {
	for range n {
		on := task.On(a)
		tasks = append(tasks, script(l.Context(), "", func(context.Context, error) (task.Suspension, error) { return on, nil }))
		a = &tasks[len(tasks)-1].Future
	}
	return tasks
}

// A request walks over each task once, however many ways lead there: the tasks here
// await each other as the numbers of Fibonacci do, which are 1.3 million ways.
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
		t.Errorf("two tasks await the leaf, and it was asked with %v", leaf.causes)
	}
	for i, x := range tasks {
		ways := 2 // as many as tasks await it
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

// The next request walks again.
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
		t.Errorf("three requests; the first task counts %d, and the leaf %d", got, len(leaf.causes))
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
		t.Errorf("Cancel is %d calls deep at the end of one task, %d at the end of a chain", short, long)
	}
}

// What is canceled inside a sweep is one request.
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
		t.Errorf("the leaf was asked %d times", len(leaf.causes))
	}
	for i, x := range tasks {
		want := 2 // its own, and that of the task that awaits it
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

// A panic on the way leaves nothing behind that a later request could take for a circle.
func TestCancelAfterAPanicOnTheWay(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f) }))
	leaf := &refusing{panics: true}
	leaf.f.Init(l, leaf)
	tasks := chain(l, &leaf.f, 3)
	l.RunUntilIdle()
	tasks[2].Cancel(nil)
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
		t.Errorf("the error handler was told %v", told)
	}
	leaf.panics = false
	tasks[2].Cancel(io.EOF)
	if len(leaf.causes) != 1 || leaf.causes[0] != io.EOF {
		t.Errorf("the leaf was asked with %v", leaf.causes)
	}
	leaf.f.Complete(1, nil)
	run(t, l)
}

// Nor does a Goexit of an observer, and the request goes on down the chain.
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
		t.Errorf("the leaf was asked with %v", leaf.causes)
	}
	leaf.end()
	l.RunUntilIdle()
	lowlevel.Sweep(l, func() {
		top.Cancel(nil)
		top.Cancel(nil)
	})

	if top.CancelRequests() != 3 {
		t.Errorf("three requests, and the task counts %d", top.CancelRequests())
	}
	run(t, l)
}

// An observer that is told of a request changes nothing about it.
func TestCancelUnderAnObserver(t *testing.T) {
	l := newLoop(t, loop.WithObserver(func(loop.Event) {}))
	leaf := newAsked(l)
	x := chain(l, &leaf.f, 1)[0]
	l.RunUntilIdle()
	x.Cancel(nil)
	if len(leaf.causes) != 1 {
		t.Errorf("the leaf was asked %d times", len(leaf.causes))
	}
	leaf.end()
	run(t, l)
}

// Where a scope was canceled in a sweep, what is canceled next in the same is canceled in
// its own name.
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
		t.Errorf("b is to be told %v, want the last request", must)
	}
	run(t, l)
	if !a.Canceled() || !b.Canceled() {
		t.Errorf("a: %v, b: %v", a.Err(), b.Err())
	}
}

// The body of a task has ended when a hook around it runs on.
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

// behind is a Body that does something after each step of another.
type behind struct {
	lowlevel.Body
	do func()
}

func (b behind) Step(t *loop.Task, err error) loop.Suspension {
	s := b.Body.Step(t, err)
	b.do()
	return s
}

// A machine that is unwound is no longer waiting, so a request has nowhere to go.
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
		t.Errorf("what it awaited was asked with %v", leaf.causes)
	}
}

// What runs bodies may hand them a context below one that has values of its own.
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
		t.Errorf("a plain %v is let through as %v, want the request", context.Canceled, got)
	}
}

// Two tasks of a circle await one gather: the circle is broken all the same.
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

// What the body is told where several requests come before one is delivered. The rules
// are asyncio's, but that a scope never stands in for another request.
func TestWhichRequestIsDelivered(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	both := func(x *loop.Task, _ lowlevel.Scope) { x.Cancel(one); x.Cancel(two) }
	scopeLast := func(x *loop.Task, s lowlevel.Scope) { x.Cancel(one); s.Cancel(two) }
	scopeFirst := func(x *loop.Task, s lowlevel.Scope) { s.Cancel(one); x.Cancel(two) }
	for _, c := range []struct {
		on   string // that the task is suspended on when they come; empty while it runs
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
				t.Errorf("the task ended with %v, after %d requests; want the cause %v", x.Err(), x.CancelRequests(), c.want)
			}
		})
	}
}

// A machine is told the same.
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
				t.Errorf("Pending is %v", s.Pending())
			}
		}
		want(false)
		s.Cancel(nil)
		want(true)
		lowlevel.Current(ctx).Cancel(nil)
		want(false) // nor is another's
		_ = task.Yield(ctx)
		want(false)
		return nil
	})
	run(t, l)
}

// A task that is done has nothing left to deliver, though it ended before a request
// could be.
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
					t.Errorf("%v awaits delivery, of %d requests", lowlevel.PendingCancel(x.Task()), x.CancelRequests())
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
		t.Error("a request to a task that is done was taken")
	}
	l.Close()
}

// A request that is passed on does not take the error of what has failed already.
func TestCancelPassesByATaskThatHasFailed(t *testing.T) {
	var told []error
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f.Err) }))
	var x *task.Task[none]
	failing := spawn(l.Context(), "failing", func(ctx context.Context) error { _ = task.Yield(ctx); return io.EOF })
	failing.OnDone(func() { x.Cancel(nil) }) // before x, which is woken too, takes its step
	x = spawn(l.Context(), "x", func(ctx context.Context) error { return failing.Wait(ctx) })
	run(t, l)
	l.Close()
	if causeOf(x.Err()) != nil || !x.Canceled() || len(told) != 1 || told[0] != io.EOF {
		t.Errorf("the waiting task ended with %v; told: %v", x.Err(), told)
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
		ends("cut off", off, nil)
		ends("a value below what is cut off", context.WithValue(off, key{}, 1), nil)
		ends("a scope in what is cut off", lowlevel.Enter(off).Context(), nil)
		ends("a scope in a scope in that", lowlevel.Enter(lowlevel.Enter(off).Context()).Context(), nil)
		again, cancel := context.WithCancel(off)
		ends("derived from what is cut off", again, nil)
		cancel()
		ends("derived from what is cut off, and ended", again, context.Canceled)
		inner := spawn(off, "inner", func(ctx context.Context) error { return task.Sleep(ctx, time.Second) })
		ends("the task that waits for one spawned there", off, inner.Wait(off))
		if inner.Err() != nil {
			t.Errorf("a task spawned there: %v", inner.Err())
		}
		return nil
	})
	run(t, l)
}

// onlooker owns a future, passes requests on to a task, and looks at once what becomes of
// that.
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

func (o *onlooker) Describe() (string, []loop.Awaitable) { return "what looks on", nil }

// A request that an owner passes on has come to the task when Cancel returns.
func TestRequestOfAnOwnerIsNotPutOff(t *testing.T) {
	l := newLoop(t)
	child := spawn(l.Context(), "child", task.Yield)
	o := &onlooker{of: child.Task()}
	o.Init(l, o)
	x := chain(l, &o.Future, 1)[0]
	l.RunOnce()
	x.Cancel(nil)
	if o.seen != 1 {
		t.Errorf("the owner has seen %d requests", o.seen)
	}
	o.Complete(1, nil)
	run(t, l)
	if !child.Canceled() {
		t.Errorf("the child has ended with %v", child.Err())
	}
}

// A task that was canceled while it was running is told of that, also where another request
// comes before it runs again.
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

// Where a task was canceled while it was running, what it awaits next decides what becomes
// of the request: if that takes it, and ends with a value, there is nothing left of it, and
// otherwise the await ends with it.
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
				t.Errorf("taken: %v; the await ends with %d, %v", takes, v, err)
			}
			return task.Sleep(ctx, time.Second)
		})
		run(t, l)
		if err := x.Err(); err != nil || l.Elapsed() != 2*time.Second {
			t.Errorf("taken: %v; the task ended with %v, after %v", takes, err, l.Elapsed())
		}
	}
}

// refuses is the owner of a future that goes on, whether it takes a request or not.
type refuses struct {
	f     future.Promise[int]
	takes bool
}

func (r *refuses) Cancel(error) bool                    { return r.takes }
func (r *refuses) Describe() (string, []loop.Awaitable) { return "what refuses", nil }
