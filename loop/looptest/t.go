package looptest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A T is given to a body in place of the test's own testing.TB. It has the same methods.
//
// Under [Run] its methods are those of the test. Under [Explore], [Replay] and [Fuzz] it belongs to one
// schedule:
//
//   - A failure fails the schedule. Explore minimises the schedule, and then fails the test.
//   - The report shows only the texts that the minimised schedule logs.
//   - Skip ends the schedule, not the test.
//   - A function given to Cleanup is called at the end of the schedule, after its loop is closed. If it
//     panics, the schedule fails.
//   - TempDir, Setenv, Chdir and Context are for this schedule: what they have made or changed is undone
//     with its Cleanup functions. Setenv and Chdir change the whole process, so they do not go with
//     [Parallel].
//
// Any task may call Fatal, FailNow and Skip. They end the body and all its tasks, and all deferred
// calls run.
type T struct {
	testing.TB
	run     *run                  // nil if no run made the T
	streams map[string]*rand.Rand // of the noise
}

// A holder is the testing.TB of one schedule. It keeps the texts that the schedule logs: they are
// printed only if the schedule fails.
type holder struct {
	testing.TB
	mu       sync.Mutex
	lines    []string
	errors   []string  // the lines that belong to a failure
	helpers  []uintptr // the places that called Helper
	failed   bool
	skipped  bool
	finished bool // FailNow or Skip was called
	deaf     bool // texts and failures are not kept: they come only because the loop is being closed
	heard    func(line string, bad bool)
	cleanups []func()
	ctx      context.Context // of Context; nil before the first call
	cancel   func()          // ends ctx
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

// log adds text, after the file and line of the body's call, as package testing does. A method of
// the holder must call log directly: log skips one frame for it. bad says that text belongs to a
// failure.
func (h *holder) log(text string, bad bool) {
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
	h.say(place(frame)+": "+text, bad)
}

// say adds text. The caller has locked h.mu.
func (h *holder) say(text string, bad bool) {
	if h.deaf {
		return
	}
	text = strings.TrimRight(text, "\n")
	h.lines = append(h.lines, text)
	if bad {
		h.errors = append(h.errors, text)
	}
	if h.heard != nil {
		h.heard(text, bad)
	}
}

func (h *holder) Fail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf {
		return
	}
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

func (h *holder) Log(args ...any)                 { h.log(fmt.Sprintln(args...), false) }
func (h *holder) Logf(format string, args ...any) { h.log(fmt.Sprintf(format, args...), false) }

func (h *holder) Error(args ...any) {
	h.log(fmt.Sprintln(args...), true)
	h.Fail()
}

func (h *holder) Errorf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...), true)
	h.Fail()
}

func (h *holder) Fatal(args ...any) {
	h.log(fmt.Sprintln(args...), true)
	h.FailNow()
}

func (h *holder) Fatalf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...), true)
	h.FailNow()
}

func (h *holder) Skip(args ...any) {
	h.log(fmt.Sprintln(args...), false)
	h.SkipNow()
}

func (h *holder) Skipf(format string, args ...any) {
	h.log(fmt.Sprintf(format, args...), false)
	h.SkipNow()
}

// Output returns a writer that adds text to the schedule's own.
func (h *holder) Output() io.Writer { return heldOutput{h} }

type heldOutput struct{ *holder }

func (o heldOutput) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say(string(text), false)
	return len(text), nil
}

func (h *holder) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

// TempDir returns a new folder, which is removed at the end of the schedule.
func (h *holder) TempDir() string {
	dir, err := os.MkdirTemp("", "looptest")
	if err != nil {
		h.log(fmt.Sprintf("TempDir: %v", err), true)
		h.FailNow()
	}
	h.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			h.Errorf("TempDir: %v", err)
		}
	})
	return dir
}

// Setenv sets a variable of the environment until the end of the schedule.
func (h *holder) Setenv(key, value string) {
	before, set := os.LookupEnv(key)
	h.TB.Setenv(key, value)
	h.Cleanup(func() {
		if set {
			h.TB.Setenv(key, before)
		} else {
			os.Unsetenv(key)
		}
	})
}

// Chdir changes the working directory until the end of the schedule.
func (h *holder) Chdir(dir string) {
	before, err := os.Getwd()
	h.TB.Chdir(dir)
	if err == nil { // otherwise TB.Chdir has failed the test
		h.Cleanup(func() { h.TB.Chdir(before) })
	}
}

// Context returns a context that ends just before the functions given to Cleanup are called.
func (h *holder) Context() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx == nil {
		h.ctx, h.cancel = context.WithCancel(h.TB.Context())
	}
	return h.ctx
}

// cleanUp calls the functions given to Cleanup, the last one first. Such a function may call
// Cleanup again. If one panics or calls Goexit by itself, cleanUp tells fell, and goes on.
func (h *holder) cleanUp(fell func(err error)) {
	h.mu.Lock()
	if h.cancel != nil {
		h.cancel() // again for each function: the first one may have called Context
	}
	last := len(h.cleanups) - 1
	if last < 0 {
		h.mu.Unlock()
		return
	}
	f := h.cleanups[last]
	h.cleanups = h.cleanups[:last]
	h.finished = false // the body may have called FailNow
	h.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			if err := lowlevel.Recovered(recover(), nil); err != loop.ErrGoexit || !h.finished {
				fell(err)
			}
		}
		h.cleanUp(fell) // in the deferred function, because f may call FailNow
	}()
	f()
	returned = true
}
