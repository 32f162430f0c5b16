package looptest

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// T is what a body is handed in place of the test's own testing.TB, whose methods it
// has.
//
// Under [Run] it is the test's own. Under [Explore] and [Replay] it is the schedule's: a
// failure does not fail the test until the schedule has been minimised, what is logged
// is shown for that one only, Skip gives up the schedule, not the test, and a Cleanup is
// called at the end of the schedule, when its loop is closed.
//
// Fatal, FailNow and Skip end the body and all its tasks, wherever they are called, and
// every deferred call runs.
type T struct{ testing.TB }

// A holder is the testing.TB of one schedule: it keeps what the schedule has to say,
// until it is known whether that matters.
type holder struct {
	testing.TB
	mu       sync.Mutex
	lines    []string
	helpers  []uintptr // where Helper was called
	failed   bool
	skipped  bool
	finished bool // by FailNow or Skip
	deaf     bool // what is said now is only because the loop is being closed
	heard    func(line string)
	cleanups []func()
}

func (h *holder) Helper() {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.helpers, pcs[0]) {
		h.helpers = append(h.helpers, pcs[0])
	}
}

// log adds text, after the file and line of the body's call, as package testing does.
// Its caller is a method that the body, or a helper of it, has called.
func (h *holder) log(text string) {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	h.mu.Lock()
	defer h.mu.Unlock()
	helpers := map[string]bool{}
	for i := range h.helpers {
		frame, _ := runtime.CallersFrames(h.helpers[i : i+1]).Next()
		helpers[frame.Function] = true
	}
	frame, more := frames.Next()
	for more && helpers[frame.Function] {
		frame, more = frames.Next()
	}
	h.say(place(frame) + ": " + text)
}

// say adds text. h.mu is locked.
func (h *holder) say(text string) {
	if h.deaf {
		return
	}
	text = strings.TrimRight(text, "\n")
	h.lines = append(h.lines, text)
	if h.heard != nil {
		h.heard(text)
	}
}

func (h *holder) Fail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = true
}

func (h *holder) Failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

func (h *holder) Skipped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.skipped
}

func (h *holder) FailNow() {
	h.Fail()
	h.finish(false)
}

func (h *holder) SkipNow() { h.finish(true) }

// finish ends the calling goroutine.
func (h *holder) finish(skip bool) {
	h.mu.Lock()
	h.finished = true
	h.skipped = h.skipped || skip
	h.mu.Unlock()
	runtime.Goexit()
}

func (h *holder) Log(args ...any)                 { h.log(fmt.Sprintln(args...)) }
func (h *holder) Logf(format string, args ...any) { h.log(fmt.Sprintf(format, args...)) }

func (h *holder) Error(args ...any) {
	h.log(fmt.Sprintln(args...))
	h.Fail()
}

func (h *holder) Errorf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...))
	h.Fail()
}

func (h *holder) Fatal(args ...any) {
	h.log(fmt.Sprintln(args...))
	h.FailNow()
}

func (h *holder) Fatalf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...))
	h.FailNow()
}

func (h *holder) Skip(args ...any) {
	h.log(fmt.Sprintln(args...))
	h.SkipNow()
}

func (h *holder) Skipf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...))
	h.SkipNow()
}

// Output returns where lines can be written that belong to the schedule.
func (h *holder) Output() io.Writer { return heldOutput{h} }

type heldOutput struct{ *holder }

func (o heldOutput) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say(string(text))
	return len(text), nil
}

func (h *holder) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

// cleanUp calls the cleanups, last added first, also those that they add.
func (h *holder) cleanUp() {
	h.mu.Lock()
	last := len(h.cleanups) - 1
	if last < 0 {
		h.mu.Unlock()
		return
	}
	f := h.cleanups[last]
	h.cleanups = h.cleanups[:last]
	h.mu.Unlock()
	defer h.cleanUp() // also if f calls FailNow
	f()
}
