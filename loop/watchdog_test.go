package loop_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// toldToSlog makes slog call tell with each message, until the end of the test.
func toldToSlog(t *testing.T, tell func(message, stack string)) {
	testkit.LogTo(t, slogHandler(tell))
}

type slogHandler func(message, stack string)

func (h slogHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h slogHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h slogHandler) WithGroup(string) slog.Handler            { return h }
func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	stack := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" {
			stack = a.Value.String()
		}
		return true
	})
	h(r.Message, stack)
	return nil
}

//go:noinline
func stuckInBody(free <-chan none) { <-free }

// The watchdog names a step that does not end, while the step runs, and only once. In a bubble of
// synctest the watchdog's timer fires as soon as the step blocks.
func TestWatchdogTellsOfAStepThatDoesNotEnd(t *testing.T) {
	stuck := func(c chan none) func(ctx context.Context) (int, error) {
		return func(context.Context) (int, error) { stuckInBody(c); return 1, nil }
	}
	for _, c := range []struct {
		name, who string
		eager     bool
		start     func(l *loop.Loop, free chan none)
	}{
		{"first step", `a step of task "x"`, false, func(l *loop.Loop, free chan none) {
			task.Go(l.Context(), stuck(free), task.Named("x"))
		}},
		{"later step", `a step of task "x"`, false, func(l *loop.Loop, free chan none) {
			task.Go(l.Context(), func(ctx context.Context) (int, error) {
				_ = task.Sleep(ctx, time.Second)
				return stuck(free)(ctx)
			}, task.Named("x"))
		}},
		{"machine", `a step of task "x"`, false, func(l *loop.Loop, free chan none) {
			script(l.Context(), "x", func(context.Context, error) (task.Suspension, error) { stuckInBody(free); return task.End(), nil })
		}},
		{"callback", "a callback", false, func(l *loop.Loop, free chan none) { l.CallSoon(func() { stuckInBody(free) }) }},
		{"eager step", `a step of task "x"`, true, func(l *loop.Loop, free chan none) {
			spawn(l.Context(), "maker", func(ctx context.Context) error {
				task.Go(ctx, stuck(free), task.Named("x"))
				return nil
			})
		}},
		{"after an eager step", `a step of task "maker"`, true, func(l *loop.Loop, free chan none) {
			spawn(l.Context(), "maker", func(ctx context.Context) error {
				spawn(ctx, "x", task.Yield)
				stuckInBody(free)
				return nil
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := []loop.Option{loop.WithDebug(), loop.WithErrorHandler(func(f loop.Failure) {
					if f.Kind != loop.SlowStep {
						t.Errorf("the error handler got %v: %v", f.Kind, f.Err)
					}
				})}
				if c.eager {
					opts = append(opts, loop.WithTaskFactory((*loop.Task).StepNow))
				}
				l := newLoop(t, opts...)
				free := make(chan none)
				var told, stack string
				times := 0
				toldToSlog(t, func(message, s string) {
					told, stack = message, s
					if times++; times == 1 {
						time.AfterFunc(time.Minute, func() { close(free) }) // time enough for a second report
					}
				})
				c.start(l, free)
				run(t, l)
				if times != 1 || !strings.HasPrefix(told, "takt: "+c.who+" blocks the loop") {
					t.Errorf("%d reports, the last is %q; want one, of %s", times, told, c.who)
				}
				if !strings.Contains(stack, "loop_test.stuckInBody(") || strings.Contains(stack, "takt/loop.(") {
					t.Errorf("the stack is\n%s", stack)
				}
			})
		})
	}
}

// The watchdog reports each step that blocks.
func TestWatchdogTellsOfTheNextStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithSlowStep(time.Nanosecond), loop.WithErrorHandler(func(loop.Failure) {}))
		var told looptest.Journal
		free := make(chan none)
		toldToSlog(t, func(message, _ string) {
			who, _, _ := strings.Cut(strings.TrimPrefix(message, "takt: "), " blocks")
			told.Add("%s", who)
			free <- none{}
		})
		for i := range 3 {
			spawn(l.Context(), fmt.Sprint(i), func(context.Context) error { <-free; return nil })
		}
		run(t, l)
		told.Want(t, `a step of task "0"`, `a step of task "1"`, `a step of task "2"`)
	})
}

// The watchdog does not report a loop that waits.
func TestWatchdogIsSilentWhileTheLoopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		toldToSlog(t, func(message, _ string) { t.Error(message) })
		l := newLoop(t, loop.WithDebug(), loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection())
		spawn(l.Context(), "sleeps", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
		spawn(l.Context(), "blocks", func(ctx context.Context) error {
			_, err := task.Blocking(ctx, func(context.Context) (int, error) { time.Sleep(2 * time.Hour); return 0, nil })
			return err
		})
		run(t, l)
		if l.Elapsed() != 2*time.Hour {
			t.Errorf("the loop ran for %v", l.Elapsed())
		}
	})
}

// A panic of slog's handler does not end the process.
func TestWatchdogWhoseSlogPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithDebug(), loop.WithErrorHandler(func(loop.Failure) {}))
		free := make(chan none)
		toldToSlog(t, func(string, string) { close(free); panic("slog") })
		l.CallSoon(func() { <-free })
		run(t, l)
	})
}

// The time that the error handler takes does not count for the step before it.
func TestWatchdogIsSilentBetweenSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		toldToSlog(t, func(message, _ string) { t.Error(message) })
		l := newLoop(t, loop.WithDebug(), loop.WithErrorHandler(func(loop.Failure) { time.Sleep(time.Minute) }))
		l.CallSoon(func() { panic(errForeign) })
		run(t, l)
	})
}

// The watchdog does not report a step that ends before the limit.
func TestWatchdogIsSilentAboutQuickSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		toldToSlog(t, func(message, _ string) { t.Error(message) })
		l := newLoop(t, loop.WithSlowStep(time.Minute))
		for range 3 {
			l.CallSoon(func() { time.Sleep(time.Minute - 1) })
		}
		run(t, l)
	})
}

// The watchdog reports a step as soon as the step has taken as long as the limit.
func TestWatchdogTellsAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithSlowStep(time.Minute))
		began, free := time.Now(), make(chan none)
		toldToSlog(t, func(string, string) {
			if ran := time.Since(began); ran != time.Minute {
				t.Errorf("the report came after %v", ran)
			}
			close(free)
		})
		l.CallSoon(func() { <-free })
		run(t, l)
	})
}

// The watchdog is active in every run of the loop.
func TestWatchdogTellsInTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithSlowStep(time.Minute), loop.WithErrorHandler(func(loop.Failure) {}))
		run(t, l)
		time.Sleep(time.Hour)
		told := 0
		toldToSlog(t, func(string, string) { told++ })
		for range 2 {
			l.CallSoon(func() { time.Sleep(time.Hour) })
			run(t, l)
		}
		if told != 2 {
			t.Errorf("the watchdog reported %d times", told)
		}
	})
}
