package arguments

import (
	"context"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/timer"
)

type owner struct{}

func (owner) Cancel(error) bool                    { return false }
func (owner) Describe() (string, []loop.Awaitable) { return "", nil }

// promised makes a promise without a loop.
func promised() *future.Promise[int] {
	p := new(future.Promise[int])
	p.Init(nil, owner{})
	return p
}

// kept makes a promise that was completed.
func kept() *future.Promise[int] {
	p := promised()
	p.Complete(1, nil)
	return p
}

// leftPromise returns a promise of a closed loop. A callback waits for it.
func leftPromise() *future.Promise[int] {
	l := loop.New()
	defer l.Close()
	p := new(future.Promise[int])
	p.Init(l, owner{})
	p.OnDone(nothing)
	return p
}

// left returns a future of a closed loop. A callback waits for it.
func left() *future.Future[int] {
	l := loop.New()
	defer l.Close()
	f := future.New[int](l.Context())
	f.OnDone(nothing)
	return f
}

const (
	nilFuture  = " of a nil Future; make one by New"
	nilPromise = " of a nil Promise; make one by Init"
	notInit    = " of a promise that Init has not made"
	isKept     = " of a promise that is done; a promise is completed once"
	zeroFuture = "belongs to no loop"
)

var (
	noFuture  *future.Future[int]
	noPromise *future.Promise[int]
)

var futureRules = map[string]rule{
	"New":       bad(on("a nil context", nilContext, func() { future.New[int](noContext) }), on("a context of no loop", zeroFuture, func() { future.New[int](context.Background()) })),
	"NewShared": bad(on("a nil context", nilContext, func() { future.NewShared[int](noContext) }), on("a context of no loop", zeroFuture, func() { future.NewShared[int](context.Background()) })),
	"Untyped":   bad(on("nil", "future: Untyped(nil); give it a future or task", func() { future.Untyped(nil) })),
	"Failed":    bad(on("nil", "future: Failed(nil); give it a future or task", func() { future.Failed(nil) })),
	"Peek":      bad(on("nil", "future: Peek(nil); give it a future or task", func() { _ = future.Peek(nil) })),

	"Promise.Init": bad(
		on("a nil promise", "future: Init of a nil Promise, or with a nil owner", func() { noPromise.Init(nil, owner{}) }),
		on("no owner", "future: Init of a nil Promise, or with a nil owner", func() { new(future.Promise[int]).Init(nil, nil) }),
		harmless("a closed loop", func() { new(future.Promise[int]).Init(left().Loop(), owner{}) })),
	"Promise.InitOutcome": bad(
		on("a nil promise", "future: InitOutcome of a nil Promise, or with a nil task", func() { noPromise.InitOutcome(new(loop.Task)) }),
		on("no task", "future: InitOutcome of a nil Promise, or with a nil task", func() { new(future.Promise[int]).InitOutcome(nil) })),
	"Promise.Complete": bad(
		on("a nil promise", "future: Complete"+nilPromise, func() { noPromise.Complete(1, nil) }),
		on("a zero promise", "future: Complete"+notInit, func() { new(future.Promise[int]).Complete(1, nil) }),
		on("one that is done", "future: Complete"+isKept, func() { kept().Complete(1, nil) }),
		on("a closed loop", "on a loop that is closed", func() { leftPromise().Complete(1, nil) })),
	"Promise.Fail": bad(
		on("a nil promise", "future: Fail"+nilPromise, func() { noPromise.Fail(errGiven) }),
		on("a zero promise", "future: Fail"+notInit, func() { new(future.Promise[int]).Fail(errGiven) }),
		on("one that is done", "future: Fail"+isKept, func() { kept().Fail(errGiven) }),
		on("a nil error", "future: Fail with a nil error; use Complete for success", func() { promised().Fail(nil) }),
		on("a closed loop", "on a loop that is closed", func() { leftPromise().Fail(errGiven) })),

	"Future.Await": bad(
		on("a nil future", "future: Await"+nilFuture, func() { in(func(ctx context.Context) { _, _ = noFuture.Await(ctx) }) }),
		on("a zero future", "future: a zero Future belongs to no loop; make it by New", func() { in(func(ctx context.Context) { _, _ = new(future.Future[int]).Await(ctx) }) }),
		on("another loop's", "awaits an awaitable that belongs to another loop", func() { in(func(ctx context.Context) { _, _ = ofAnother().Await(ctx) }) }),
		on("a nil context", nilContext, func() { in(func(ctx context.Context) { _, _ = future.New[int](ctx).Await(noContext) }) }),
		on("a closed loop", "loop: this needs a task", func() { f := left(); _, _ = f.Await(f.Loop().Context()) })),
	"Future.Result": bad(
		on("a nil future", "future: Result"+nilFuture, func() { _, _ = noFuture.Result() }),
		fails("a zero future", "the result is not there yet", func() error { _, err := new(future.Future[int]).Result(); return err })),
	"Future.AnyResult": bad(on("a nil future", "future: Result"+nilFuture, func() { _, _ = noFuture.AnyResult() })),
	"Future.SetResult": bad(
		on("a nil future", "future: SetResult"+nilFuture, func() { _ = noFuture.SetResult(1) }),
		on("a closed loop", "on a loop that is closed", func() { _ = left().SetResult(1) })),

	"Future.Self": bad(on("a nil future", "future: Self"+nilFuture, func() { noFuture.Self() })),
	"Future.Wait": bad(
		on("a nil future", "future: Wait"+nilFuture, func() { in(func(ctx context.Context) { _ = noFuture.Wait(ctx) }) }),
		on("a zero future", "future: a zero Future belongs to no loop; make it by New", func() { in(func(ctx context.Context) { _ = new(future.Future[int]).Wait(ctx) }) }),
		on("a nil context", nilContext, func() { in(func(ctx context.Context) { _ = future.New[int](ctx).Wait(noContext) }) })),
	"core.SetError": bad(
		on("nil", "future: SetError(nil); use SetResult for success", func() { _ = new(future.Future[int]).SetError(nil) }),
		on("a closed loop", "on a loop that is closed", func() { _ = left().SetError(errGiven) })),
	"core.OnDone": bad(
		on("nil", "future: OnDone(nil); give it a function to call", func() { ofAnother().OnDone(nil) }),
		on("a zero future", zeroFuture, func() { new(future.Future[int]).OnDone(nothing) })),
	"core.Shared":    bad(harmless("a zero future", func() { new(future.Future[int]).Shared() })),
	"core.AddWaiter": bad(on("a zero future", zeroFuture, func() { new(future.Future[int]).AddWaiter(lowlevel.Func(nothing)) })),
	"core.RemoveWaiter": bad(
		harmless("nil", func() { ofAnother().RemoveWaiter(nil) }),
		harmless("a closed loop", func() { left().RemoveWaiter(new(waiter)) })),
	"core.Cancel": bad(
		harmless("a zero future", func() { new(future.Future[int]).Cancel(nil) }),
		harmless("a closed loop", func() {
			if f := left(); f.Cancel(nil) || f.Done() {
				panic("the future was canceled")
			}
		})),
	"core.Canceled":    fine(receiverOnly),
	"core.Done":        fine(receiverOnly),
	"core.Err":         fine(receiverOnly),
	"core.Explain":     fine(receiverOnly),
	"core.Loop":        fine(receiverOnly),
	"core.TaskOf":      fine(receiverOnly),
	"core.Unretrieved": fine(receiverOnly),

	"Callback.Remove": bad(
		harmless("a zero callback", func() { future.Callback{}.Remove() }),
		harmless("a closed loop", func() {
			l := loop.New()
			c := future.New[int](l.Context()).OnDone(nothing)
			l.Close()
			c.Remove()
		})),
}

type waiter struct{}

func (*waiter) Run() {}

var factoryRules = map[string]rule{
	"Lazy":     bad(on("nil", "loop: Enqueue"+notSpawned, func() { factory.Lazy(nil) }), on("a zero task", "loop: Enqueue"+notSpawned, func() { factory.Lazy(new(loop.Task)) })),
	"Eager":    bad(on("nil", "loop: StepNow"+notSpawned, func() { factory.Eager(nil) }), on("a zero task", "loop: StepNow"+notSpawned, func() { factory.Eager(new(loop.Task)) })),
	"NewLazy":  bad(on("nil", "factory: a nil hook; use Lazy or Eager", func() { factory.NewLazy(nil) }), on("a nil task", "factory: the factory was called with a nil task", func() { factory.NewLazy(hook)(nil) })),
	"NewEager": bad(on("nil", "factory: a nil hook; use Lazy or Eager", func() { factory.NewEager(nil) }), on("a nil task", "factory: the factory was called with a nil task", func() { factory.NewEager(hook)(nil) })),
}

func hook(*loop.Task, future.Any) {}

var timerRules = map[string]rule{
	"New":             fine(receiverOnly),
	"NewSystem":       fine(receiverOnly),
	"NewVirtual":      fine(receiverOnly),
	"NewVirtualAt":    bad(on("the zero Time", "timer: NewVirtualAt of the zero time.Time; give it an instant", func() { timer.NewVirtualAt(time.Time{}) })),
	"Key.Compare":     fine(anyValue),
	"Queue.All":       fine(receiverOnly),
	"Queue.Arm":       fine("an instant of the past is due at once, and a zero Queue is ready to use"),
	"Queue.Cancel":    bad(harmless("a zero key", func() { new(timer.Queue[int]).Cancel(timer.Key{}) })),
	"Queue.Earliest":  fine(receiverOnly),
	"Queue.Len":       fine(receiverOnly),
	"Queue.PopDue":    fine(anyValue),
	"Queue.Reset":     fine(receiverOnly),
	"System.Jumps":    fine(receiverOnly),
	"System.Now":      fine(receiverOnly),
	"System.Start":    fine(receiverOnly),
	"System.Wait":     bad(on("Never and nil", "timer: Wait(Never, nil) cannot return", func() { timer.NewSystem().Wait(timer.Never, nil) })),
	"Virtual.Advance": bad(on("a negative duration", "timer: Advance(-1s): time does not go back; give", func() { timer.NewVirtual().Advance(-time.Second) })),
	"Virtual.Jumps":   fine(receiverOnly),
	"Virtual.Now":     fine(receiverOnly),
	"Virtual.Claim":   fine(receiverOnly),
	"Virtual.Release": fine(receiverOnly),
	"Virtual.Start":   fine(receiverOnly),
	"Virtual.Wait":    bad(on("Never and nil", "timer: Wait(Never, nil) cannot return", func() { timer.NewVirtual().Wait(timer.Never, nil) })),
}
