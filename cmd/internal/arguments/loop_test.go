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
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type none = struct{}

func nothing() {}

// in runs do in a task. If the task fails, in panics with its error.
func in(do func(ctx context.Context)) {
	_, err := task.Run(context.Background(), func(ctx context.Context) (none, error) {
		do(ctx)
		return none{}, nil
	}, loop.WithVirtualTime())
	if err != nil {
		panic(err)
	}
}

// inside runs do in a task, and returns its error.
func inside(do func(ctx context.Context) error) (err error) {
	in(func(ctx context.Context) { err = do(ctx) })
	return err
}

func closed() *loop.Loop {
	l := loop.New(loop.WithErrorHandler(func(loop.Failure) {}))
	l.Close()
	return l
}

// open calls do with a new loop.
func open(do func(l *loop.Loop)) {
	l := loop.New(loop.WithVirtualTime())
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
	nilContext = "loop: a nil context; use the context that the task's body was handed"
	notSpawned = " of a Task that was never spawned; task.Go makes tasks"

	receiverOnly = "it has no arguments, and works for a zero value"
	anyValue     = "every value is allowed"
	forTask      = "it is for package task, which checks the arguments"
)

// onZeroAndClosed has the calls of a method that changes a loop.
func onZeroAndClosed(what string, do func(l *loop.Loop)) []call {
	return []call{
		on("a zero loop", "loop: "+what+notMade, func() { do(zero) }),
		on("a closed loop", "loop: "+what+isClosed, func() { do(closed()) }),
	}
}

// onZero has the calls of a method that is harmless on a closed loop.
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
	"FromContext":     bad(on("a nil context", nilContext, func() { loop.FromContext(noContext) })),
	"Outside":         bad(on("a nil context", "loop: Outside(nil); give it a context", func() { loop.Outside(noContext) })),
	"IsCanceled":      fine(anyValue),
	"New":             bad(on("a nil option", "loop: New with a nil Option; leave it out", func() { loop.New(nil) })),
	"WithClock":       bad(on("nil", "loop: WithClock(nil); use", func() { loop.WithClock(nil) })),
	"WithDebug":       fine(receiverOnly),
	"WithVirtualTime": fine(receiverOnly),
	"WithSlowStep": bad(
		on("zero", "loop: WithSlowStep(0s); give a positive duration", func() { loop.WithSlowStep(0) }),
		on("a negative one", "loop: WithSlowStep(-1ns); give", func() { loop.WithSlowStep(-1) })),
	"WithObserver":          bad(on("nil", "loop: WithObserver(nil); leave", func() { loop.WithObserver(nil) })),
	"WithTaskFactory":       bad(on("nil", "loop: WithTaskFactory(nil); use", func() { loop.WithTaskFactory(nil) })),
	"WithErrorHandler":      bad(on("nil", "loop: WithErrorHandler(nil); leave", func() { loop.WithErrorHandler(nil) })),
	"WithUnretrievedLimit":  bad(on("a negative one", "loop: WithUnretrievedLimit(-1); give", func() { loop.WithUnretrievedLimit(-1) })),
	"WithDeadlockDetection": fine(receiverOnly),

	"Loop.Bind": with(onZero("Bind", func(l *loop.Loop) { l.Bind(context.Background()) }),
		on("a nil context", "loop: Bind(nil); give it a context", func() { open(func(l *loop.Loop) { l.Bind(noContext) }) })),
	"Loop.CallSoon": with(onZeroAndClosed("CallSoon", func(l *loop.Loop) { l.CallSoon(nothing) }),
		on("nil", "loop: CallSoon of a nil function", func() { open(func(l *loop.Loop) { l.CallSoon(nil) }) })),
	"Loop.CallLater": with(onZeroAndClosed("CallLater", func(l *loop.Loop) { l.CallLater(1, nothing) }),
		on("nil", "loop: CallLater of a nil function", func() { open(func(l *loop.Loop) { l.CallLater(1, nil) }) })),
	"Loop.CallAt": with(onZeroAndClosed("CallAt", func(l *loop.Loop) { l.CallAt(time.Now(), nothing) }),
		on("nil", "loop: CallAt of a nil function", func() { open(func(l *loop.Loop) { l.CallAt(time.Now(), nil) }) })),
	"Loop.Post": bad(
		on("nil", "loop: Post of a nil function", func() { open(func(l *loop.Loop) { _ = l.Post(nil) }) }),
		on("a zero loop", "loop: Post"+notMade, func() { _ = zero.Post(nothing) }),
		fails("a closed loop", "loop: closed", func() error { return closed().Post(nothing) })),
	"Loop.Hold":         with(onZero("Hold", func(l *loop.Loop) { l.Hold()() })),
	"Loop.Stop":         with(onZeroAndClosed("Stop", (*loop.Loop).Stop)),
	"Loop.Run":          with(onZeroAndClosed("Run", func(l *loop.Loop) { _ = l.Run() })),
	"Loop.RunOnce":      with(onZeroAndClosed("RunOnce", func(l *loop.Loop) { l.RunOnce() })),
	"Loop.RunUntilIdle": with(onZeroAndClosed("RunUntilIdle", (*loop.Loop).RunUntilIdle)),
	"Loop.RunFor":       with(onZeroAndClosed("RunFor", func(l *loop.Loop) { l.RunFor(0) })),
	"Loop.Close": bad(
		on("a zero loop", "loop: Close"+notMade, zero.Close),
		harmless("a closed loop", func() { closed().Close() }),
		on("a loop that runs", "loop: Close on a loop that is running", func() { in(func(ctx context.Context) { lowlevel.LoopOf(ctx).Close() }) })),
	"Loop.Context": with(onZero("Context", func(l *loop.Loop) { l.Context() })),
	"Loop.Clock":   with(onZero("Clock", func(l *loop.Loop) { l.Clock() })),
	"Loop.Posted":  with(onZero("Posted", func(l *loop.Loop) { l.Posted() })),
	"Loop.SetPostLimit": with(onZero("SetPostLimit", func(l *loop.Loop) { l.SetPostLimit(1) }),
		on("a negative number", "loop: SetPostLimit(-1); give a number >= 0", func() { open(func(l *loop.Loop) { l.SetPostLimit(-1) }) })),
	"Loop.SetTaskFactory":  with(onZeroAndClosed("SetTaskFactory", func(l *loop.Loop) { l.SetTaskFactory(nil) })),
	"Loop.SetErrorHandler": with(onZeroAndClosed("SetErrorHandler", func(l *loop.Loop) { l.SetErrorHandler(nil) })),
	"Loop.Elapsed":         with(onZero("Elapsed or Now", func(l *loop.Loop) { l.Elapsed() })),
	"Loop.Now":             with(onZero("Elapsed or Now", func(l *loop.Loop) { l.Now() })),
	"Loop.NextDeadline":    with(onZero("NextDeadline", func(l *loop.Loop) { l.NextDeadline() })),
	"Loop.Stats":           with(onZero("Stats", func(l *loop.Loop) { l.Stats() })),
	"Loop.WriteGraph": bad(
		on("a nil writer", "loop: WriteGraph to a nil writer", func() { open(func(l *loop.Loop) { _ = l.WriteGraph(nil, false) }) }),
		harmless("a zero loop", func() { _ = zero.WriteGraph(os.Stderr, true) }),
		harmless("a closed loop", func() { _ = closed().WriteGraph(os.Stderr, true) })),
	"Loop.Closed":  fine(receiverOnly),
	"Loop.Current": fine(receiverOnly),
	"Loop.Running": fine(receiverOnly),
	"Loop.Tasks":   fine(receiverOnly),
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
	"Task.Cancel":  bad(on("a zero task", "loop: Cancel"+notSpawned, func() { new(loop.Task).Cancel(nil) }), harmless("a closed loop", func() { ended().Cancel(nil) })),
	"Task.Context": bad(on("a zero task", "loop: Context"+notSpawned, func() { new(loop.Task).Context() })),
	"Task.Enqueue": bad(
		on("a zero task", "loop: Enqueue"+notSpawned, func() { new(loop.Task).Enqueue() }),
		on("a task that has started", "was started before; a task factory starts a task once", func() { ended().Enqueue() })),
	"Task.StepNow": bad(
		on("a zero task", "loop: StepNow"+notSpawned, func() { new(loop.Task).StepNow() }),
		on("a task that has started", "was started before; a task factory starts a task once", func() { ended().StepNow() })),
	"Task.SetName":        fine(anyValue),
	"Task.Uncancel":       fine(receiverOnly),
	"Task.Awaits":         fine(receiverOnly),
	"Task.AwaitedBy":      fine(receiverOnly),
	"Task.CancelRequests": fine(receiverOnly),
	"Task.Done":           fine(receiverOnly),
	"Task.ID":             fine(receiverOnly),
	"Task.Loop":           fine(receiverOnly),
	"Task.Name":           fine(receiverOnly),
	"Task.Named":          fine(receiverOnly),
	"Task.Outcome":        fine(receiverOnly),
	"Task.SpawnSite":      fine(receiverOnly),
	"Task.Stack":          fine(receiverOnly),
	"Task.String":         fine(receiverOnly),
	"Task.Status":         fine(receiverOnly),

	"CanceledError.Error": fine(receiverOnly),
	"CanceledError.Is":    fine(anyValue),
	"DeadlockError.Error": fine(receiverOnly),
	"EventKind.String":    fine(receiverOnly),
	"FailureKind.String":  fine(receiverOnly),
	"PanicError.Again":    fine(receiverOnly),
	"PanicError.Error":    fine(receiverOnly),
	"PanicError.Unwrap":   fine(receiverOnly),
	"SlowStepError.Error": fine(receiverOnly),
	"Suspension.Ended":    fine(receiverOnly),
}

// ended returns a task of a closed loop.
func ended() *loop.Task {
	l := loop.New()
	defer l.Close()
	t := task.Go(l.Context(), func(context.Context) (none, error) { return none{}, nil })
	return t.Task()
}

// wrap wraps the body of a new task.
func wrap(by func(lowlevel.Body) lowlevel.Body) {
	l := loop.New()
	defer l.Close()
	lowlevel.Wrap(task.Go(l.Context(), func(context.Context) (none, error) { return none{}, nil }).Task(), by)
}
