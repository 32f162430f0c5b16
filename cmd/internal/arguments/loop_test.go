package arguments

import (
	"context"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type none = struct{}

func nothing() {}

// in runs do in a task, and panics as that does.
func in(do func(ctx context.Context)) {
	_, err := task.Run(context.Background(), func(ctx context.Context) (none, error) {
		do(ctx)
		return none{}, nil
	}, loop.WithClock(timer.NewVirtual()))
	if err != nil {
		panic(err)
	}
}

// inside is in for a call that returns an error.
func inside(do func(ctx context.Context) error) (err error) {
	in(func(ctx context.Context) { err = do(ctx) })
	return err
}

func closed() *loop.Loop {
	l := loop.New(loop.WithErrorHandler(func(loop.Failure) {}))
	l.Close()
	return l
}

// open makes a loop for do.
func open(do func(l *loop.Loop)) {
	l := loop.New(loop.WithClock(timer.NewVirtual()))
	defer l.Close()
	do(l)
}

// ofAnother makes a pending future of another loop.
func ofAnother() *future.Future[int] { return future.New[int](loop.New().Context()) }

var (
	errGiven = errors.New("given")
	zero     = new(loop.Loop)

	noContext context.Context
)

const (
	notMade    = " on a Loop that New has not made"
	isClosed   = " on a loop that is closed"
	nilContext = "loop: a nil context; use the one that the task's body was handed"
	notSpawned = " of a Task that was never spawned; task.Go makes tasks"

	receiverOnly = "it has no arguments, and a zero value answers"
	anyValue     = "every value is a good one"
	forTask      = "it is for package task, which checks"
)

// onZeroAndClosed are the rules of a method that changes a loop.
func onZeroAndClosed(what string, do func(l *loop.Loop)) []call {
	return []call{
		on("a zero loop", "loop: "+what+notMade, func() { do(zero) }),
		on("a closed loop", "loop: "+what+isClosed, func() { do(closed()) }),
	}
}

// onZero are those of a method that does not mind a closed loop.
func onZero(what string, do func(l *loop.Loop)) []call {
	return []call{
		on("a zero loop", "loop: "+what+notMade, func() { do(zero) }),
		on("a nil loop", "loop: "+what+notMade, func() { do(nil) }),
		harmless("a closed loop", func() { do(closed()) }),
	}
}

func with(calls []call, more ...call) rule { return bad(append(calls, more...)...) }

type port struct{}

func (port) Try() bool                    { return false }
func (port) Case() reflect.SelectCase     { return reflect.SelectCase{} }
func (port) Selected(reflect.Value, bool) {}

var loopRules = map[string]rule{
	"Belongs": bad(on("a nil context", nilContext, func() { loop.Belongs(noContext) })),
	"Current": bad(
		on("a nil context", nilContext, func() { loop.Current(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { loop.Current(context.Background()) }),
		on("a closed loop", "loop: this needs a task", func() { loop.Current(closed().Context()) }),
		on("another loop", "loop: this needs a task", func() { in(func(context.Context) { loop.Current(loop.New().Context()) }) })),
	"Enter":       bad(on("a nil context", nilContext, func() { loop.Enter(noContext) })),
	"FromContext": bad(on("a nil context", nilContext, func() { loop.FromContext(noContext) }), on("a context of no loop", "belongs to no loop", func() { loop.FromContext(context.Background()) })),
	"Outside":     bad(on("a nil context", "loop: Outside(nil); give it a context", func() { loop.Outside(noContext) })),
	"PutBack":     bad(on("a nil context", nilContext, func() { loop.PutBack(noContext, future.ErrCanceled) })),
	"Suspend": bad(
		on("a nil context", nilContext, func() { _ = loop.Suspend(noContext, loop.Turn()) }),
		on("another loop's future", "awaits what belongs to another loop", func() {
			in(func(ctx context.Context) { _ = loop.Suspend(ctx, loop.On(ofAnother())) })
		}),
		harmless("the zero Suspension", func() { in(func(ctx context.Context) { _ = loop.Suspend(ctx, loop.Suspension{}) }) })),
	"On":         bad(on("nil", "loop: On(nil) waits for nothing; give it a future or task, or use Turn", func() { loop.On(nil) })),
	"End":        fine(receiverOnly),
	"Turn":       fine(receiverOnly),
	"Sleep":      fine(anyValue),
	"Failed":     fine(forTask),
	"Spawn":      fine(forTask),
	"IsCanceled": fine(anyValue),
	"Recovered":  fine(anyValue),

	"New":        bad(on("a nil option", "loop: New with a nil Option; leave it out", func() { loop.New(nil) })),
	"WithClock":  bad(on("nil", "loop: WithClock(nil); use", func() { loop.WithClock(nil) })),
	"WithPolicy": bad(on("nil", "loop: WithPolicy(nil); leave", func() { loop.WithPolicy(nil, false) })),
	"WithDebug":  fine(receiverOnly),
	"WithSlowStep": bad(
		on("zero", "loop: WithSlowStep(0s); give a positive duration", func() { loop.WithSlowStep(0) }),
		on("a negative one", "loop: WithSlowStep(-1ns); give", func() { loop.WithSlowStep(-1) })),
	"WithObserver":          bad(on("nil", "loop: WithObserver(nil); leave", func() { loop.WithObserver(nil) })),
	"WithTaskFactory":       bad(on("nil", "loop: WithTaskFactory(nil); use", func() { loop.WithTaskFactory(nil) })),
	"WithErrorHandler":      bad(on("nil", "loop: WithErrorHandler(nil); leave", func() { loop.WithErrorHandler(nil) })),
	"WithUntakenLimit":      bad(on("a negative one", "loop: WithUntakenLimit(-1); give", func() { loop.WithUntakenLimit(-1) })),
	"WithDeadlockDetection": fine(receiverOnly),

	"Loop.AddPort": with(onZeroAndClosed("AddPort", func(l *loop.Loop) { l.AddPort(port{}) }),
		on("nil", "loop: AddPort of no port", func() { open(func(l *loop.Loop) { l.AddPort(nil) }) }),
		on("no channel", "loop: AddPort of no port, or of one whose Case has no channel", func() { open(func(l *loop.Loop) { l.AddPort(port{}) }) })),
	"PortHandle.Remove": bad(harmless("the zero handle", func() { loop.PortHandle{}.Remove() })),
	"Loop.AtIdle": with(onZeroAndClosed("AtIdle", func(l *loop.Loop) { l.AtIdle(loop.Func(nothing)) }),
		on("nil", "loop: AtIdle(nil); give it a Runnable", func() { open(func(l *loop.Loop) { l.AtIdle(nil) }) })),
	"Loop.Bind": with(onZero("Bind", func(l *loop.Loop) { l.Bind(context.Background()) }),
		on("a nil context", "loop: Bind(nil); give it a context", func() { open(func(l *loop.Loop) { l.Bind(noContext) }) })),
	"Loop.CallSoon": with(onZeroAndClosed("CallSoon", func(l *loop.Loop) { l.CallSoon(nothing) }),
		on("nil", "loop: CallSoon of a nil function", func() { open(func(l *loop.Loop) { l.CallSoon(nil) }) })),
	"Loop.CallLater": with(onZeroAndClosed("CallLater", func(l *loop.Loop) { l.CallLater(1, nothing) }),
		on("nil", "loop: CallLater of a nil function", func() { open(func(l *loop.Loop) { l.CallLater(1, nil) }) })),
	"Loop.CallAt": with(onZeroAndClosed("CallAt", func(l *loop.Loop) { l.CallAt(time.Now(), nothing) }),
		on("nil", "loop: CallAt of a nil function", func() { open(func(l *loop.Loop) { l.CallAt(time.Now(), nil) }) })),
	"Loop.Schedule": with(onZeroAndClosed("completing a future, or Schedule,", func(l *loop.Loop) { l.Schedule(loop.Func(nothing)) }),
		on("nil", "loop: Schedule(nil); give it a Runnable", func() { open(func(l *loop.Loop) { l.Schedule(nil) }) })),
	"Loop.ScheduleAll": with(onZeroAndClosed("completing a future, or Schedule,", func(l *loop.Loop) { l.ScheduleAll([]loop.Runnable{loop.Func(nothing)}) }),
		on("a nil in the list", "loop: ScheduleAll of a nil at index 1; give it", func() { open(func(l *loop.Loop) { l.ScheduleAll([]loop.Runnable{loop.Func(nothing), nil}) }) })),
	"Loop.Sweep": with(onZero("Sweep", func(l *loop.Loop) { l.Sweep(nothing) }),
		on("nil", "loop: Sweep(nil); give it a function", func() { open(func(l *loop.Loop) { l.Sweep(nil) }) })),
	"Loop.Sweeps":         fine(receiverOnly),
	"Loop.Check":          bad(onZeroAndClosed("x", func(l *loop.Loop) { l.Check("x") })...),
	"Loop.CheckGoroutine": fine("it asks for the goroutine only: zero and closed loops have none"),
	"Inside":              fine(receiverOnly),
	"LetThrough": bad(
		harmless("no error", func() { _ = loop.LetThrough(context.Background(), nil) }),
		harmless("a context of no loop", func() { _ = loop.LetThrough(context.Background(), context.Canceled) }),
		on("a nil context", "loop: a nil context", func() { _ = loop.LetThrough(noContext, context.Canceled) })),
	"Loop.Offload": with(onZeroAndClosed("Offload", func(l *loop.Loop) { l.Offload(nothing, nothing) }),
		on("no work", "loop: Offload of a nil function; give it both", func() { open(func(l *loop.Loop) { l.Offload(nil, nothing) }) }),
		on("no done", "loop: Offload of a nil function; give it both", func() { open(func(l *loop.Loop) { l.Offload(nothing, nil) }) })),
	"Loop.Post": bad(
		on("nil", "loop: Post of a nil function", func() { open(func(l *loop.Loop) { _ = l.Post(nil) }) }),
		on("a zero loop", "loop: Post"+notMade, func() { _ = zero.Post(nothing) }),
		fails("a closed loop", "loop: closed", func() error { return closed().Post(nothing) })),
	"Loop.Hold":         with(onZero("Hold", func(l *loop.Loop) { l.Hold()() })),
	"Loop.Stop":         with(onZeroAndClosed("Stop", (*loop.Loop).Stop)),
	"Loop.Run":          with(onZeroAndClosed("Run", func(l *loop.Loop) { _ = l.Run() })),
	"Loop.RunOnce":      with(onZeroAndClosed("RunOnce", func(l *loop.Loop) { l.RunOnce() })),
	"Loop.RunUntilIdle": with(onZeroAndClosed("RunUntilIdle", (*loop.Loop).RunUntilIdle)),
	"Loop.Close": bad(
		on("a zero loop", "loop: Close"+notMade, zero.Close),
		harmless("a closed loop", func() { closed().Close() }),
		on("a loop that runs", "loop: Close on a loop that is running", func() { in(func(ctx context.Context) { loop.FromContext(ctx).Close() }) })),
	"Loop.Report":       with(onZero("Report", func(l *loop.Loop) { l.Report(loop.Failure{Kind: loop.SlowStep, Err: errGiven}) })),
	"Loop.Context":      with(onZero("Context", func(l *loop.Loop) { l.Context() })),
	"Loop.Clock":        with(onZero("Clock", func(l *loop.Loop) { l.Clock() })),
	"Loop.Elapsed":      with(onZero("Elapsed or Now", func(l *loop.Loop) { l.Elapsed() })),
	"Loop.Now":          with(onZero("Elapsed or Now", func(l *loop.Loop) { l.Now() })),
	"Loop.NextDeadline": with(onZero("NextDeadline", func(l *loop.Loop) { l.NextDeadline() })),
	"Loop.Stats":        with(onZero("Stats", func(l *loop.Loop) { l.Stats() })),
	"Loop.WriteGraph": bad(
		on("a nil writer", "loop: WriteGraph to a nil writer", func() { open(func(l *loop.Loop) { _ = l.WriteGraph(nil, false) }) }),
		harmless("a zero loop", func() { _ = zero.WriteGraph(os.Stderr, true) }),
		harmless("a closed loop", func() { _ = closed().WriteGraph(os.Stderr, true) })),
	"Loop.Closed":  fine(receiverOnly),
	"Loop.Current": fine(receiverOnly),
	"Loop.Running": fine(receiverOnly),
	"Loop.Tasks":   fine(receiverOnly),
	"Loop.Home":    fine("what is done with the Home of a zero Loop panics: see Home.Loop"),

	"Home.Loop":           bad(on("that of a zero Loop", "loop: this is the Home of a Task that was never spawned, or of a Loop", func() { zero.Home().Loop() })),
	"Home.Task":           fine(receiverOnly),
	"Home.CheckGoroutine": fine(receiverOnly),

	"Handle.Cancel": bad(
		harmless("a zero handle", func() { loop.Handle{}.Cancel() }),
		harmless("a closed loop", func() {
			l := loop.New()
			soon, later := l.CallSoon(nothing), l.CallLater(time.Hour, nothing)
			l.Close()
			if soon.Cancel() || later.Cancel() {
				panic("a call was prevented")
			}
		})),
	"Scope.Cancel":      bad(on("a zero scope", "loop: Cancel of a Scope that Enter has not made", func() { new(loop.Scope).Cancel(nil) })),
	"Scope.Context":     bad(on("a zero scope", "loop: Context of a Scope that Enter has not made", func() { new(loop.Scope).Context() })),
	"Scope.SetDeadline": bad(on("a zero scope", "loop: SetDeadline of a Scope that Enter has not made", func() { new(loop.Scope).SetDeadline(time.Now()) })),
	"Scope.Exit":        bad(harmless("a zero scope", new(loop.Scope).Exit)),
	"Scope.Task":        fine(receiverOnly),
	"Scope.Pending":     bad(on("a zero scope", "loop: Pending of a Scope that Enter has not made", func() { new(loop.Scope).Pending() })),

	"Task.Cancel":  bad(on("a zero task", "loop: Cancel"+notSpawned, func() { new(loop.Task).Cancel(nil) }), harmless("a closed loop", func() { ended().Cancel(nil) })),
	"Task.Context": bad(on("a zero task", "loop: Context"+notSpawned, func() { new(loop.Task).Context() })),
	"Task.Enqueue": bad(
		on("a zero task", "loop: Enqueue"+notSpawned, func() { new(loop.Task).Enqueue() }),
		on("a task that has started", "was started before; a task factory starts a task once", func() { ended().Enqueue() })),
	"Task.StepNow": bad(
		on("a zero task", "loop: StepNow"+notSpawned, func() { new(loop.Task).StepNow() }),
		on("a task that has started", "was started before; a task factory starts a task once", func() { ended().StepNow() })),
	"Task.Wrap": bad(
		on("a zero task", "loop: Wrap"+notSpawned, func() { new(loop.Task).Wrap(func(b loop.Body) loop.Body { return b }) }),
		on("nil", `loop: Wrap(nil) of task "Task-1"; give it a function that returns a Body`, func() { wrap(nil) }),
		on("a function that returns nil", `loop: Wrap of task "Task-1" made a nil Body; return the one`, func() { wrap(func(loop.Body) loop.Body { return nil }) }),
		on("a task that has started", "after its first step", func() { ended().Wrap(func(b loop.Body) loop.Body { return b }) })),
	"Task.SetName":    fine(anyValue),
	"Task.Uncancel":   fine(receiverOnly),
	"Task.Awaits":     fine(receiverOnly),
	"Task.Cancelling": fine(receiverOnly),
	"Task.Done":       fine(receiverOnly),
	"Task.Home":       fine("what is done with the Home of a zero Task panics: see Home.Loop"),
	"Task.ID":         fine(receiverOnly),
	"Task.Loop":       fine(receiverOnly),
	"Task.MustCancel": fine(receiverOnly),
	"Task.Name":       fine(receiverOnly),
	"Task.Named":      fine(receiverOnly),
	"Task.Outcome":    fine(receiverOnly),
	"Task.SpawnSite":  fine(receiverOnly),
	"Task.Stack":      fine(receiverOnly),
	"Task.String":     fine(receiverOnly),
	"Task.Unwinding":  fine(receiverOnly),
	"Task.Waits":      fine(receiverOnly),

	"CanceledError.Error": fine(receiverOnly),
	"CanceledError.Is":    fine(anyValue),
	"DeadlockError.Error": fine(receiverOnly),
	"EventKind.String":    fine(receiverOnly),
	"FailureKind.String":  fine(receiverOnly),
	"Func.Run":            fine("a nil Func is a nil function of the caller's; the loop refuses those that it is given"),
	"PanicError.Again":    fine(receiverOnly),
	"PanicError.Error":    fine(receiverOnly),
	"PanicError.Unwrap":   fine(receiverOnly),
	"SlowStepError.Error": fine(receiverOnly),
	"Suspension.Ended":    fine(receiverOnly),
}

// ended returns a task of a loop that is closed.
func ended() *loop.Task {
	l := loop.New()
	defer l.Close()
	t := task.Go(l.Context(), func(context.Context) (none, error) { return none{}, nil })
	return t.Task()
}

// wrap wraps the body of a new task.
func wrap(by func(loop.Body) loop.Body) {
	l := loop.New()
	defer l.Close()
	task.Go(l.Context(), func(context.Context) (none, error) { return none{}, nil }).Task().Wrap(by)
}
