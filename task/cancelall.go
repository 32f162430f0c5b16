package task

import (
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// CancelAll cancels those of the tasks or futures that are not done, in order of the arguments,
// by one request, and returns how many have taken it. It asks for the end and does not wait for
// it: await a [Collect] of them, or Wait, for that.
//
// What several of them await is asked once, and one that is given twice is, too. What is done stays as
// it is: its error is not taken, unlike by Cancel. cause may be nil. The running task may be among
// them: its next suspension tells it. So this cancels all other tasks of a loop:
//
//	others := slices.DeleteFunc(task.All(ctx), func(t *loop.Task) bool { return t == task.Current(ctx) })
//	task.CancelAll(cause, others...)
//
// CancelAll panics if one of them is nil, or if they belong to different loops. Its cost is linear in
// what the request reaches. asyncio: a loop over tasks that calls cancel.
func CancelAll[A interface {
	Loop() *loop.Loop
	Done() bool
	Cancel(cause error) bool
}](cause error, of ...A) (asked int) {
	l := commonLoop(of)
	if l == nil {
		return 0 // they are gathers of nothing
	}
	lowlevel.Sweep(l, func() {
		seen := make(map[any]bool, len(of))
		for _, a := range of {
			if seen[a] {
				continue
			}
			seen[a] = true
			if !a.Done() && a.Cancel(cause) {
				asked++
			}
		}
	})
	return asked
}
