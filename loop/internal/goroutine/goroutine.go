// Package goroutine tells goroutines apart, and what the calling one is doing. Nothing in it
// is linked into the runtime by name.
package goroutine

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
)

// Number returns the number of the calling goroutine, as stack traces print it, and
// whether the goroutine has locked its thread (runtime.LockOSThread, a cgo callback). It
// costs microseconds: the runtime writes the whole stack for it.
func Number() (n uint64, locked bool) {
	var buf [96]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("]"))
	number, _, _ := bytes.Cut(bytes.TrimPrefix(header, []byte("goroutine ")), []byte(" "))
	n, _ = strconv.ParseUint(string(number), 10, 64)
	return n, bytes.HasSuffix(header, []byte(", locked to thread"))
}

// Coroutine reports whether the calling goroutine is one of iter.Pull or iter.Pull2, and
// none of whose functions is ours. It costs a walk of the stack.
func Coroutine(ours func(function string) bool) bool {
	var pcs [64]uintptr
	bottom := ""
	for skip := 1; ; {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return bottom == "runtime.corostart"
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			if ours(frame.Function) {
				return false
			}
			if frame.Function != "" && frame.Function != "runtime.goexit" {
				bottom = frame.Function
			}
			skip++
		}
	}
}

// Panicking reports whether a panic, and not a Goexit, runs the deferred function in which it
// is called. The result of recover does not say: with GODEBUG=panicnil=1 it is nil for
// panic(nil) too. So Panicking looks on the stack for the function of the runtime that runs
// deferred calls. It costs a walk of the stack.
func Panicking() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch frame.Function {
		case "runtime.gopanic":
			return true
		case "runtime.Goexit":
			return false
		}
	}
	return false
}

// Stack returns what the stack trace of the goroutine with that number says below its
// first line, or "" if there is none. The world stands still meanwhile.
func Stack(number uint64) string {
	header := "goroutine " + strconv.FormatUint(number, 10) + " ["
	for size := 1 << 16; ; size *= 2 {
		buf := make([]byte, size)
		n := runtime.Stack(buf, true)
		if n == size && size < 1<<28 { // cut off
			continue
		}
		for trace := range strings.SplitSeq(string(buf[:n]), "\n\n") {
			if strings.HasPrefix(trace, header) {
				_, stack, _ := strings.Cut(trace, "\n")
				return stack
			}
		}
		return ""
	}
}
