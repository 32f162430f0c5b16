package looptest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// T is what a body is handed in place of the test's own testing.TB, whose methods it
// has. Under [Explore] a failure is one of the schedule: it does not fail the test until
// the schedule has been minimised, and what is logged is shown for that one only.
//
// Fatal, FailNow and Skip end the body and all its tasks, wherever they are called, and
// every deferred call runs.
type T struct {
	testing.TB
	held *held // under Explore; nil passes everything on
}

// held is what a schedule has to say, kept until it is known whether that matters.
type held struct {
	mu       sync.Mutex
	lines    []string
	failed   bool
	skipped  bool
	finished bool // by FailNow or Skip
	cleanups []func()
}

func (h *held) add(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.TrimRight(text, "\n"))
}

func (h *held) fail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = true
}

// fatal notes that the goroutine is about to be ended.
func (h *held) finish(skip bool) {
	h.mu.Lock()
	h.finished = true
	h.skipped = h.skipped || skip
	h.mu.Unlock()
	runtime.Goexit()
}

// where prefixes text with the file and line of the body's call, as package testing does.
func where(text string) string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return text
	}
	return fmt.Sprintf("%s:%d: %s", file[strings.LastIndexByte(file, '/')+1:], line, text)
}

// Log is [testing.TB]'s Log.
func (t *T) Log(args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Log(args...)
		return
	}
	t.held.add(where(fmt.Sprintln(args...)))
}

// Logf is [testing.TB]'s Logf.
func (t *T) Logf(format string, args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Logf(format, args...)
		return
	}
	t.held.add(where(fmt.Sprintf(format, args...)))
}

// Error is [testing.TB]'s Error.
func (t *T) Error(args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Error(args...)
		return
	}
	t.held.add(where(fmt.Sprintln(args...)))
	t.held.fail()
}

// Errorf is [testing.TB]'s Errorf.
func (t *T) Errorf(format string, args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Errorf(format, args...)
		return
	}
	t.held.add(where(fmt.Sprintf(format, args...)))
	t.held.fail()
}

// Fatal is [testing.TB]'s Fatal.
func (t *T) Fatal(args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Fatal(args...)
		return
	}
	t.held.add(where(fmt.Sprintln(args...)))
	t.FailNow()
}

// Fatalf is [testing.TB]'s Fatalf.
func (t *T) Fatalf(format string, args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Fatalf(format, args...)
		return
	}
	t.held.add(where(fmt.Sprintf(format, args...)))
	t.FailNow()
}

// Fail is [testing.TB]'s Fail.
func (t *T) Fail() {
	if t.held == nil {
		t.TB.Fail()
		return
	}
	t.held.fail()
}

// FailNow is [testing.TB]'s FailNow.
func (t *T) FailNow() {
	if t.held == nil {
		t.TB.FailNow()
		return
	}
	t.held.fail()
	t.held.finish(false)
}

// Failed is [testing.TB]'s Failed.
func (t *T) Failed() bool {
	if t.held == nil {
		return t.TB.Failed()
	}
	t.held.mu.Lock()
	defer t.held.mu.Unlock()
	return t.held.failed
}

// Skip is [testing.TB]'s Skip.
func (t *T) Skip(args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Skip(args...)
		return
	}
	t.held.add(where(fmt.Sprintln(args...)))
	t.SkipNow()
}

// Skipf is [testing.TB]'s Skipf.
func (t *T) Skipf(format string, args ...any) {
	t.TB.Helper()
	if t.held == nil {
		t.TB.Skipf(format, args...)
		return
	}
	t.held.add(where(fmt.Sprintf(format, args...)))
	t.SkipNow()
}

// SkipNow is [testing.TB]'s SkipNow. Under Explore it gives up the schedule, not the
// test.
func (t *T) SkipNow() {
	if t.held == nil {
		t.TB.SkipNow()
		return
	}
	t.held.finish(true)
}

// Skipped is [testing.TB]'s Skipped.
func (t *T) Skipped() bool {
	if t.held == nil {
		return t.TB.Skipped()
	}
	t.held.mu.Lock()
	defer t.held.mu.Unlock()
	return t.held.skipped
}

// Cleanup is [testing.TB]'s Cleanup. Under Explore it is called at the end of the
// schedule, when the loop is closed.
func (t *T) Cleanup(f func()) {
	if t.held == nil {
		t.TB.Cleanup(f)
		return
	}
	t.held.mu.Lock()
	defer t.held.mu.Unlock()
	t.held.cleanups = append(t.held.cleanups, f)
}

// cleanUp calls the cleanups, last added first.
func (h *held) cleanUp() {
	for len(h.cleanups) > 0 {
		last := len(h.cleanups) - 1
		f := h.cleanups[last]
		h.cleanups = h.cleanups[:last]
		f()
	}
}
