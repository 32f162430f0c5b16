package loop

import (
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// panicStack returns the stack of the panic that is being recovered, in the format of [debug.Stack]. It
// begins with the frame that panicked, and ends with that of the body or callback. at is the place of
// the first frame, as file:line.
func panicStack() (stack []byte, at string) {
	first, trace, _ := strings.Cut(string(debug.Stack()), "\n")
	frames := textFrames(trace)
	for i, f := range frames {
		if f.function() == "panic" { // the only frame of the runtime that a stack trace shows
			frames = frames[i+1:]
			break
		}
	}
	frames = bodyFrames(frames)
	if len(frames) > 0 {
		at = frames[0].place()
	}
	return []byte(first + "\n" + join(frames)), at
}

// bodyText returns a stack trace without the frames below a body or callback. trace has no first line.
func bodyText(trace string) string { return join(bodyFrames(textFrames(trace))) }

// A textFrame is the text of a frame in a stack trace: a line with the function, and one with the place.
type textFrame string

func textFrames(trace string) []textFrame {
	var frames []textFrame
	for line := range strings.Lines(trace) {
		if at := len(frames) - 1; at >= 0 && strings.HasPrefix(line, "\t") {
			frames[at] += textFrame(line)
		} else {
			frames = append(frames, textFrame(line))
		}
	}
	return frames
}

func join(frames []textFrame) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString(string(f))
	}
	return b.String()
}

// function returns the function's name, without arguments.
func (f textFrame) function() string {
	line, _, _ := strings.Cut(string(f), "\n")
	if creator, ok := strings.CutPrefix(line, "created by "); ok {
		line, _, _ = strings.Cut(creator, " ")
		return line
	}
	if at := strings.LastIndexByte(line, '('); at > 0 {
		return line[:at]
	}
	return line
}

// place returns the place of the frame, as file:line, without the directory.
func (f textFrame) place() string {
	_, place, _ := strings.Cut(string(f), "\n\t")
	place, _, _ = strings.Cut(strings.TrimSpace(place), " ")
	return path.Base(place)
}

// ofScheduler reports whether this is the frame of a function by which the scheduler calls a body or
// callback.
func (f textFrame) ofScheduler() bool { return schedules(f.function()) }

// bodyFrames returns the frames of a body or callback and of the functions that it calls. It leaves out
// the frames of the scheduler, and those of the library between the scheduler and the body. If there are
// only frames of the library, it keeps the innermost one.
func bodyFrames(frames []textFrame) []textFrame {
	if at := slices.IndexFunc(frames, textFrame.ofScheduler); at >= 0 {
		frames = frames[:at]
	}
	for n := len(frames); n > 1 && internal(frames[n-1].function(), "loop", "loop/lowlevel", "future", "task", "task/lock", "task/queue", "factory"); n-- {
		frames = frames[:n-1]
	}
	return frames
}
