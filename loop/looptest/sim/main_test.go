package sim_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// many returns a number of schedules, which is smaller under the race detector.
func many(n int) int {
	if testkit.Race {
		return max(1, n/5)
	}
	return n
}

type none = struct{}

// spawn makes a task without a result.
func spawn(ctx context.Context, name string, body func(ctx context.Context) error) *task.Task[none] {
	return task.Go(ctx, task.Void(body), task.Named(name))
}

// asleep is a program that does nothing, and ends when it is canceled.
func asleep(ctx context.Context, _ *host.Host) error { return task.Sleep(ctx, task.NoLimit) }

// left returns the names of the tasks that have not ended, except the running one.
func left(ctx context.Context) (all []string) {
	for t := range lowlevel.LoopOf(ctx).Tasks() {
		if t != lowlevel.Current(ctx) {
			all = append(all, t.Name())
		}
	}
	return all
}

// contains fails the test unless text has every one of the parts.
func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// panics calls fn, which must panic with a message that contains want.
func panics(t testing.TB, want string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		contains(t, fmt.Sprint(recover()), want)
	}()
	fn()
}

// A recording is a testing.TB that keeps the failures, and fails no test.
type recording struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

// record calls f with a recording, on a new goroutine. Fatal ends this goroutine.
func record(t testing.TB, f func(tb testing.TB)) *recording {
	r := &recording{TB: t}
	done := make(chan none)
	go func() {
		defer close(done)
		defer func() {
			for last := len(r.cleanups) - 1; last >= 0; last = len(r.cleanups) - 1 {
				f := r.cleanups[last]
				r.cleanups = r.cleanups[:last]
				f()
			}
		}()
		f(r)
	}()
	<-done
	return r
}

func (r *recording) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, strings.TrimRight(text, "\n"))
}

func (r *recording) Helper()                           {}
func (r *recording) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recording) Log(...any)                        {}
func (r *recording) Logf(string, ...any)               {}
func (r *recording) Error(args ...any)                 { r.note(fmt.Sprintln(args...)) }
func (r *recording) Errorf(format string, args ...any) { r.note(fmt.Sprintf(format, args...)) }
func (r *recording) Fail()                             { r.note("Fail") }
func (r *recording) FailNow()                          { r.note("FailNow"); runtime.Goexit() }
func (r *recording) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recording) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recording) Output() io.Writer                 { return io.Discard }

func (r *recording) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errors) > 0
}

// report returns the texts of all failures.
func (r *recording) report() string { return strings.Join(r.errors, "\n") }

var replayLine = regexp.MustCompile(`looptest\.Replay\(t, "(takt2:[^"]*)", body\)`)

// replay returns the schedule in the report, or "" if it has none.
func (r *recording) replay() string {
	if found := replayLine.FindStringSubmatch(r.report()); found != nil {
		return found[1]
	}
	return ""
}

// run runs a body by Run, which must not fail.
func run(t *testing.T, body func(ctx context.Context, t *looptest.T, w *sim.World)) {
	t.Helper()
	looptest.Run(t, func(ctx context.Context, t *looptest.T) { body(ctx, t, sim.New(ctx, t)) })
}

// fails runs a body by Run, which must fail with a report that has the parts.
func fails(t *testing.T, body func(ctx context.Context, t *looptest.T, w *sim.World), parts ...string) {
	t.Helper()
	r := record(t, func(tb testing.TB) {
		looptest.Run(tb, func(ctx context.Context, t *looptest.T) { body(ctx, t, sim.New(ctx, t)) })
	})
	contains(t, r.report(), parts...)
}

// isCanceled reports whether err is a cancellation.
var isCanceled = loop.IsCanceled
