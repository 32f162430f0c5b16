package task

import (
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// RunUntilDone runs l until f, a task or future of l, is done, and returns its result. It is
// for a host that drives a loop of its own, and needs one result of it. The loop stays open: the
// next call goes on where this one has stopped, and the other tasks are as they were.
//
// f is done in some turn, and l stops at the end of the turn after it, as asyncio's does. If f
// is done already, l runs one turn. The error is that of f, which counts as taken, a panic of a
// task as a *[PanicError]. If l ends before f is done, the value is zero, and the error says why:
//   - a [*loop.DeadlockError] if tasks are left that nothing can wake; see [loop.Loop.Run];
//   - an error that says that nothing is left to do, where no task, timer or call is left;
//   - otherwise an error that says that the loop was stopped: other code has called
//     [loop.Loop.Stop].
//
// Nothing of the call is left in l when it returns, also where a runtime.Goexit in a task ends
// it. It panics if l or f is nil, if f belongs to another loop, and if l is running or closed. It
// allocates what OnDone does. asyncio: run_until_complete.
func RunUntilDone[T any](l *loop.Loop, f future.Awaitable[T]) (v T, err error) {
	if l == nil || isNil(f) {
		panic("task: RunUntilDone on a nil loop, or of a nil task or future; give it both")
	}
	if of := f.Loop(); of != l && (of != nil || !f.Done()) {
		panic("task: RunUntilDone of what belongs to another loop; give it a task or future of the loop that it runs")
	}
	if l.Running() || l.Closed() {
		panic("task: RunUntilDone on a loop that is running or closed; await the task or future in a body there, or make another loop")
	}
	over := false
	stop := f.OnDone(func() {
		if !over { // else it is in the ready queue still, and the next Run is not to be stopped
			l.Stop()
		}
	})
	defer func() {
		over = true
		stop.Remove()
	}()
	if err := l.Run(); err != nil && !f.Done() {
		return v, err
	}
	if f.Done() {
		return f.Result()
	}
	what, _ := f.Explain()
	if n := l.Stats(); n.Tasks+n.Ready+n.Timers+n.Blocking == 0 {
		return v, fmt.Errorf("task: the loop has nothing left to do, and %s is not done", what)
	}
	return v, fmt.Errorf("task: the loop was stopped before %s was done", what)
}
