package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// lifecycleRun runs a case, and records what happens.
type lifecycleRun struct {
	lifecycle
	t *testing.T
	l *loop.Loop

	waiter  *task.Task[struct{}]
	inner   *task.Task[int] // nil if the call that makes it never returned
	sibling *task.Task[int]
	strand  *loop.Task // inner, as Current returns it in the body

	started, ended int      // how often inner's body began, and how often it ended
	heard          []string // the causes of the cancellations that were delivered to inner's body
	asked          []bool   // the results of Cancel
	called         []string // the callbacks of inner that ran

	saw        string        // the result of the waiter's wait
	cause      string        // the cause, if that was a cancellation
	sawAt      time.Duration // when the wait ended
	cancelling int           // the requests to cancel the waiter
	open       bool          // the waiter's context has not ended
	renewed    bool          // the same, after every request was taken back
	next       string        // what the next suspension of the waiter delivered
	left       bool          // the waiter's deferred call ran
	told       []string      // what the error handler was told
}

func (c lifecycle) test(t *testing.T) {
	r := &lifecycleRun{lifecycle: c, t: t}
	opts := []loop.Option{
		loop.WithVirtualTime(),
		loop.WithErrorHandler(func(f loop.Failure) {
			who := "no task"
			if f.Task != nil {
				who = f.Task.Name()
			}
			r.told = append(r.told, fmt.Sprintf("%v: %s: %s", f.Kind, who, r.kindOf(f.Err)))
		}),
		loop.WithTaskFactory(r.factory()),
	}
	if c.debug {
		opts = append(opts, loop.WithSlowStep(time.Hour))
	}
	r.l = loop.New(opts...)
	deferred := false
	goexit := testkit.Goexits(func() {
		defer func() {
			deferred = true
			if !c.drivesOn {
				r.l.Close()
			}
		}()
		r.drive()
	})
	testkit.Equal(t, "the host's deferred call ran", deferred, true)
	testkit.Equal(t, "a Goexit ended the host's goroutine", goexit, c.truth().goexit)
	if c.drivesOn {
		again := testkit.Goexits(func() {
			defer r.l.Close()
			for tries := 0; tries < 3; tries++ { // the Stop of the first drive may still come, and end a Run
				r.run()
			}
		})
		testkit.Equal(t, "a Goexit ended the goroutine of the second drive", again, false)
	}
	r.check(c.truth())
}

func (r *lifecycleRun) factory() loop.TaskFactory {
	if r.cancel != cancelStartByHook {
		return either[loop.TaskFactory](r.eager, factory.Eager, factory.Lazy)
	}
	hook := func(t *loop.Task, _ future.Any) {
		if t.Name() == "inner" {
			r.asked = append(r.asked, t.Cancel(errCause))
		}
	}
	return either(r.eager, factory.NewEager, factory.NewLazy)(hook)
}

// drive does the work of the host.
func (r *lifecycleRun) drive() {
	if r.cancel == cancelStartByHost {
		r.spawn(r.l.Context())
		r.cancelInner()
	}
	r.waiter = task.Go(r.l.Context(), r.waits, task.Named("waiter"))
	if r.shutsDown {
		r.waiter.OnDone(r.l.Stop)
	}
	r.run()
	if r.shutsDown {
		if err := task.Shutdown(r.l); err != nil {
			r.t.Errorf("Shutdown: %v", err)
		}
	}
}

func (r *lifecycleRun) run() {
	if err := r.l.Run(); err != nil {
		r.t.Errorf("Run: %v", err)
	}
}

func (r *lifecycleRun) cancelInner() {
	isDone := r.inner.Done()
	r.asked = append(r.asked, r.inner.Cancel(errCause))
	// A request never ends a task inside the call (DESIGN.md: done means done).
	testkit.Equal(r.t, "inner is done after Cancel", r.inner.Done(), isDone)
}

func (r *lifecycleRun) cancelWaiter() { r.asked = append(r.asked, r.waiter.Cancel(errCause)) }

// spawn makes inner, unless the host has made it.
func (r *lifecycleRun) spawn(ctx context.Context) *task.Task[int] {
	if r.inner != nil {
		return r.inner
	}
	if r.stackless {
		return r.made(task.GoMachine(ctx, r.machine(), task.Named("inner")))
	}
	return r.made(task.Go(ctx, r.body, task.Named("inner")))
}

// made registers the callbacks of inner.
func (r *lifecycleRun) made(inner *task.Task[int]) *task.Task[int] {
	r.inner = inner
	// With create_task the first step comes later. With eager_task_factory it is over, unless the
	// loop was not running.
	steppedIn := r.eager && r.cancel != cancelStartByHost && r.cancel != cancelStartByHook
	testkit.Equal(r.t, "how often the body has run when inner is made", r.started, either(steppedIn, 1, 0))
	inner.OnDone(func() {
		r.called = append(r.called, "first")
		testkit.Equal(r.t, "inner is done when a callback runs", inner.Done(), true)
		testkit.Equal(r.t, "bodies that have not ended when a callback runs", r.started-r.ended, 0)
		switch r.cancel {
		case cancelDone:
			r.cancelInner()
		case cancelDoneWaiter:
			r.cancelWaiter()
		}
	})
	inner.OnDone(func() { r.called = append(r.called, "second") })
	if r.cancel == cancelStartByCaller {
		r.cancelInner()
	}
	return inner
}

// body is the body of a stackful inner.
func (r *lifecycleRun) body(ctx context.Context) (int, error) {
	r.begin(ctx)
	defer r.end()
	if !r.suspends {
		return r.finish(r.ends, nil)
	}
	err := task.Sleep(ctx, lifeBody)
	if err == nil {
		return r.finish(r.ends, nil)
	}
	r.hear(ctx, err)
	if r.tidies {
		_ = task.Sleep(ctx, lifeTidying)
	}
	return r.finish(r.answers, err)
}

// machine is the body of a stackless inner.
func (r *lifecycleRun) machine() task.Machine[int] {
	resumed := 0
	var heard error
	return task.MachineFunc[int](func(ctx context.Context, err error) (v int, s task.Suspension, _ error) {
		ends := true
		defer func() {
			if ends {
				r.end()
			}
		}()
		resumed++
		switch {
		case resumed == 1:
			r.begin(ctx)
			if r.suspends {
				ends = false
				return 0, task.For(lifeBody), nil
			}
			v, err = r.finish(r.ends, nil)
		case resumed == 2 && err == nil:
			v, err = r.finish(r.ends, nil)
		case resumed == 2:
			heard = err
			r.hear(ctx, err)
			if r.tidies {
				ends = false
				return 0, task.For(lifeTidying), nil
			}
			v, err = r.finish(r.answers, heard)
		default:
			v, err = r.finish(r.answers, heard)
		}
		return v, task.End(), err
	})
}

func (r *lifecycleRun) begin(ctx context.Context) {
	r.started++
	r.strand = task.Current(ctx)
	if r.cancel == cancelItself {
		r.asked = append(r.asked, r.strand.Cancel(errCause))
	}
}

// end runs when the body ends, in a deferred call.
func (r *lifecycleRun) end() {
	r.ended++
	// A task must not be done while deferred calls of its body run.
	testkit.Equal(r.t, "inner is done in its deferred call", r.strand.Done() || r.strand.Outcome().Done(), false)
}

func (r *lifecycleRun) hear(ctx context.Context, err error) {
	r.heard = append(r.heard, r.kindOf(causeOf(r.t, err)))
	// Contexts: the Done channel of a task's context closes when the task is asked to cancel.
	testkit.Equal(r.t, "inner's context has ended when a cancellation is delivered", ctx.Err() != nil, true)
}

func (r *lifecycleRun) finish(how lifecycleEnd, heard error) (int, error) {
	switch how {
	case endsError:
		return 0, errBoom
	case endsPanic:
		panic("lifecycle")
	case endsGoexit:
		runtime.Goexit()
	case endsCanceled:
		return 0, heard
	}
	return 42, nil
}

// waits is the body of the waiter.
func (r *lifecycleRun) waits(ctx context.Context) (struct{}, error) {
	defer func() { r.left = true }()
	r.saw = "nothing"
	switch r.cancel {
	case cancelStartByWaiter:
		r.l.CallSoon(r.cancelWaiter)
	case cancelSuspended:
		r.l.CallLater(lifeCancel, r.cancelInner)
	case cancelSuspendedWaiter, cancelBeforeLimit:
		r.l.CallLater(lifeCancel, r.cancelWaiter)
	case cancelAfterLimit: // armed a turn later, after the limit
		r.l.CallSoon(func() { r.l.CallLater(lifeCancel, r.cancelWaiter) })
	}
	saw, err := r.await(ctx)
	if err != nil {
		saw = r.kindOf(err)
	}
	if saw == "canceled" {
		r.cause = r.kindOf(causeOf(r.t, err))
	}
	r.saw = saw
	r.sawAt = r.l.Elapsed()
	self := task.Current(ctx)
	r.cancelling = self.CancelRequests()
	r.open = self.Context().Err() == nil
	if err := task.Yield(ctx); err != nil {
		r.next = "canceled by " + r.kindOf(causeOf(r.t, err))
	}
	for self.Uncancel() > 0 {
	}
	r.renewed = self.Context().Err() == nil
	return struct{}{}, nil
}

// await waits for inner, and returns the result in words, or an error.
func (r *lifecycleRun) await(ctx context.Context) (string, error) {
	v, err := 0, error(nil)
	d := r.limit.duration()
	switch r.wait {
	case waitAwaited:
		v, err = r.spawn(ctx).Await(ctx)
	case waitShielded:
		v, err = task.Shield(r.spawn(ctx)).Await(ctx)
	case waitWaitFor:
		v, err = task.WaitFor(ctx, r.spawn(ctx), d)
	case waitForShield:
		v, err = task.WaitFor(ctx, task.Shield(r.spawn(ctx)), d)
	case waitTimeout:
		inner := r.spawn(ctx)
		err = task.Timeout(ctx, d, func(ctx context.Context, _ *task.Deadline) (err error) {
			v, err = inner.Await(ctx)
			return err
		})
	case waitGathered:
		r.sibling = task.Go(ctx, gives(lifeSibling, 7), task.Named("sibling"))
		all, err := task.Gather(r.spawn(ctx), r.sibling).Await(ctx)
		return fmt.Sprint(all), err
	case waitCollected:
		r.sibling = task.Go(ctx, gives(lifeSibling, 7), task.Named("sibling"))
		all, err := task.Collect(r.spawn(ctx), r.sibling).Await(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("[%s %s]", r.sight(all[0].Value, all[0].Err), r.sight(all[1].Value, all[1].Err)), nil
	case waitGrouped, waitGroupedAwaited:
		return "nil", task.WithGroup(ctx, r.group)
	}
	return r.sight(v, err), err
}

// group is the body of a group.
func (r *lifecycleRun) group(ctx context.Context, g *task.Group) (err error) {
	r.sibling, err = task.GoIn(g, gives(lifeSibling, 7), task.Named("sibling"))
	if err != nil {
		r.t.Errorf("GoIn: %v", err)
	}
	inner := r.spawnIn(g)
	if r.wait == waitGroupedAwaited {
		_, err = inner.Await(ctx)
	}
	return err
}

// spawnIn makes inner in a group.
func (r *lifecycleRun) spawnIn(g *task.Group) *task.Task[int] {
	var made *task.Task[int]
	var err error
	if r.stackless {
		made, err = task.GoMachineIn(g, r.machine(), task.Named("inner"))
	} else {
		made, err = task.GoIn(g, r.body, task.Named("inner"))
	}
	if err != nil {
		r.t.Errorf("making inner in the group: %v", err)
	}
	return r.made(made)
}

// check compares what happened with what must be true.
func (r *lifecycleRun) check(m *lifecycleTruth) {
	t := r.t
	// Closing: Close unwinds every body, so no task is left.
	for left := range r.l.Tasks() {
		t.Errorf("the closed loop still has the task %v", left)
	}
	testkit.Equal(t, "the waiter is done", r.waiter.Done(), true)
	testkit.Equal(t, "the waiter's deferred call ran", r.left, true)

	testkit.Equal(t, "how often the body ran", r.started, either(m.ran, 1, 0))
	testkit.Equal(t, "how often the body's deferred call ran", r.ended, r.started)
	testkit.Equal(t, "the causes that were delivered to the body", strings.Join(r.heard, ", "), strings.Join(m.heard, ", "))
	switch {
	case r.inner == nil && r.strand == nil:
		t.Fatal("inner was never made")
	case r.inner == nil:
		testkit.Equal(t, "the call that makes inner was unwound", m.nested, true)
		testkit.Equal(t, "inner's error", r.kindOf(r.strand.Outcome().Err()), m.outcome.String())
	default:
		testkit.Equal(t, "inner is done", r.inner.Done(), true)
		testkit.Equal(t, "inner's outcome", r.outcomeOf(r.inner), either(m.outcome == endsValue, "42", m.outcome.String()))
		testkit.Equal(t, "inner is canceled", r.inner.Canceled(), m.outcome == endsCanceled)
		testkit.Equal(t, "the requests to cancel inner", r.inner.CancelRequests(), m.requests)
		// OnDone: each callback once, in order of registration.
		if called := strings.Join(r.called, ", "); called != "" || !m.dropped {
			testkit.Equal(t, "the callbacks", called, "first, second")
		}
	}
	if m.mayReach && r.reached() {
		return // no rule says which task a Goexit unwinds, and which code then takes which error
	}
	for _, asked := range r.asked {
		// Task.cancel: it returns False only for a task that is done.
		testkit.Equal(t, "the result of Cancel", asked, r.cancel != cancelDone)
	}
	testkit.Equal(t, "the result that the waiter got", r.saw, m.saw)
	if !m.dropped && !m.nested {
		testkit.Equal(t, "the time when the waiter got it", r.sawAt, m.sawAt)
		if r.saw == "canceled" && r.limit != limitReached {
			// Errors and panics: a CanceledError has its cause.
			testkit.Equal(t, "the cause of the cancellation that the waiter saw", r.cause, "cause")
		}
		testkit.Equal(t, "the requests to cancel the waiter", r.cancelling, m.cancelling)
		// Task.Cancel ends the task's context. Uncancel gives it a new one when all requests are
		// taken back.
		testkit.Equal(t, "the waiter's context is open", r.open, m.cancelling == 0)
		testkit.Equal(t, "the waiter's context is open after Uncancel", r.renewed, true)
		testkit.Equal(t, "the error of the waiter's next suspension", r.next, m.next)
	}
	if r.sibling != nil {
		testkit.Equal(t, "the sibling's outcome", r.outcomeOf(r.sibling), m.sibling)
	}
	testkit.Equal(t, "the failures that the error handler got", strings.Join(r.told, "; "), strings.Join(m.told, "; "))
}

// reached reports whether inner ran on the stack of another task, and its Goexit has unwound that
// task. The error of that task must then be ErrGoexit.
func (r *lifecycleRun) reached() bool {
	switch {
	case r.saw == "nothing":
		testkit.Equal(r.t, "the waiter's error", r.kindOf(future.Peek(r.waiter)), "goexit")
	default:
		return r.sibling != nil && r.outcomeOf(r.sibling) == "goexit"
	}
	return true
}

// outcomeOf returns the outcome of t in words, and does not take the error.
func (r *lifecycleRun) outcomeOf(t *task.Task[int]) string {
	if err := future.Peek(t); err != nil {
		return r.kindOf(err)
	}
	return r.sight(t.Result())
}

// sight returns the results of an await in words. They must be a value or an error, and not both.
func (r *lifecycleRun) sight(v int, err error) string {
	if err == nil {
		return fmt.Sprint(v)
	}
	testkit.Equal(r.t, "the value that is returned with an error", v, 0)
	return r.kindOf(err)
}

// kindOf returns the kind of err in words, and checks the promises about errors of this kind.
func (r *lifecycleRun) kindOf(err error) string {
	var (
		panicked *task.PanicError
		expired  *task.TimeoutError
		canceled *loop.CanceledError
		group    *task.GroupError
	)
	switch {
	case err == nil:
		return "nil"
	case errors.As(err, &group):
		var kinds []string
		for _, one := range group.Errors {
			kinds = append(kinds, r.kindOf(errors.Unwrap(one)))
			testkit.Equal(r.t, "the group's error matches the error of its task", errors.Is(err, one), true)
		}
		return fmt.Sprintf("group%v", kinds)
	case errors.As(err, &expired):
		// Errors and panics: a TimeoutError matches context.DeadlineExceeded.
		testkit.Equal(r.t, "a TimeoutError is DeadlineExceeded", errors.Is(err, context.DeadlineExceeded), true)
		testkit.Equal(r.t, "a TimeoutError is ErrCanceled", errors.Is(err, future.ErrCanceled), false)
		testkit.Equal(r.t, "the limit of a TimeoutError", expired.When.Sub(r.l.Clock().Start()), r.limit.duration())
		return "timeout"
	case errors.As(err, &canceled):
		// Errors and panics: a cancellation matches ErrCanceled and context.Canceled.
		testkit.Equal(r.t, "a cancellation is ErrCanceled", errors.Is(err, future.ErrCanceled), true)
		testkit.Equal(r.t, "a cancellation is context.Canceled", errors.Is(err, context.Canceled), true)
		return "canceled"
	case errors.As(err, &panicked):
		testkit.Equal(r.t, "the value of the panic", panicked.Value, any("lifecycle"))
		testkit.Equal(r.t, "the name of the task in the panic", panicked.Task, "inner")
		testkit.Equal(r.t, "the stack of the panic is that of inner", strings.Contains(string(panicked.Stack), "lifecycleRun"), true)
		return "panic"
	case err == loop.ErrGoexit:
		return "goexit"
	case err == errBoom:
		return "error"
	case err == errCause:
		return "cause"
	}
	return fmt.Sprintf("unknown: %v", err)
}
