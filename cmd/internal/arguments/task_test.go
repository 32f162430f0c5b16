package arguments

import (
	"context"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

var noTask *task.Task[int]

func one(context.Context) (int, error) { return 1, nil }

// taking has the calls of a function that takes awaitables of the running task's loop: with nil,
// with a nil pointer in an interface, and with an awaitable of another loop.
func taking(do func(ctx context.Context, of ...future.Any) error) []call {
	const isNil = "task: argument 2 is a nil"
	with := func(a future.Any) func() error {
		return func() error {
			return inside(func(ctx context.Context) error { return do(ctx, future.New[int](ctx), a) })
		}
	}
	return []call{
		fails("nil", isNil, with(nil)),
		fails("a nil task", isNil, with(noTask)),
		fails("a nil future", isNil, with(noFuture)),
		fails("another loop's", "task: argument 2 belongs to another loop", with(ofAnother())),
	}
}

func combining(do func(of ...future.Awaitable[int])) []call {
	return taking(func(ctx context.Context, of ...future.Any) error {
		var ints []future.Awaitable[int]
		for _, a := range of {
			i, _ := a.(future.Awaitable[int])
			ints = append(ints, i)
		}
		do(ints...)
		return nil
	})
}

// inContext has the calls of a function that needs the context of the running task.
func inContext(do func(ctx context.Context) error) []call {
	return []call{
		on("a nil context", nilContext, func() { in(func(context.Context) { _ = do(noContext) }) }),
		on("a context of no loop", "belongs to no loop", func() { in(func(context.Context) { _ = do(context.Background()) }) }),
		on("another loop's context", "loop: this needs a task", func() { in(func(context.Context) { _ = do(loop.New().Context()) }) }),
		on("a closed loop's context", "loop: this needs a task", func() { _ = do(closed().Context()) }),
	}
}

// ofALoop has the calls of a function that needs a context of a loop.
func ofALoop(do func(ctx context.Context)) []call {
	return []call{
		on("a nil context", nilContext, func() { do(noContext) }),
		on("a context of no loop", "belongs to no loop", func() { do(context.Background()) }),
	}
}

func body(context.Context, *task.Deadline) error { return nil }

var taskRules = map[string]rule{
	"Run": bad(
		on("a nil context", "task: Run with a nil context or a nil main", func() { _, _ = task.Run(noContext, one) }),
		on("a nil main", "task: Run with a nil context or a nil main", func() { _, _ = task.Run[int](context.Background(), nil) }),
		on("a nil option", "loop: New with a nil Option", func() { _, _ = task.Run(context.Background(), one, nil) }),
		on("a loop's context", "task: Run inside a task would hold up the task's loop", func() { _, _ = task.Run(closed().Context(), one) })),
	"Shutdown": bad(
		on("nil", "task: Shutdown of a loop that is nil, running or closed", func() { _ = task.Shutdown(nil) }),
		on("a closed loop", "task: Shutdown of a loop that is nil, running or closed", func() { _ = task.Shutdown(closed()) }),
		harmless("a zero loop, which has no tasks", func() { _ = task.Shutdown(zero) })),
	"Start": bad(
		on("a virtual clock", "task: Start with a virtual clock", func() { task.Start(loop.WithVirtualTime()) }),
		on("a nil option", "loop: New with a nil Option", func() { task.Start(nil) })),
	"Runner.Stop": bad(
		on("a zero runner", "task: Stop of a Runner that Start has not made", func() { _ = new(task.Runner).Stop(context.Background()) }),
		on("a nil context", "task: Stop of a Runner with a nil context", func() { _ = stopped().Stop(noContext) }),
		harmless("one that was stopped", func() { _ = stopped().Stop(context.Background()) })),
	"Runner.Wait": bad(on("a zero runner", "task: Wait of a Runner that Start has not made", func() { _ = new(task.Runner).Wait() })),
	"Runner.Done": bad(on("a zero runner", "task: Done of a Runner that Start has not made", func() { new(task.Runner).Done() })),
	"Runner.Loop": bad(on("a nil runner", "task: Loop of a Runner that Start has not made", func() { (*task.Runner)(nil).Loop() })),
	"RunUntilDone": bad(
		on("a nil loop", "task: RunUntilDone on a nil loop", func() { _, _ = task.RunUntilDone(nil, ofAnother()) }),
		on("nil", "task: RunUntilDone on a nil loop, or of a nil task", func() { open(func(l *loop.Loop) { _, _ = task.RunUntilDone[int](l, nil) }) }),
		on("a nil task", "task: RunUntilDone on a nil loop, or of a nil task", func() { open(func(l *loop.Loop) { _, _ = task.RunUntilDone(l, noTask) }) }),
		on("another loop's", "task: RunUntilDone of a task or future of another loop", func() { open(func(l *loop.Loop) { _, _ = task.RunUntilDone(l, ofAnother()) }) }),
		on("a zero loop", "task: RunUntilDone of a task or future of another loop", func() { _, _ = task.RunUntilDone(zero, ofAnother()) }),
		on("a running loop", "task: RunUntilDone on a loop that is running", func() {
			in(func(ctx context.Context) { f := future.New[int](ctx); _, _ = task.RunUntilDone(f.Loop(), f) })
		}),
		on("a closed loop", "task: RunUntilDone on a loop that is running or closed", func() {
			l := closed()
			_, _ = task.RunUntilDone(l, future.New[int](l.Context()))
		})),
	"Go": with(ofALoop(func(ctx context.Context) { task.Go(ctx, one) }),
		on("a nil body", "task: Go of a nil body", func() { in(func(ctx context.Context) { task.Go[int](ctx, nil) }) }),
		on("a nil option", "task: a nil Option; leave it out", func() { in(func(ctx context.Context) { task.Go(ctx, one, nil) }) }),
		on("a closed loop", "loop: spawning a task"+isClosed, func() { task.Go(closed().Context(), one) })),
	"GoMachine": with(ofALoop(func(ctx context.Context) { task.GoMachine(ctx, machine) }),
		on("a nil machine", "task: GoMachine of a nil machine", func() { in(func(ctx context.Context) { task.GoMachine(ctx, task.Machine[int](nil)) }) }),
		on("a nil MachineFunc", "task: GoMachine of a nil machine", func() { in(func(ctx context.Context) { task.GoMachine(ctx, task.MachineFunc[int](nil)) }) }),
		on("a nil option", "task: a nil Option; leave it out", func() { in(func(ctx context.Context) { task.GoMachine(ctx, machine, nil) }) }),
		on("a closed loop", "loop: spawning a task"+isClosed, func() { task.GoMachine(closed().Context(), machine) })),
	"GoIn": bad(
		on("a nil group", noGroup, func() { _, _ = task.GoIn(nil, one) }),
		on("a zero group", noGroup, func() { _, _ = task.GoIn(new(task.Group), one) }),
		on("a nil body", "task: Go of a nil body", func() { inGroup(func(g *task.Group) { _, _ = task.GoIn[int](g, nil) }) }),
		on("a nil option", "task: a nil Option; leave it out", func() { inGroup(func(g *task.Group) { _, _ = task.GoIn(g, one, nil) }) }),
		fails("a group that is over", "task: the group is finished", func() error { _, err := task.GoIn(over(), one); return err })),
	"GoMachineIn": bad(
		on("a zero group", noGroup, func() { _, _ = task.GoMachineIn(new(task.Group), machine) }),
		on("a nil machine", "task: GoMachine of a nil machine", func() { inGroup(func(g *task.Group) { _, _ = task.GoMachineIn(g, task.Machine[int](nil)) }) }),
		fails("a group that is over", "task: the group is finished", func() error { _, err := task.GoMachineIn(over(), machine); return err })),
	"Group.Go": bad(
		on("a zero group", noGroup, func() { _ = new(task.Group).Go(func(context.Context) error { return nil }) }),
		on("a nil body", "task: Go of a nil body", func() { inGroup(func(g *task.Group) { _ = g.Go(nil) }) }),
		fails("a group that is over", "task: the group is finished", func() error { return over().Go(func(context.Context) error { return nil }) })),
	"Group.Cancel": bad(on("a zero group", noGroup, new(task.Group).Cancel), harmless("a group that is over", func() { over().Cancel() })),
	"WithGroup": with(inContext(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(context.Context, *task.Group) error { return nil })
	}),
		on("a nil body", "task: WithGroup of a nil body", func() { in(func(ctx context.Context) { _ = task.WithGroup(ctx, nil) }) })),
	"Submit": bad(
		on("a nil context", "task: Submit with a nil context, a nil body or a nil loop", func() { open(func(l *loop.Loop) { task.Submit(noContext, l, one) }) }),
		on("a nil loop", "task: Submit with a nil context, a nil body or a nil loop", func() { task.Submit(context.Background(), nil, one) }),
		on("a nil body", "task: Submit with a nil context, a nil body or a nil loop", func() { open(func(l *loop.Loop) { task.Submit[int](context.Background(), l, nil) }) }),
		on("a loop's context", "task: Submit with the context of a loop", func() { open(func(l *loop.Loop) { task.Submit(l.Context(), l, one) }) }),
		on("a zero loop", "loop: Post"+notMade, func() { task.Submit(context.Background(), zero, one) }),
		fails("a closed loop", "loop: closed", func() error {
			_, err := task.Submit(context.Background(), closed(), one).Wait(context.Background())
			return err
		})),
	"Submission.Wait": bad(
		on("a zero submission", "task: Wait of a Submission that Submit has not made", func() { _, _ = new(task.Submission[int]).Wait(context.Background()) }),
		on("a nil submission", "task: Wait of a Submission that Submit has not made", func() { _, _ = (*task.Submission[int])(nil).Wait(context.Background()) }),
		on("a nil context", "task: Wait of a Submission with a nil context", func() { _, _ = submitted().Wait(noContext) }),
		on("a loop's context", "task: Wait of a Submission in a body or callback", func() { _, _ = submitted().Wait(closed().Context()) })),
	"Submission.Done": bad(on("a zero submission", "task: Done of a Submission that Submit has not made", func() { new(task.Submission[int]).Done() })),
	"Submission.Cancel": bad(
		on("a zero submission", "task: Cancel of a Submission that Submit has not made", func() { new(task.Submission[int]).Cancel(nil) }),
		harmless("a closed loop", func() { submitted().Cancel(nil) })),
	"Call": with(inContext(func(ctx context.Context) error { _, err := task.Call(ctx, loop.New(), one); return err }),
		on("a nil loop", "task: Call on a nil loop, or of a nil body", func() { in(func(ctx context.Context) { _, _ = task.Call(ctx, nil, one) }) }),
		on("a nil body", "task: Call on a nil loop, or of a nil body", func() {
			open(func(l *loop.Loop) { in(func(ctx context.Context) { _, _ = task.Call[int](ctx, l, nil) }) })
		}),
		on("a zero loop", "loop: Post"+notMade, func() { in(func(ctx context.Context) { _, _ = task.Call(ctx, zero, one) }) }),
		fails("a closed loop", "loop: closed", func() error {
			return inside(func(ctx context.Context) error { _, err := task.Call(ctx, closed(), one); return err })
		})),
	"Blocking": with(inContext(func(ctx context.Context) error { _, err := task.Blocking(ctx, one); return err }),
		on("a nil function", "task: Blocking of a nil function", func() { in(func(ctx context.Context) { _, _ = task.Blocking[int](ctx, nil) }) })),
	"BlockingIn": with(inContext(func(ctx context.Context) error { _, err := task.BlockingIn(ctx, task.NewPool(1), one); return err }),
		on("a nil pool", "task: BlockingIn with a pool that NewPool did not make", func() { in(func(ctx context.Context) { _, _ = task.BlockingIn(ctx, nil, one) }) }),
		on("a zero pool", "task: BlockingIn with a pool that NewPool did not make", func() { in(func(ctx context.Context) { _, _ = task.BlockingIn(ctx, new(task.Pool), one) }) }),
		on("a nil function", "task: BlockingIn with a pool that NewPool did not make, or with a nil function", func() {
			in(func(ctx context.Context) { _, _ = task.BlockingIn[int](ctx, task.NewPool(1), nil) })
		}),
		on("another loop's pool", "task: BlockingIn with a pool that tasks of another loop use", func() {
			pool := task.NewPool(1)
			for range 2 {
				in(func(ctx context.Context) { _, _ = task.BlockingIn(ctx, pool, one) })
			}
		})),
	"NewPool": bad(
		on("zero", "task: NewPool(0); give it the number", func() { task.NewPool(0) }),
		on("a nil option", "task: NewPool with a nil PoolOption", func() { task.NewPool(1, nil) })),
	"FinishCalls": fine(receiverOnly),
	"Recv": with(inContext(func(ctx context.Context) error { _, _, err := task.Recv(ctx, make(chan int)); return err }),
		on("a nil channel", "task: Recv from a nil channel", func() { in(func(ctx context.Context) { _, _, _ = task.Recv[int](ctx, nil) }) })),
	"Send": with(inContext(func(ctx context.Context) error { return task.Send(ctx, make(chan int), 1) }),
		on("a nil channel", "task: Send on a nil channel", func() { in(func(ctx context.Context) { _ = task.Send(ctx, nil, 1) }) })),
	"Sleep":   with(inContext(func(ctx context.Context) error { return task.Sleep(ctx, 1) }), harmless("a negative duration", func() { in(func(ctx context.Context) { _ = task.Sleep(ctx, -1) }) })),
	"Yield":   with(inContext(task.Yield)),
	"Current": with(inContext(func(ctx context.Context) error { task.Current(ctx); return nil })),
	"All":     with(ofALoop(func(ctx context.Context) { task.All(ctx) }), harmless("a closed loop", func() { task.All(closed().Context()) })),
	"PrintGraph": with(ofALoop(func(ctx context.Context) { _ = task.PrintGraph(ctx, nil) }),
		on("a nil writer", "loop: WriteGraph to a nil writer", func() { in(func(ctx context.Context) { _ = task.PrintGraph(ctx, nil) }) })),

	"Timeout": with(inContext(func(ctx context.Context) error { return task.Timeout(ctx, task.NoLimit, body) }),
		on("a nil body", "task: Timeout of a nil body", func() { in(func(ctx context.Context) { _ = task.Timeout(ctx, 1, nil) }) })),
	"TimeoutAt": with(inContext(func(ctx context.Context) error { return task.TimeoutAt(ctx, time.Time{}, body) }),
		on("a nil body", "task: TimeoutAt of a nil body", func() { in(func(ctx context.Context) { _ = task.TimeoutAt(ctx, time.Time{}, nil) }) })),
	"Within": with(inContext(func(ctx context.Context) error { _, err := task.Within(ctx, task.NoLimit, one); return err }),
		on("a nil body", "task: Within of a nil body", func() { in(func(ctx context.Context) { _, _ = task.Within[int](ctx, 1, nil) }) })),
	"WaitFor": bad(
		on("nil", "task: WaitFor of nil", func() { in(func(ctx context.Context) { _, _ = task.WaitFor[int](ctx, nil, 1) }) }),
		on("a nil task", "task: WaitFor of nil", func() { in(func(ctx context.Context) { _, _ = task.WaitFor(ctx, noTask, 0) }) }),
		on("another loop's", "belongs to another loop", func() { in(func(ctx context.Context) { _, _ = task.WaitFor(ctx, ofAnother(), 1) }) }),
		on("another loop's, without a limit", "belongs to another loop", func() { in(func(ctx context.Context) { _, _ = task.WaitFor(ctx, ofAnother(), 0) }) }),
		on("a nil context", nilContext, func() { in(func(ctx context.Context) { _, _ = task.WaitFor(noContext, future.New[int](ctx), 0) }) })),
	"Wait": with(append(taking(func(ctx context.Context, of ...future.Any) error {
		_, _, err := task.Wait(ctx, 1, task.AllCompleted, of...)
		return err
	}),
		inContext(func(ctx context.Context) error {
			_, _, err := task.Wait(ctx, 1, task.AllCompleted, ofAnother())
			return err
		})...),
		fails("nothing", "task: Wait for nothing", func() error {
			return inside(func(ctx context.Context) error {
				_, _, err := task.Wait[future.Any](ctx, 1, task.AllCompleted)
				return err
			})
		}),
		fails("no such until", "task: Wait(Until(9)); use", func() error {
			return inside(func(ctx context.Context) error { _, _, err := task.Wait(ctx, 1, 9, ofAnother()); return err })
		})),
	"AsCompleted": with(append(taking(func(ctx context.Context, of ...future.Any) error {
		for range task.AsCompleted(ctx, 1, of...) {
		}
		return nil
	}), inContext(func(ctx context.Context) error {
		for range task.AsCompleted[future.Any](ctx, 1) {
		}
		return nil
	})...)),
	"Gather": with(combining(func(of ...future.Awaitable[int]) { task.Gather(of...) }),
		on("a nil task among tasks", "task: argument 1 is a nil *task.Task", func() { task.Gather(noTask) }),
		harmless("nothing", func() { task.Gather[*task.Task[int]]() })),
	"Collect": with(combining(func(of ...future.Awaitable[int]) { task.Collect(of...) }),
		on("a nil task among tasks", "task: argument 1 is a nil *task.Task", func() { task.Collect(noTask) })),
	"Completions": with(combining(func(of ...future.Awaitable[int]) { task.Completions(of...) }),
		on("a nil task among tasks", "task: argument 1 is a nil *task.Task", func() { task.Completions(noTask) }),
		harmless("nothing", func() { task.Completions[*task.Task[int]]() })),
	"CancelAll": with(taking(func(_ context.Context, of ...future.Any) error { task.CancelAll(nil, of...); return nil }),
		on("a nil task of a loop", "task: argument 1 is a nil *loop.Task", func() { task.CancelAll(nil, (*loop.Task)(nil)) }),
		harmless("a task that was never spawned", func() { task.CancelAll(nil, new(loop.Task)) }),
		harmless("nothing", func() { task.CancelAll[future.Any](nil) })),
	"Shield": bad(
		on("nil", "task: Shield(nil); give", func() { task.Shield[int](nil) }),
		on("a nil task", "task: Shield(nil); give", func() { task.Shield(noTask) }),
		on("a zero future", zeroFuture, func() { task.Shield(new(future.Future[int])) })),

	"Deadline.Reschedule": bad(
		fails("a zero deadline", "task: Reschedule of a Deadline that Timeout did not make", func() error { return new(task.Deadline).Reschedule(time.Time{}) }),
		fails("a scope that is left", "task: Reschedule of a time limit after its body has ended", func() error {
			var d *task.Deadline
			in(func(ctx context.Context) {
				_ = task.Timeout(ctx, 1, func(_ context.Context, scope *task.Deadline) error { d = scope; return nil })
			})
			return d.Reschedule(time.Time{})
		})),
	"Deadline.Expired": fine(receiverOnly),
	"Deadline.When":    fine(receiverOnly),

	"Task.Cancel": bad(
		on("a zero task", "loop: Cancel"+notSpawned, func() { new(task.Task[int]).Cancel(nil) }),
		harmless("a closed loop", func() {
			l := loop.New()
			t := task.Go(l.Context(), one)
			l.Close()
			t.Cancel(nil)
		})),
	"Task.SetName":        fine(anyValue),
	"Task.CancelRequests": fine(receiverOnly),
	"Task.Name":           fine(receiverOnly),
	"Task.String":         fine(receiverOnly),
	"Task.Task":           fine(receiverOnly),
	"Task.Uncancel":       fine(receiverOnly),

	"NameOf":     bad(on("a nil context", "task: NameOf(nil)", func() { task.NameOf(noContext) }), harmless("no loop's context", func() { task.NameOf(context.Background()) })),
	"LogHandler": bad(on("nil", "task: LogHandler(nil); give", func() { task.LogHandler(nil) })),
	"Void":       bad(on("a nil body", "task: Void of a nil body", func() { task.Void(nil) })),

	"Named":                fine(anyValue),
	"Eager":                fine(receiverOnly),
	"Lazy":                 fine(receiverOnly),
	"End":                  fine(receiverOnly),
	"Turn":                 fine(receiverOnly),
	"For":                  fine(anyValue),
	"On":                   bad(on("nil", "task: On(nil); give", func() { task.On(nil) })),
	"MachineFunc.Resume":   fine("GoMachine panics if it is given a nil one"),
	"GroupError.Error":     fine(receiverOnly),
	"GroupError.Unwrap":    fine(receiverOnly),
	"TaskError.Error":      fine(receiverOnly),
	"TaskError.Unwrap":     fine(receiverOnly),
	"TimeoutError.Error":   fine(receiverOnly),
	"TimeoutError.Timeout": fine(receiverOnly),
	"TimeoutError.Unwrap":  fine(receiverOnly),
}

const noGroup = "task: this Group was not made by WithGroup"

var machine = task.MachineFunc[int](func(context.Context, error) (int, task.Suspension, error) { return 1, task.End(), nil })

func stopped() *task.Runner {
	r := task.Start()
	_ = r.Stop(context.Background())
	return r
}

// submitted is what becomes of a body for a closed loop.
func submitted() *task.Submission[int] { return task.Submit(context.Background(), closed(), one) }

func inGroup(do func(g *task.Group)) {
	in(func(ctx context.Context) {
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error { do(g); return nil })
		if err != nil {
			panic(err)
		}
	})
}

func over() (g *task.Group) {
	inGroup(func(of *task.Group) { g = of })
	return g
}

// asks is the rule of a method that returns a future of what another one waits for.
func asks(ask func(ctx context.Context)) rule {
	return bad(
		on("a nil context", nilContext, func() { ask(noContext) }),
		on("a context of no loop", zeroFuture, func() { ask(context.Background()) }),
		harmless("the context of a task that does not run", func() {
			open(func(l *loop.Loop) {
				var of context.Context
				task.Go(l.Context(), func(ctx context.Context) (int, error) { of = ctx; return 1, nil })
				l.RunUntilIdle()
				ask(of)
			})
		}))
}

var lockRules = map[string]rule{
	"NewBarrier":   bad(on("zero", "lock: NewBarrier(0); the number", func() { lock.NewBarrier(0) })),
	"NewBounded":   bad(on("zero", "lock: NewBounded(0); the number", func() { lock.NewBounded(0) })),
	"NewSemaphore": bad(on("a negative number", "lock: NewSemaphore(-1); the number", func() { lock.NewSemaphore(-1) })),
	"NewCond":      bad(on("nil", "lock: NewCond(nil); use the zero Cond", func() { lock.NewCond(nil) })),

	"Barrier.Abort": with(inContext(func(ctx context.Context) error { return lock.NewBarrier(1).Abort(ctx) })),
	"Barrier.Reset": with(inContext(func(ctx context.Context) error { return lock.NewBarrier(1).Reset(ctx) })),
	"Barrier.Wait": with(inContext(func(ctx context.Context) error { _, err := lock.NewBarrier(1).Wait(ctx); return err }),
		on("a zero barrier", "lock: Wait at the zero Barrier, which is for 0 tasks; make it with NewBarrier", func() { in(func(ctx context.Context) { _, _ = new(lock.Barrier).Wait(ctx) }) })),
	"Barrier.Broken":  fine(receiverOnly),
	"Barrier.Parties": fine(receiverOnly),
	"Barrier.SetName": fine(anyValue),
	"Barrier.Waiting": fine(receiverOnly),

	"Cond.Broadcast": bad(on("no lock", "lock: Broadcast of a Cond whose mutex is not locked", new(lock.Cond).Broadcast)),
	"Cond.Lock":      with(inContext(func(ctx context.Context) error { return new(lock.Cond).Lock(ctx) })),
	"Cond.Unlock":    bad(on("no lock", "lock: Unlock of a Mutex that is not locked", new(lock.Cond).Unlock)),
	"Cond.Signal": bad(
		on("no lock", "lock: Signal of a Cond whose mutex is not locked", func() { new(lock.Cond).Signal(1) }),
		on("a negative number", "lock: Signal(-1); give the number of tasks to wake, or use Broadcast", func() { new(lock.Cond).Signal(-1) })),
	"Cond.Wait": with(inContext(new(lock.Cond).Wait), on("no lock", "lock: Wait of a Cond whose mutex is not locked", func() { in(func(ctx context.Context) { _ = new(lock.Cond).Wait(ctx) }) })),
	"Cond.WaitFor": with(inContext(func(ctx context.Context) error { return new(lock.Cond).WaitFor(ctx, func() bool { return false }) }),
		on("nil", "lock: WaitFor with a nil function", func() { in(func(ctx context.Context) { _ = new(lock.Cond).WaitFor(ctx, nil) }) })),
	"Cond.Waiting": bad(
		on("a nil context", nilContext, func() { new(lock.Cond).Waiting(noContext) }),
		on("a context of no loop", zeroFuture, func() { new(lock.Cond).Waiting(context.Background()) }),
		on("no lock", "lock: Waiting of a Cond whose mutex is not locked", func() { in(func(ctx context.Context) { new(lock.Cond).Waiting(ctx) }) })),
	"Cond.Mutex":   fine(receiverOnly),
	"Cond.SetName": fine(anyValue),

	"Event.Wait":    with(inContext(new(lock.Event).Wait)),
	"Event.Waiting": asks(func(ctx context.Context) { new(lock.Event).Waiting(ctx) }),
	"Event.Clear":   fine(receiverOnly),
	"Event.IsSet":   fine(receiverOnly),
	"Event.Set":     fine(receiverOnly),

	"Mutex.Lock": with(inContext(func(ctx context.Context) error { return new(lock.Mutex).Lock(ctx) }),
		on("tasks of two loops", "is used by tasks of two loops; give each loop its own", func() {
			var m lock.Mutex
			wait := func(l *loop.Loop) {
				task.Go(l.Context(), func(ctx context.Context) (int, error) { return 1, m.Lock(ctx) })
			}
			open(func(l *loop.Loop) {
				wait(l)
				wait(l)
				l.RunUntilIdle()
				in(func(ctx context.Context) { _ = m.Lock(ctx) })
			})
		})),
	"Mutex.Locking": asks(func(ctx context.Context) { new(lock.Mutex).Locking(ctx) }),
	"Mutex.Unlock":  bad(on("no lock", "lock: Unlock of a Mutex that is not locked", new(lock.Mutex).Unlock)),
	"Mutex.Locked":  fine(receiverOnly),
	"Mutex.TryLock": fine(receiverOnly),

	"Semaphore.Acquire":    with(inContext(lock.NewSemaphore(1).Acquire)),
	"Semaphore.Acquiring":  asks(func(ctx context.Context) { lock.NewSemaphore(0).Acquiring(ctx) }),
	"Semaphore.Release":    bad(on("all permits", "lock: Release of a bounded Semaphore that has all its permits", func() { lock.NewBounded(1).Release() })),
	"Semaphore.Free":       fine(receiverOnly),
	"Semaphore.TryAcquire": fine(receiverOnly),
}

var queueRules = map[string]rule{
	"New":         bad(on("a negative number", "queue: room for -1 items; give a positive number", func() { queue.New[int](-1) })),
	"NewLIFO":     bad(on("a negative number", "queue: room for -1 items; give a positive number", func() { queue.NewLIFO[int](-1) })),
	"NewPriority": bad(on("nil", "queue: NewPriority with a nil less; give", func() { queue.NewPriority[int](0, nil) })),

	"Queue.Put":  with(inContext(func(ctx context.Context) error { return queue.New[int](0).Put(ctx, 1) })),
	"Queue.Get":  with(inContext(func(ctx context.Context) error { _, err := queue.New[int](0).Get(ctx); return err })),
	"Queue.Join": with(inContext(queue.New[int](0).Join)),
	"Queue.All": with(inContext(func(ctx context.Context) error {
		for range queue.New[int](0).All(ctx) {
		}
		return nil
	})),
	"Queue.Getting":  asks(func(ctx context.Context) { queue.New[int](0).Getting(ctx) }),
	"Queue.Putting":  asks(func(ctx context.Context) { queue.New[int](0).Putting(ctx, 1) }),
	"Queue.Joining":  asks(func(ctx context.Context) { queue.New[int](0).Joining(ctx) }),
	"Queue.Done":     bad(on("nothing undone", "queue: Done called more often than items were put", queue.New[int](0).Done)),
	"Queue.Cap":      fine(receiverOnly),
	"Queue.Len":      fine(receiverOnly),
	"Queue.SetName":  fine(anyValue),
	"Queue.Shutdown": bad(harmless("a queue that was shut down", func() { q := queue.New[int](0); q.Shutdown(false); q.Shutdown(true) })),
	"Queue.TryGet":   bad(fails("an empty queue", "queue: empty", func() error { _, err := new(queue.Queue[int]).TryGet(); return err })),
	"Queue.TryPut":   bad(harmless("a zero queue", func() { _ = new(queue.Queue[int]).TryPut(1) })),
	"Queue.Undone":   fine(receiverOnly),
}
