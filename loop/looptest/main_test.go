package looptest_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// A test with many repetitions divides their number by fewer. Go 1.26 does not free the race
// detector's data of a coroutine that has ended, some 10 KB for each stack of each run. Without the
// division the tests of this package would take 6 GB under the race detector.
var fewer = 1

func init() {
	if testkit.Race {
		fewer = 10
	}
}

func TestMain(m *testing.M) { testkit.Main(m) }

type none = struct{}

// spawn makes a task without a result.
func spawn(ctx context.Context, name string, body func(ctx context.Context) error) *task.Task[none] {
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Named(name))
}

// A part is the body of one task of a program. No other task cancels it.
type part = func(ctx context.Context)

// together runs the parts as tasks named A, B, C, ..., and waits for all of them. A
// panic in one fails the test.
func together(ctx context.Context, t *looptest.T, parts ...part) {
	t.Helper()
	tasks := make([]*task.Task[none], len(parts))
	for at, body := range parts {
		tasks[at] = spawn(ctx, string(rune('A'+at)), func(ctx context.Context) error { body(ctx); return nil })
	}
	if err := task.Gather(tasks...).Wait(ctx); err != nil {
		t.Error(err)
	}
}

// steppers runs a stackless task for each of counts, named A, B, C, ..., and waits for all of them.
// Each task takes this number of steps, one in each turn, and calls do in each step. Stackless tasks
// cost little memory even in very many schedules: see fewer.
func steppers(ctx context.Context, t *looptest.T, counts []int, do func(machine, step int)) {
	t.Helper()
	tasks := make([]*task.Task[none], len(counts))
	for at, count := range counts {
		step := 0
		tasks[at] = task.GoMachine(ctx, task.MachineFunc[none](func(context.Context, error) (none, task.Suspension, error) {
			do(at, step)
			step++
			if step == count {
				return none{}, task.End(), nil
			}
			return none{}, task.Turn(), nil
		}), task.Named(string(rune('A'+at))))
	}
	must(t, task.Gather(tasks...).Wait(ctx))
}

// yield suspends for one turn, and for six in a program that is stretched.
var yield = looptest.Yield

// pauses suspends for n turns, like awaits that take no time.
func pauses(ctx context.Context, n int) {
	for range n {
		if yield(ctx) != nil {
			return
		}
	}
}

// after returns a part that runs body n turns later.
func after(n int, body part) part {
	return func(ctx context.Context) {
		pauses(ctx, n)
		body(ctx)
	}
}

// must fails the test if err is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected: %v", err)
	}
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

// A recording is a testing.TB that keeps the failures and logs, and fails no test.
type recording struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	logs     []string
	skipped  bool
	cleanups []func()
}

// record calls f with a recording, on a new goroutine. Fatal and Skip end this goroutine.
func record(t testing.TB, f func(tb testing.TB)) *recording {
	r := &recording{TB: t}
	done := make(chan none)
	go func() {
		defer close(done)
		defer r.cleanUp()
		f(r)
	}()
	<-done
	return r
}

func (r *recording) cleanUp() {
	for last := len(r.cleanups) - 1; last >= 0; last = len(r.cleanups) - 1 {
		f := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		f()
	}
}

func (r *recording) note(to *[]string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, strings.TrimRight(text, "\n"))
}

func (r *recording) Helper()                         {}
func (r *recording) Cleanup(f func())                { r.cleanups = append(r.cleanups, f) }
func (r *recording) Log(args ...any)                 { r.note(&r.logs, fmt.Sprintln(args...)) }
func (r *recording) Logf(format string, args ...any) { r.note(&r.logs, fmt.Sprintf(format, args...)) }
func (r *recording) Error(args ...any)               { r.note(&r.errors, fmt.Sprintln(args...)) }
func (r *recording) Errorf(format string, args ...any) {
	r.note(&r.errors, fmt.Sprintf(format, args...))
}
func (r *recording) Fail()                             { r.note(&r.errors, "Fail") }
func (r *recording) FailNow()                          { r.note(&r.errors, "FailNow"); runtime.Goexit() }
func (r *recording) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recording) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recording) SkipNow()                          { r.skipped = true; runtime.Goexit() }
func (r *recording) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *recording) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }
func (r *recording) Skipped() bool                     { return r.skipped }
func (r *recording) Output() io.Writer                 { return io.Discard }

func (r *recording) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errors) > 0
}

// report returns the texts of all failures.
func (r *recording) report() string { return strings.Join(r.errors, "\n") }

var (
	replayLine = regexp.MustCompile(`looptest\.Replay\(t, "(takt2:[^"]*)", body\)`)
	afterLine  = regexp.MustCompile(`, after (\d+) schedule`)
)

// replay returns the schedule in the report, or "" if it has none.
func (r *recording) replay() string {
	if found := replayLine.FindStringSubmatch(r.report()); found != nil {
		return found[1]
	}
	return ""
}

// after returns the number of schedules after which the failure was found.
func (r *recording) after() int {
	found := afterLine.FindStringSubmatch(r.report())
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
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
