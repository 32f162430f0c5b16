package loop

import (
	"runtime"

	"github.com/takt-go/takt/loop/internal/coro"
)

// inside reports whether the calling code runs on a loop: see Inside in package lowlevel.
func inside() bool {
	var pcs [64]uintptr // every function that a loop calls runs in drive, or on a stack
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
