package arguments

import (
	"context"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

var lowlevelRules = map[string]rule{
	"Current": bad(
		on("a nil context", nilContext, func() { lowlevel.Current(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.Current(context.Background()) }),
		on("a closed loop", "loop: this needs a task", func() { lowlevel.Current(closed().Context()) }),
		on("another loop", "loop: this needs a task", func() { in(func(context.Context) { lowlevel.Current(loop.New().Context()) }) })),
	"Enter":   bad(on("a nil context", nilContext, func() { lowlevel.Enter(noContext) })),
	"PutBack": bad(on("a nil context", nilContext, func() { lowlevel.PutBack(noContext, future.ErrCanceled) })),
	"Await": bad(
		on("a nil context", nilContext, func() { _ = lowlevel.Await(noContext, ofAnother()) }),
		on("nil", "loop: a task awaits nil; give it a future or task", func() { in(func(ctx context.Context) { _ = lowlevel.Await(ctx, nil) }) }),
		on("another loop's future", "awaits an awaitable that belongs to another loop", func() {
			in(func(ctx context.Context) { _ = lowlevel.Await(ctx, ofAnother()) })
		})),
	"Suspend": bad(
		on("a nil context", nilContext, func() { _ = lowlevel.Suspend(noContext, task.Turn()) }),
		harmless("the zero Suspension", func() { in(func(ctx context.Context) { _ = lowlevel.Suspend(ctx, loop.Suspension{}) }) })),
	"Sleep":        bad(on("a nil context", nilContext, func() { _ = lowlevel.Sleep(noContext, 1) })),
	"Yield":        bad(on("a nil context", nilContext, func() { _ = lowlevel.Yield(noContext) })),
	"LoopOf":       bad(on("a nil context", nilContext, func() { lowlevel.LoopOf(noContext) }), on("a context of no loop", "belongs to no loop", func() { lowlevel.LoopOf(context.Background()) })),
	"Failed":       fine(forTask),
	"Spawn":        fine(forTask),
	"Recovered":    fine(anyValue),
	"WithPolicy":   bad(on("nil", "loop: WithPolicy(nil); leave", func() { lowlevel.WithPolicy(nil, false) })),
	"WithFollower": bad(on("nil", "loop: WithFollower(nil); leave", func() { lowlevel.WithFollower(nil) })),
	"WithSpare": bad(
		on("nil", "loop: WithSpare(nil); leave", func() { lowlevel.WithSpare(nil) }),
		on("a Spare that another loop uses", "loop: New with a Spare that another loop uses; close", func() {
			var s lowlevel.Spare
			l := loop.New(lowlevel.WithSpare(&s))
			defer l.Close()
			loop.New(lowlevel.WithSpare(&s))
		})),
	"Spare.End": bad(
		harmless("the zero Spare", func() { new(lowlevel.Spare).End() }),
		on("the Spare of an open loop", "loop: End of a Spare that a loop uses; close", func() {
			var s lowlevel.Spare
			l := loop.New(lowlevel.WithSpare(&s))
			defer l.Close()
			s.End()
		})),
	"AddPort": with(onZeroAndClosed("AddPort", func(l *loop.Loop) { lowlevel.AddPort(l, port{}) }),
		on("nil", "loop: AddPort of a nil port", func() { open(func(l *loop.Loop) { lowlevel.AddPort(l, nil) }) }),
		on("no channel", "loop: AddPort of a nil port, or of a port with a Case that has no channel", func() { open(func(l *loop.Loop) { lowlevel.AddPort(l, port{}) }) })),
	"PortHandle.Remove": bad(harmless("the zero handle", func() { lowlevel.PortHandle{}.Remove() })),
	"AtIdle": with(onZeroAndClosed("AtIdle", func(l *loop.Loop) { lowlevel.AtIdle(l, lowlevel.Func(nothing)) }),
		on("nil", "loop: AtIdle(nil); give it a Runnable", func() { open(func(l *loop.Loop) { lowlevel.AtIdle(l, nil) }) })),
	"Schedule": with(onZeroAndClosed("completing a future, or Schedule,", func(l *loop.Loop) { lowlevel.Schedule(l, lowlevel.Func(nothing)) }),
		on("nil", "loop: Schedule(nil); give it a Runnable", func() { open(func(l *loop.Loop) { lowlevel.Schedule(l, nil) }) })),
	"ScheduleAll": with(onZeroAndClosed("completing a future, or Schedule,", func(l *loop.Loop) { lowlevel.ScheduleAll(l, []loop.Runnable{lowlevel.Func(nothing)}) }),
		on("a nil in the list", "loop: ScheduleAll of a nil at index 1; give it", func() {
			open(func(l *loop.Loop) { lowlevel.ScheduleAll(l, []loop.Runnable{lowlevel.Func(nothing), nil}) })
		})),
	"Sweep": with(onZero("Sweep", func(l *loop.Loop) { lowlevel.Sweep(l, nothing) }),
		on("nil", "loop: Sweep(nil); give it a function", func() { open(func(l *loop.Loop) { lowlevel.Sweep(l, nil) }) })),
	"Sweeps": fine(receiverOnly),
	"NewRealm": bad(
		on("a closed loop", "loop: NewRealm"+isClosed, func() { lowlevel.NewRealm(closed().Context()) }),
		on("a nil context", nilContext, func() { lowlevel.NewRealm(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.NewRealm(context.Background()) })),
	"Now": bad(
		on("a nil context", nilContext, func() { lowlevel.Now(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.Now(context.Background()) }),
		harmless("a closed loop", func() { lowlevel.Now(closed().Context()) })),
	"RealmContext": bad(
		on("a nil context", nilContext, func() { lowlevel.RealmContext(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.RealmContext(context.Background()) }),
		harmless("a closed loop", func() { lowlevel.RealmContext(closed().Context()) })),
	"Elapsed": bad(
		on("a nil context", nilContext, func() { lowlevel.Elapsed(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.Elapsed(context.Background()) }),
		harmless("a closed loop", func() { lowlevel.Elapsed(closed().Context()) })),
	"ElapsedAt": bad(
		on("a nil context", nilContext, func() { lowlevel.ElapsedAt(noContext, time.Time{}) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.ElapsedAt(context.Background(), time.Time{}) }),
		harmless("a closed loop", func() { lowlevel.ElapsedAt(closed().Context(), time.Time{}) })),
	"CallElapsed": bad(
		on("a nil context", nilContext, func() { lowlevel.CallElapsed(noContext, 1, nothing) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.CallElapsed(context.Background(), 1, nothing) }),
		on("a closed loop", isClosed, func() { lowlevel.CallElapsed(closed().Context(), 1, nothing) }),
		on("nil", "of a nil function", func() { open(func(l *loop.Loop) { lowlevel.CallElapsed(l.Context(), 1, nil) }) })),
	"CallLater": bad(
		on("a nil context", nilContext, func() { lowlevel.CallLater(noContext, 1, nothing) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.CallLater(context.Background(), 1, nothing) }),
		on("a closed loop", "loop: CallLater"+isClosed, func() { lowlevel.CallLater(closed().Context(), 1, nothing) }),
		on("nil", "loop: CallLater of a nil function", func() { open(func(l *loop.Loop) { lowlevel.CallLater(l.Context(), 1, nil) }) })),
	"CallAt": bad(
		on("a nil context", nilContext, func() { lowlevel.CallAt(noContext, time.Time{}, nothing) }),
		on("a context of no loop", "belongs to no loop", func() { lowlevel.CallAt(context.Background(), time.Time{}, nothing) }),
		on("a closed loop", "loop: CallAt"+isClosed, func() { lowlevel.CallAt(closed().Context(), time.Time{}, nothing) }),
		on("nil", "loop: CallAt of a nil function", func() { open(func(l *loop.Loop) { lowlevel.CallAt(l.Context(), time.Time{}, nil) }) })),
	"Check":          bad(onZeroAndClosed("x", func(l *loop.Loop) { lowlevel.Check(l, "x") })...),
	"CheckGoroutine": fine("it only checks the goroutine; zero and closed loops have none"),
	"CheckHere":      fine("it only checks the goroutine; zero and closed loops have none"),
	"Running": bad(
		on("a zero loop", "loop: x"+notMade, func() { lowlevel.Running(zero, "x") }),
		on("a closed loop", "loop: x suspends the running task, and its loop is not running; call it", func() { lowlevel.Running(closed(), "x") })),
	"Inside": fine(receiverOnly),
	"LetThrough": bad(
		harmless("no error", func() { _ = lowlevel.LetThrough(context.Background(), nil) }),
		harmless("a context of no loop", func() { _ = lowlevel.LetThrough(context.Background(), context.Canceled) }),
		on("a nil context", "loop: a nil context", func() { _ = lowlevel.LetThrough(noContext, context.Canceled) })),
	"Offload": with(onZeroAndClosed("Offload", func(l *loop.Loop) { lowlevel.Offload(l, nothing, nothing) }),
		on("no work", "loop: Offload of a nil function; give it both", func() { open(func(l *loop.Loop) { lowlevel.Offload(l, nil, nothing) }) }),
		on("no done", "loop: Offload of a nil function; give it both", func() { open(func(l *loop.Loop) { lowlevel.Offload(l, nothing, nil) }) })),
	"NewWaker": with(onZeroAndClosed("NewWaker", func(l *loop.Loop) { lowlevel.NewWaker(l, lowlevel.Func(nothing), nothing) }),
		on("nothing to wake", "loop: NewWaker without a Runnable", func() { open(func(l *loop.Loop) { lowlevel.NewWaker(l, nil, nothing) }) }),
		on("no function for Close", "loop: NewWaker without a function for Close; give it", func() {
			open(func(l *loop.Loop) { lowlevel.NewWaker(l, lowlevel.Func(nothing), nil) })
		})),
	"Waker.Wake": bad(
		on("the zero Waker", "loop: Wake of a Waker that NewWaker has not made; make it", func() { new(lowlevel.Waker).Wake() }),
		harmless("a closed loop", func() { closedWaker().Wake() })),
	"Waker.Go": bad(
		on("the zero Waker", "loop: Go of a Waker that NewWaker has not made; make it", func() { new(lowlevel.Waker).Go(nothing) }),
		on("nil", "loop: Waker.Go of a nil function; give it", func() {
			open(func(l *loop.Loop) { lowlevel.NewWaker(l, lowlevel.Func(nothing), nothing).Go(nil) })
		}),
		on("a closed loop", "loop: Waker.Go after Stop or after the loop was closed; start", func() { closedWaker().Go(nothing) })),
	"Waker.Stop": bad(
		on("the zero Waker", "loop: Stop of a Waker that NewWaker has not made; make it", func() { new(lowlevel.Waker).Stop() }),
		harmless("a closed loop", func() { closedWaker().Stop() })),
	"Deliver": with(onZero("Deliver", func(l *loop.Loop) { lowlevel.Deliver(l, nothing) }),
		on("nil", "loop: Deliver of a nil function", func() { open(func(l *loop.Loop) { lowlevel.Deliver(l, nil) }) })),
	"Report":     with(onZero("Report", func(l *loop.Loop) { lowlevel.Report(l, loop.Failure{Kind: loop.SlowStep, Err: errGiven}) })),
	"HomeOfLoop": fine("the methods of the Home of a zero Loop panic: see Home.Loop"),
	"Home.Loop":  bad(on("that of a zero Loop", "loop: this is the Home of a Task that was never spawned, or of a Loop", func() { lowlevel.HomeOfLoop(zero).Loop() })),
	"Home.Task":  fine(receiverOnly),
	"Home.Await": fine("it is Await without checks, for the code of futures: see Await"),
	"Request.Post": with(onZero("Post", func(l *loop.Loop) { _ = new(lowlevel.Request).Post(l, nothing, lowlevel.Func(nothing)) }),
		on("no function", "loop: Post of a Request that was posted before, or without a function for the loop", func() {
			open(func(l *loop.Loop) { _ = new(lowlevel.Request).Post(l, nil, lowlevel.Func(nothing)) })
		}),
		on("no Runnable", "or without a Runnable for its end; give", func() {
			open(func(l *loop.Loop) { _ = new(lowlevel.Request).Post(l, nothing, nil) })
		}),
		fails("a closed loop", "loop: closed", func() error { return new(lowlevel.Request).Post(closed(), nothing, lowlevel.Func(nothing)) })),
	"Request.Loop":        fine(receiverOnly),
	"Request.End":         fine("it does nothing for the zero Request, and for one that the loop has refused"),
	"Home.CheckGoroutine": fine(receiverOnly),
	"Home.Free":           fine(receiverOnly),
	"Wrap": bad(
		on("a zero task", "loop: Wrap"+notSpawned, func() { lowlevel.Wrap(new(loop.Task), func(b lowlevel.Body) lowlevel.Body { return b }) }),
		on("nil", `loop: Wrap(nil) of task "Task-1"; give it a function that returns a Body`, func() { wrap(nil) }),
		on("a function that returns nil", `loop: Wrap of task "Task-1" made a nil Body; return the Body`, func() { wrap(func(lowlevel.Body) lowlevel.Body { return nil }) }),
		on("a task that has started", "after its first step", func() { lowlevel.Wrap(ended(), func(b lowlevel.Body) lowlevel.Body { return b }) })),
	"HomeOfTask":    fine("the methods of the Home of a zero Task panic: see Home.Loop"),
	"PendingCancel": fine(receiverOnly),
	"Unwinding":     fine(receiverOnly),
	"Func.Run":      fine("a nil Func is a nil function of the caller; a loop panics when it is given one"),
}

// closedWaker returns a Waker of a closed loop.
func closedWaker() *lowlevel.Waker {
	l := loop.New()
	defer l.Close()
	return lowlevel.NewWaker(l, lowlevel.Func(nothing), nothing)
}
