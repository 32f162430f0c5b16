package future_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// proxy is an awaitable that is built on a Promise.
type proxy struct {
	future.Promise[int]
	asked []error
	takes bool // the result of Cancel
	taken int
}

func newProxy(l *loop.Loop) *proxy {
	p := &proxy{takes: true}
	p.Init(l, (*proxyOwner)(p))
	return p
}

// proxyOwner is a proxy in its role as the owner of its future.
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
			t.Errorf("set by other code: %v", err)
		}
	}
	x := spawn(l.Context(), "x", task.Yield)
	if err := x.SetResult(none{}); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("SetResult of a task returns %v", err)
	}
	if err := x.SetError(io.EOF); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("SetError of a task returns %v", err)
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
		t.Error("the owner took the request, but Cancel reports false or the future is done")
	}
	p.takes = false
	if p.Cancel(nil) {
		t.Error("Cancel reports true, but the owner did not take the request")
	}
	p.Complete(1, nil)
	if p.Cancel(nil) {
		t.Error("Cancel reports true, but the future was done")
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
			t.Errorf("Complete(7, %v): %d, %v, canceled %t, the callback was called %d times", c.err, v, err, p.Canceled(), told)
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

// A promise without Init, or with a plain future inside, cannot be completed.
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
			t.Error("the future is done")
		}
	}
	run(t, l)
	if woken > 0 {
		t.Error("the callback was called")
	}
}

// A future that fails with the cancellation of something else has failed, and its error is a
// cancellation.
func TestFail(t *testing.T) {
	l := testLoop(t)
	failed, canceled := newProxy(l), newProxy(l)
	failed.Fail(&loop.CanceledError{})
	canceled.Complete(0, &loop.CanceledError{})
	if !future.Failed(failed) || future.Failed(canceled) {
		t.Error("Failed must report true after Fail, and false after Complete with a cancellation")
	}
	if !failed.Canceled() || !canceled.Canceled() {
		t.Error("Canceled must report true for both")
	}
}

func TestErrorsAreTaken(t *testing.T) {
	for name, take := range map[string]func(p *proxy){
		"Err":       func(p *proxy) { _ = p.Err() },
		"Result":    func(p *proxy) { _, _ = p.Result() },
		"AnyResult": func(p *proxy) { _, _ = p.AnyResult() },
		"Wait":      func(p *proxy) { _ = p.Wait(context.Background()) }, // the future is done, so any context works
	} {
		l := testLoop(t)
		p := newProxy(l)
		if future.Peek(p) != nil || p.Unretrieved() != nil {
			t.Error("a pending future has no error")
		}
		p.Complete(0, io.EOF)
		if future.Peek(p) != io.EOF || p.Unretrieved() != io.EOF || p.taken != 0 {
			t.Errorf("%s: Peek and Unretrieved must not take the error: %v, taken %d times", name, p.Unretrieved(), p.taken)
		}
		take(p)
		take(p)
		if p.Unretrieved() != nil || p.taken != 1 {
			t.Errorf("%s: unretrieved is %v, and Take of the owner was called %d times, want 1", name, p.Unretrieved(), p.taken)
		}
	}
	l := testLoop(t)
	p := newProxy(l)
	p.Complete(0, &loop.CanceledError{})
	if p.Unretrieved() != nil {
		t.Error("a cancellation counts as unretrieved")
	}
}

// Programs cannot reach the promise of a task: no exported field of a task has it, and a task
// has all methods of a future but no method of a promise.
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
			t.Errorf("any code can complete a task by its field %s", f.Name)
		}
	}
}

// spiteful is an awaitable whose owner calls misdeed in each of its methods.
type spiteful struct {
	future.Promise[int]
	misdeed func()
}

type spitefulOwner spiteful

func (o *spitefulOwner) Cancel(error) bool                    { o.misdeed(); return true }
func (o *spitefulOwner) Describe() (string, []loop.Awaitable) { o.misdeed(); return "", nil }
func (o *spitefulOwner) Take()                                { o.misdeed() }

// A panic of an owner goes to the error handler. It does not reach the code that cancels, or
// the loop.
func TestOwnerThatPanics(t *testing.T) {
	var told []loop.Failure
	l := loop.New(loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) { told = append(told, f) }))
	defer l.Close()
	o := &spiteful{misdeed: func() { panic(io.EOF) }}
	o.Init(l, (*spitefulOwner)(o))
	waits := spawn(l.Context(), "waits", o.Wait)
	var cancels *task.Task[none]
	wantTold := func(n int) {
		t.Helper()
		if len(told) != n || n > 0 && (told[n-1].Kind != loop.CallbackFailed || !errors.Is(told[n-1].Err, io.EOF)) {
			t.Errorf("the error handler got %v", told)
		}
	}
	l.RunUntilIdle()
	for range 2 { // the same for a second request
		cancels = spawn(l.Context(), "cancels", func(context.Context) error {
			if !waits.Cancel(nil) {
				t.Error("the task took no request")
			}
			return nil
		})
		l.RunUntilIdle()
		if err := cancels.Err(); err != nil || waits.Done() {
			t.Errorf("the canceling task ended with %v; the canceled task is done: %t", err, waits.Done())
		}
	}
	wantTold(2)
	if what, on := o.Explain(); on != nil || what != "a future of a *future_test.spitefulOwner whose Describe panicked" {
		t.Errorf("the description is %q", what)
	}
	o.Fail(io.ErrUnexpectedEOF)
	run(t, l)
	if !waits.Canceled() {
		t.Errorf("the request was not delivered: %v", waits.Err())
	}
	wantTold(2)
	for range 2 { // only the first Err takes the error
		if o.Err() != io.ErrUnexpectedEOF {
			t.Error("Err does not return the error of the future")
		}
	}
	wantTold(3)
}

// A Goexit of an owner ends the task that cancels. The waiting task still gets the request,
// and gets the next request, too.
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
			t.Errorf("the task that cancels ended with %v", cancels.Err())
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

// A body cancels a future while a panic unwinds the body. The loop must not take that panic
// for a panic of the owner.
func TestCancelWhileAPanicUnwinds(t *testing.T) {
	l := testLoop(t, loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind != loop.ErrorUnretrieved {
			t.Errorf("the error handler got %v: %v", f.Kind, f.Err)
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

// described is an awaitable with the given description.
type described struct {
	future.Promise[int]
	what string
	on   []loop.Awaitable
}

func (d *described) Cancel(error) bool                    { return false }
func (d *described) Describe() (string, []loop.Awaitable) { return d.what, d.on }

// If an owner describes its future badly, reports say so, and still name the task that awaits it.
func TestOwnerThatDescribesBadly(t *testing.T) {
	const returnedNil = "a future of a *future_test.described whose Describe returned nil"
	for _, c := range []struct {
		what string
		on   []loop.Awaitable
		want string
	}{
		{"two", []loop.Awaitable{nil}, returnedNil},
		{"two", []loop.Awaitable{(*future.Future[int])(nil)}, returnedNil},
		{"two", []loop.Awaitable{(*task.Task[int])(nil)}, returnedNil},
		{"", nil, "a future"},
	} {
		l := loop.New(loop.WithVirtualTime())
		defer l.Close()
		d := &described{what: c.what, on: c.on}
		d.Init(l, d)
		waits := spawn(l.Context(), "waits", d.Wait)
		l.RunUntilIdle()
		var graph strings.Builder
		_ = l.WriteGraph(&graph, false)
		if want := "waits awaits " + c.want + "\n"; graph.String() != want {
			t.Errorf("the graph is %q, want %q", &graph, want)
		}
		if by := waits.Task().AwaitedBy(); by != nil {
			t.Errorf("%v await the task", by)
		}
		if err := l.Run(); err == nil || !strings.HasSuffix(err.Error(), "\n\twaits awaits "+c.want) {
			t.Errorf("the loop ended with %v, want a deadlock of the task that awaits %s", err, c.want)
		}
	}
}
