package task

import (
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// CancelAll cancels several tasks or futures by one request, in order of the arguments. It returns
// the number of tasks and futures whose Cancel has returned true. It does not wait for their end:
// to do that, await a [Collect] of them, or use [Wait].
//
// If several of the tasks await the same future or task, the request reaches it once. If a task is
// given twice, it is asked once. CancelAll skips tasks and futures that are done. So it does not
// take the errors of failed tasks, as Cancel does. The running task may be among the arguments: its
// next suspension delivers the cancellation. cause may be nil. These two lines cancel all other
// tasks of a loop:
//
//	others := slices.DeleteFunc(task.All(ctx), func(t *loop.Task) bool { return t == task.Current(ctx) })
//	task.CancelAll(cause, others...)
//
// CancelAll panics if an argument is nil, or if the arguments belong to different loops. Its cost
// is linear in the number of objects that the request reaches. asyncio: a for statement that
// cancels tasks.
func CancelAll[A interface {
	Loop() *loop.Loop
	Done() bool
	Cancel(cause error) bool
}](cause error, of ...A) (asked int) {
	l := commonLoop(of)
	if l == nil {
		return 0 // all arguments are gathers of nothing, which are done
	}
	lowlevel.Sweep(l, func() {
		seen := make(map[any]bool, len(of))
		for _, a := range of {
			if seen[identity(a)] {
				continue
			}
			seen[identity(a)] = true
			if !a.Done() && a.Cancel(cause) {
				asked++
			}
		}
	})
	return asked
}

// identity returns the awaitable that a is a view of, or a itself.
func identity(a any) any {
	if v, ok := a.(interface{ Self() loop.Awaitable }); ok {
		return v.Self()
	}
	return a
}
