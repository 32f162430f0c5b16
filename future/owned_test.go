package future_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// proxy is an awaitable of our own, and the owner of its future.
type proxy struct {
	future.Future[int]
	asked []error
	takes bool // what Cancel answers
	taken int
}

func newProxy(l *loop.Loop) *proxy {
	p := &proxy{takes: true}
	future.Own(&p.Future, l, (*proxyOwner)(p))
	return p
}

// proxyOwner is a proxy as the owner of its future.
type proxyOwner proxy

func (o *proxyOwner) Cancel(cause error) bool {
	o.asked = append(o.asked, cause)
	return o.takes
}
func (o *proxyOwner) Describe() loop.Explanation { return loop.Explanation{What: "a proxy"} }
func (o *proxyOwner) Take()                      { o.taken++ }

func (p *proxy) complete(v int, err error) { future.Complete(&p.Future, (*proxyOwner)(p), v, err) }

func TestOwnedFutureIsNotForOthersToSet(t *testing.T) {
	l := testLoop(t)
	p := newProxy(l)
	for _, err := range []error{p.SetResult(1), p.SetError(io.EOF)} {
		if !errors.Is(err, future.ErrInvalidState) {
			t.Errorf("set by a stranger: %v", err)
		}
	}
	x := spawn(l.Context(), "x", task.Yield)
	if err := x.SetResult(none{}); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("set the result of a task: %v", err)
	}
	if err := x.SetError(io.EOF); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("set the error of a task: %v", err)
	}
	if p.Done() || x.Done() || p.Loop() != l || p.Explain().What != "a proxy" {
		t.Error("the future has changed")
	}
	run(t, l)
}

func TestOwnerDecidesWhatCancelMeans(t *testing.T) {
	l := testLoop(t)
	p := newProxy(l)
	if !p.Cancel(io.EOF) || p.Done() {
		t.Error("the owner takes the request and ends later")
	}
	p.takes = false
	if p.Cancel(nil) {
		t.Error("the owner does not take the request")
	}
	p.complete(1, nil)
	if p.Cancel(nil) {
		t.Error("the future is done")
	}
	if len(p.asked) != 2 || p.asked[0] != io.EOF || p.asked[1] != nil {
		t.Errorf("the owner was asked with %v", p.asked)
	}
}

func TestCompleteByTheOwner(t *testing.T) {
	l := testLoop(t)
	for _, c := range []struct {
		err      error
		value    int
		canceled bool
	}{
		{nil, 7, false},
		{io.EOF, 0, false},
		{&loop.CanceledError{}, 0, true},
	} {
		p := newProxy(l)
		told := 0
		p.OnDone(func() { told++ })
		p.complete(7, c.err)
		run(t, l)
		if v, err := p.Result(); v != c.value || err != c.err || p.Canceled() != c.canceled || told != 1 {
			t.Errorf("Complete(7, %v): %d, %v, canceled %t, told %d times", c.err, v, err, p.Canceled(), told)
		}
	}
}

func TestCompleteOfWhatIsDoneOrNotOwned(t *testing.T) {
	const want = "future: completion of a future that is done or not owned by the *future_test.proxyOwner that completes it"
	l := testLoop(t)
	p, stranger := newProxy(l), newProxy(l)
	complete := func(f *future.Future[int], o future.Owner) func() {
		return func() { future.Complete(f, o, 1, nil) }
	}
	mustPanic(t, want, complete(&p.Future, (*proxyOwner)(stranger)))
	mustPanic(t, want, complete(future.New[int](l.Context()), (*proxyOwner)(p)))
	mustPanic(t, want, func() { future.Fail(&p.Future, (*proxyOwner)(stranger), io.EOF) })
	const nobody = "future: completion of a future that is done or not owned by the <nil> that completes it"
	x := task.Go(l.Context(), func(context.Context) (int, error) { return 2, nil })
	for _, f := range []*future.Future[int]{&p.Future, future.New[int](l.Context()), &x.Future} {
		mustPanic(t, nobody, complete(f, nil))
		mustPanic(t, nobody, func() { future.Fail(f, nil, io.EOF) })
	}
	run(t, l)
	if v, err := x.Result(); v != 2 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	p.complete(1, nil)
	mustPanic(t, want, complete(&p.Future, (*proxyOwner)(p)))
	if v, err := p.Result(); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

// What fails with the cancellation of something else has failed, and its error is
// a cancellation.
func TestFail(t *testing.T) {
	l := testLoop(t)
	failed, canceled := newProxy(l), newProxy(l)
	future.Fail(&failed.Future, (*proxyOwner)(failed), &loop.CanceledError{})
	canceled.complete(0, &loop.CanceledError{})
	if !future.Failed(failed) || future.Failed(canceled) {
		t.Error("Failed tells the two apart")
	}
	if !failed.Canceled() || !canceled.Canceled() {
		t.Error("the errors of both are cancellations")
	}
}

func TestErrorsAreTaken(t *testing.T) {
	for name, take := range map[string]func(p *proxy){
		"Err":       func(p *proxy) { _ = p.Err() },
		"Result":    func(p *proxy) { _, _ = p.Result() },
		"AnyResult": func(p *proxy) { _, _ = p.AnyResult() },
		"Wait":      func(p *proxy) { _ = p.Wait(context.Background()) }, // it is done, and any context will do
	} {
		l := testLoop(t)
		p := newProxy(l)
		if future.Peek(p) != nil || p.Untaken() != nil {
			t.Error("a pending future has no error")
		}
		p.complete(0, io.EOF)
		if future.Peek(p) != io.EOF || p.Untaken() != io.EOF || p.taken != 0 {
			t.Errorf("%s: looking takes nothing: %v, taken %d times", name, p.Untaken(), p.taken)
		}
		take(p)
		take(p)
		if p.Untaken() != nil || p.taken != 1 {
			t.Errorf("%s: untaken %v, and the owner was told %d times", name, p.Untaken(), p.taken)
		}
	}
	l := testLoop(t)
	p := newProxy(l)
	p.complete(0, &loop.CanceledError{})
	if p.Untaken() != nil {
		t.Error("a cancellation need not be taken")
	}
}

// captured is a task's body that keeps what only a body is handed.
type captured struct {
	loop.Body
	as *loop.Driven
}

func (c captured) Step(t loop.Driven, err error) loop.Suspension {
	*c.as = t
	return c.Body.Step(t, err)
}

// A body completes its own task's future, and only once.
func TestCompleteByTaskIsForTheTaskItself(t *testing.T) {
	var driven loop.Driven
	l := testLoop(t, loop.WithTaskFactory(func(t *loop.Task) {
		if t.Name() == "a" {
			t.Wrap(func(b loop.Body) loop.Body { return captured{b, &driven} })
		}
		t.Enqueue()
	}))
	a, b := spawn(l.Context(), "a", task.Yield), spawn(l.Context(), "b", task.Yield)
	if err := l.Run(); err != nil || driven.Task() != a.Task() {
		t.Fatalf("Run: %v, and the body was run for %v", err, driven.Task())
	}
	var pending future.Future[none]
	future.OwnByTask(&pending, b.Task())
	for _, f := range []*future.Future[none]{&a.Future, &b.Future, &pending} {
		mustPanic(t, "future: completion of a future that is done or not owned by the *loop.Task", func() {
			future.CompleteByTask(f, driven, none{}, nil)
		})
	}
	if pending.Done() {
		t.Error("the future of another task was completed")
	}
}

// spiteful is an owner whose methods do what they like.
type spiteful struct {
	future.Future[int]
	misdeed func()
}

func (o *spiteful) owner() *spitefulOwner { return (*spitefulOwner)(o) }

type spitefulOwner spiteful

func (o *spitefulOwner) Cancel(error) bool          { o.misdeed(); return true }
func (o *spitefulOwner) Describe() loop.Explanation { o.misdeed(); return loop.Explanation{} }
func (o *spitefulOwner) Take()                      { o.misdeed() }

// A panic of an owner goes to the error handler, and neither to the code that cancels nor
// to the loop.
func TestOwnerThatPanics(t *testing.T) {
	var told []loop.Failure
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f) }))
	defer l.Close()
	o := &spiteful{misdeed: func() { panic(io.EOF) }}
	future.Own(&o.Future, l, o.owner())
	waits := spawn(l.Context(), "waits", o.Wait)
	var cancels *task.Task[none]
	wantTold := func(n int) {
		t.Helper()
		if len(told) != n || n > 0 && (told[n-1].Kind != loop.CallbackFailed || !errors.Is(told[n-1].Err, io.EOF)) {
			t.Errorf("told: %v", told)
		}
	}
	l.RunUntilIdle()
	for range 2 { // a second request fares no better
		cancels = spawn(l.Context(), "cancels", func(context.Context) error {
			if !waits.Cancel(nil) {
				t.Error("the task took no request")
			}
			return nil
		})
		l.RunUntilIdle()
		if err := cancels.Err(); err != nil || waits.Done() {
			t.Errorf("%v, and what was canceled is done: %t", err, waits.Done())
		}
	}
	wantTold(2)
	if what := o.Explain().What; what != "a future of a *future_test.spitefulOwner whose Describe panicked" {
		t.Errorf("it is %q", what)
	}
	future.Fail(&o.Future, o.owner(), io.ErrUnexpectedEOF)
	run(t, l)
	if !waits.Canceled() {
		t.Errorf("the request was not delivered: %v", waits.Err())
	}
	wantTold(2)
	for range 2 { // only the first one takes the error
		if o.Err() != io.ErrUnexpectedEOF {
			t.Error("the error is not that of the future")
		}
	}
	wantTold(3)
}

// A Goexit of an owner ends the task that cancels. The other one is told of the request, and
// of the next one as well.
func TestOwnerThatCallsGoexit(t *testing.T) {
	for _, again := range []bool{false, true} {
		l := testLoop(t)
		o := &spiteful{misdeed: runtime.Goexit}
		future.Own(&o.Future, l, o.owner())
		waits := spawn(l.Context(), "waits", o.Wait)
		cancels := spawn(l.Context(), "cancels", func(context.Context) error { waits.Cancel(io.EOF); return nil })
		over := make(chan none)
		go func() {
			defer close(over)
			l.RunUntilIdle()
			t.Error("the driver has not ended")
		}()
		<-over
		if cancels.Err() != loop.ErrGoexit {
			t.Errorf("the task that cancels: %v", cancels.Err())
		}
		o.misdeed = func() {}
		if again {
			waits.Cancel(io.EOF)
		}
		future.Complete(&o.Future, o.owner(), 1, nil)
		run(t, l)
		if !waits.Canceled() {
			t.Errorf("the request was not delivered: %v", waits.Err())
		}
	}
}

// A request that is made while a panic unwinds a body is like any other: the panic is not
// taken for one of the owner.
func TestCancelWhileAPanicUnwinds(t *testing.T) {
	l := testLoop(t, loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind != loop.ErrorUntaken {
			t.Errorf("told: %v: %v", f.Kind, f.Err)
		}
	}))
	p := newProxy(l)
	x := spawn(l.Context(), "x", func(context.Context) error {
		defer p.Cancel(io.EOF)
		panic("oh")
	})
	run(t, l)
	var panicked *loop.PanicError
	if !errors.As(x.Err(), &panicked) || len(p.asked) != 1 {
		t.Errorf("the task ended with %v, the owner was asked with %v", x.Err(), p.asked)
	}
	p.complete(1, nil)
}
