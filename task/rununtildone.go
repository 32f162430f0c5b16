package task

import (
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
)

// RunUntilDone runs l until f, a task or future of l, is done, and returns the result of f. It is
// for a host that drives a loop itself, and needs one result. The loop stays open, and the other
// tasks stay as they are: when the host runs the loop again, they go on.
//
// If f becomes done in one turn, l stops at the end of the next turn, as in asyncio. If f is done
// already, l runs one turn. The error is the error of f. If f is a task that has panicked, the
// error is a *[PanicError]. The loop does not report this error again. If l stops before f is done,
// the value is zero, and the error says why:
//   - a [*loop.DeadlockError] if some tasks are unfinished, and nothing can wake them: see
//     [loop.Loop.Run];
//   - otherwise an error that says that l ended first: nothing was left to do, or other code has
//     called [loop.Loop.Stop].
//
// RunUntilDone adds a callback to f. When it returns, this callback is removed or has no effect any
// more, even if a runtime.Goexit in a task ends RunUntilDone. RunUntilDone panics if l or f is nil,
// if f belongs to another loop, or if l is running or closed. It makes the allocations of OnDone.
// asyncio: run_until_complete.
func RunUntilDone[T any](l *loop.Loop, f future.Awaitable[T]) (v T, err error) {
	if l == nil || isNil(f) {
		panic("task: RunUntilDone on a nil loop, or of a nil task or future; give it a loop, and a task or future of that loop")
	}
	if of := f.Loop(); of != l && (of != nil || !f.Done()) {
		panic("task: RunUntilDone of a task or future of another loop; give it one of the loop that it runs")
	}
	if l.Running() || l.Closed() {
		panic("task: RunUntilDone on a loop that is running or closed; await the task or future in a body there, or make another loop")
	}
	over := false
	stop := f.OnDone(func() {
		if !over { // if over, this callback runs late, in another Run, and must not stop that Run
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
	return v, fmt.Errorf("task: the loop ended before %s was done: nothing was left to do, or other code has called Stop", what)
}
