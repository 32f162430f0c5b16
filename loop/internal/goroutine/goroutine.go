// Package goroutine identifies goroutines, and says what a goroutine is doing. It uses no go:linkname.
package goroutine

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
)

// Number returns the number that stack traces print for the calling goroutine, and reports whether
// the goroutine has locked its thread (by runtime.LockOSThread, or in a cgo callback). It costs
// microseconds, because the runtime writes the whole stack.
func Number() (n uint64, locked bool) {
	var buf [96]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("]"))
	number, _, _ := bytes.Cut(bytes.TrimPrefix(header, []byte("goroutine ")), []byte(" "))
	n, _ = strconv.ParseUint(string(number), 10, 64)
	return n, bytes.HasSuffix(header, []byte(", locked to thread"))
}

// Coroutine reports whether two conditions hold: the calling goroutine is a coroutine of iter.Pull
// or iter.Pull2, and ours returns false for each function on its stack. It costs a walk of the
// stack.
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

// Panicking reports whether a panic runs the deferred function that calls it. It returns false if a
// Goexit or a return runs that function. The result of recover is not enough to know that: with
// GODEBUG=panicnil=1, recover returns nil for panic(nil), too. So Panicking looks on the stack for the
// runtime's function that runs deferred calls. It costs a walk of the stack.
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

// Exiting reports whether a Goexit runs the deferred function that calls it, perhaps with a panic in between. Such a
// panic can be recovered, but the Goexit goes on. It costs a walk of the stack.
func Exiting() bool {
	return Inside(func(function string) bool { return function == "runtime.Goexit" })
}

// Inside reports whether is returns true for a function on the stack of the calling goroutine. It costs a walk of the
// stack.
func Inside(is func(function string) bool) bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		for _, pc := range pcs[:n] {
			if f := runtime.FuncForPC(pc - 1); f != nil && is(f.Name()) {
				return true
			}
		}
	}
}

// Stack returns the stack trace of the goroutine with that number, without its first line. It
// returns "" if there is no such goroutine. It stops all other goroutines while it works.
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
