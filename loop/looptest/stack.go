package looptest

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/takt-go/takt/loop"
)

// maxFrames is how many lines describe the stack of a panic.
const maxFrames = 7

// panicText describes a panic in a body or callback: the message, then the place in the program
// that panicked, then its callers. It leaves out the frames of this library and of the runtime.
func panicText(p *loop.PanicError) string {
	return strings.Join(append(firstLines(p.Error(), 4), stackOf(p)...), "\n")
}

// stackOf returns the lines for the stack of p.
func stackOf(p *loop.PanicError) []string {
	frames := framesOf(string(p.Stack))
	if len(frames) == 0 {
		return []string{"\tat " + p.At}
	}
	return stackLines(frames)
}

// stackLines returns the lines for the frames of a stack, maxFrames at most.
func stackLines(frames []string) []string {
	var lines []string
	groups := fold(len(frames), func(i, j int) bool { return frames[i] == frames[j] })
	for at, g := range groups {
		if len(lines)+g.size > maxFrames-1 && at < len(groups)-1 {
			last := groups[len(groups)-1]
			return append(lines, fmt.Sprintf("\t... %s", count(last.first+last.size*last.times-g.first, "more frame", "more frames")))
		}
		for i, frame := range frames[g.first : g.first+g.size] {
			how := "called from "
			switch {
			case strings.HasPrefix(frame, "..."):
				how = ""
			case len(lines) == 0:
				how = "at "
			}
			if g.times > 1 && i == g.size-1 {
				frame += times(g)
			}
			lines = append(lines, "\t"+how+frame)
		}
	}
	return lines
}

// times says how often a group is repeated.
func times(g group) string {
	if g.size == 1 {
		return fmt.Sprintf("  ×%d", g.times)
	}
	return fmt.Sprintf("  (these %d ×%d)", g.size, g.times)
}

// framesOf returns the frames of a stack that debug.Stack has formatted: the place and the function
// of each. In place of the frames in the middle of a deep stack debug.Stack has one line.
func framesOf(stack string) []string {
	var frames []string
	function := ""
	for line := range strings.SplitSeq(stack, "\n") {
		place, ok := strings.CutPrefix(line, "\t")
		switch {
		case strings.HasSuffix(line, " frames elided..."):
			frames = append(frames, line)
		case !ok:
			function = line
		case ofProgram(function, place):
			place, _, _ = strings.Cut(place, " +0x")
			frames = append(frames, cut(filepath.Base(place)+", in "+nameOf(function), maxLine))
		}
	}
	return frames
}

// ofProgram reports whether a frame, as in a stack, is neither of this library nor of the runtime.
func ofProgram(function, place string) bool {
	for _, prefix := range []string{"panic(", "runtime.", "runtime/", "iter.", "created by ", "testing."} {
		if strings.HasPrefix(function, prefix) {
			return false
		}
	}
	file, _, _ := strings.Cut(place, ".go:")
	return !ofTakt(function, file+".go")
}

// nameOf returns the name of a function, as in a stack, without the directory of its package and
// without its arguments.
func nameOf(function string) string {
	if at := strings.LastIndexByte(function, '('); at > 0 {
		function = function[:at]
	}
	return filepath.Base(function)
}
