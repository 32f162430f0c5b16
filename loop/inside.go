package loop

import (
	"runtime"

	"github.com/takt-go/takt/loop/internal/coro"
)

// Inside reports whether the calling goroutine is driving a loop, or runs for one: whether
// the call is made in a body, a callback, or something else that a loop calls, whichever
// contexts are at hand. What blocks there holds that loop up. It is not known of a body that
// runs on a coroutine of its own, made by [iter.Pull].
//
// It costs a walk of the goroutine's stack, a microsecond or more.
func Inside() bool {
	var pcs [64]uintptr // all that a loop runs is called in drive, or on a stack
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == loopDrive || frame.Function == coro.Main {
				return true
			}
		}
	}
}
