package future_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"runtime"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// proxy is an awaitable of our own.
type proxy struct {
	future.Promise[int]
	asked []error
	takes bool // what Cancel answers
	taken int
}

func newProxy(l *loop.Loop) *proxy {
	p := &proxy{takes: true}
	p.Init(l, (*proxyOwner)(p))
	return p
}

// proxyOwner is a proxy as the owner of its future.
type proxyOwner proxy

func (o *proxyOwner) Cancel(cause error) bool {
	o.asked = append(o.asked, cause)
	return o.takes
}
func (o *proxyOwner) Describe() (string, []loop.Awaitable) { return "a proxy", nil }
func (o *proxyOwner) Take()                                { o.taken++ }

func TestFutureOfAPromiseIsNotForOthersToSet(t *testing.T) {
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
	if what, _ := p.Explain(); p.Done() || x.Done() || p.Loop() != l || what != "a proxy" {
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
	p.Complete(1, nil)
	if p.Cancel(nil) {
		t.Error("the future is done")
	}
	if len(p.asked) != 2 || p.asked[0] != io.EOF || p.asked[1] != nil {
		t.Errorf("the owner was asked with %v", p.asked)
	}
}

func TestComplete(t *testing.T) {
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
		p.Complete(7, c.err)
		run(t, l)
		if v, err := p.Result(); v != c.value || err != c.err || p.Canceled() != c.canceled || told != 1 {
			t.Errorf("Complete(7, %v): %d, %v, canceled %t, told %d times", c.err, v, err, p.Canceled(), told)
		}
	}
}

func TestPromiseIsCompletedOnce(t *testing.T) {
	l := testLoop(t)
	for what, again := range map[string]func(*proxy){
		"Complete": func(p *proxy) { p.Complete(2, nil) },
		"Fail":     func(p *proxy) { p.Fail(io.EOF) },
	} {
		want := "future: " + what + " of a promise that is done"
		p := newProxy(l)
		p.Complete(1, nil)
		mustPanic(t, want, func() { again(p) })
		if v, err := p.Result(); v != 1 || err != nil {
			t.Errorf("%s: %d, %v", what, v, err)
		}
		p = newProxy(l)
		p.Complete(0, io.ErrUnexpectedEOF)
		mustPanic(t, want, func() { again(p) })
		if v, err := p.Result(); v != 0 || err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %d, %v", what, v, err)
		}
	}
}

// What is no promise cannot be completed as if it were.
func TestPromiseThatInitHasNotMade(t *testing.T) {
	l := testLoop(t)
	var zero, free future.Promise[int]
	free.Future = *future.New[int](l.Context())
	woken := 0
	free.OnDone(func() { woken++ })
	for _, p := range []*future.Promise[int]{&zero, &free} {
		mustPanic(t, "future: Complete of a promise that Init has not made", func() { p.Complete(1, nil) })
		mustPanic(t, "future: Fail of a promise that Init has not made", func() { p.Fail(io.EOF) })
		if p.Done() {
			t.Error("it is done")
		}
	}
	run(t, l)
	if woken > 0 {
		t.Error("the callback was called")
	}
}

// What fails with the cancellation of something else has failed, and its error is
// a cancellation.
func TestFail(t *testing.T) {
	l := testLoop(t)
	failed, canceled := newProxy(l), newProxy(l)
	failed.Fail(&loop.CanceledError{})
	canceled.Complete(0, &loop.CanceledError{})
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
		if future.Peek(p) != nil || p.Unretrieved() != nil {
			t.Error("a pending future has no error")
		}
		p.Complete(0, io.EOF)
		if future.Peek(p) != io.EOF || p.Unretrieved() != io.EOF || p.taken != 0 {
			t.Errorf("%s: looking takes nothing: %v, taken %d times", name, p.Unretrieved(), p.taken)
		}
		take(p)
		take(p)
		if p.Unretrieved() != nil || p.taken != 1 {
			t.Errorf("%s: unretrieved %v, and the owner was told %d times", name, p.Unretrieved(), p.taken)
		}
	}
	l := testLoop(t)
	p := newProxy(l)
	p.Complete(0, &loop.CanceledError{})
	if p.Unretrieved() != nil {
		t.Error("a cancellation need not be taken")
	}
}

// The promise of a task is in none of its exported fields, and a task has no methods of one,
// but all those of a future.
func TestPromiseOfATaskIsOutOfReach(t *testing.T) {
	of, ofFuture := reflect.TypeFor[*task.Task[int]](), reflect.TypeFor[*future.Future[int]]()
	for i := range ofFuture.NumMethod() {
		name := ofFuture.Method(i).Name
		if _, has := of.MethodByName(name); !has {
			t.Errorf("a task has no method %s", name)
		}
	}
	promise := reflect.TypeFor[*future.Promise[int]]()
	for i := range promise.NumMethod() {
		name := promise.Method(i).Name
		_, isFutures := ofFuture.MethodByName(name)
		if _, has := of.MethodByName(name); has && !isFutures {
			t.Errorf("a task has the method %s of a promise", name)
		}
	}
	for _, f := range reflect.VisibleFields(of.Elem()) {
		if f.IsExported() && f.Type.ConvertibleTo(promise.Elem()) {
			t.Errorf("anybody can complete a task by its field %s", f.Name)
		}
	}
}

// spiteful is an owner whose methods do what they like.
type spiteful struct {
	future.Promise[int]
	misdeed func()
}

type spitefulOwner spiteful

func (o *spitefulOwner) Cancel(error) bool                    { o.misdeed(); return true }
func (o *spitefulOwner) Describe() (string, []loop.Awaitable) { o.misdeed(); return "", nil }
func (o *spitefulOwner) Take()                                { o.misdeed() }

// A panic of an owner goes to the error handler, and neither to the code that cancels nor
// to the loop.
func TestOwnerThatPanics(t *testing.T) {
	var told []loop.Failure
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f) }))
	defer l.Close()
	o := &spiteful{misdeed: func() { panic(io.EOF) }}
	o.Init(l, (*spitefulOwner)(o))
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
	if what, on := o.Explain(); on != nil || what != "a future of a *future_test.spitefulOwner whose Describe panicked" {
		t.Errorf("it is %q", what)
	}
	o.Fail(io.ErrUnexpectedEOF)
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
		o.Init(l, (*spitefulOwner)(o))
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
		o.Complete(1, nil)
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
		if f.Kind != loop.ErrorUnretrieved {
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
	p.Complete(1, nil)
}
