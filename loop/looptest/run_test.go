package looptest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

func run(t testing.TB, body looptest.Body, opts ...looptest.Option) *recording {
	return record(t, func(tb testing.TB) { looptest.Run(tb, body, opts...) })
}

func TestRunFinds(t *testing.T) {
	end := make(chan none)
	defer close(end)
	for _, c := range []struct {
		name string
		body looptest.Body
		want []string
	}{
		{"Error", func(_ context.Context, t *looptest.T) { t.Error("this", "way") }, []string{"this way"}},
		{"Fatal", func(_ context.Context, t *looptest.T) { t.Fatal("no way") }, []string{"no way"}},
		{"Fatal in a task", func(ctx context.Context, t *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { t.Fatal("no way"); return nil })
			_ = task.Sleep(ctx, time.Hour)
		}, []string{"no way"}},
		{"a panic in the body", func(context.Context, *looptest.T) { panic("ouch") }, []string{`looptest: panic in task "main": ouch`, "run_test.go:"}},
		{"a panic in a task", func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { panic("ouch") })
			task.Yield(ctx)
		}, []string{`looptest: a task failed and its error was never retrieved (task "worker"), spawned at main_test.go:`, "ouch", "run_test.go:"}},
		{"a panic in a callback", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).CallSoon(func() { panic("ouch") })
			task.Yield(ctx)
		}, []string{"looptest: a callback panicked: panic in a callback: ouch", "run_test.go:"}},
		{"an error that no task takes", func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { return errors.New("full") })
			task.Yield(ctx)
		}, []string{`looptest: a task failed and its error was never retrieved (task "worker"), spawned at main_test.go:`, ": full"}},
		{"a shielded error", func(ctx context.Context, _ *looptest.T) {
			inner := spawn(ctx, "inner", func(ctx context.Context) error { task.Yield(ctx); return errors.New("full") })
			task.Shield(inner).Cancel(nil)
			pauses(ctx, 3)
		}, []string{`(task "inner"), spawned at main_test.go:`, ": full"}},
		{"a deadlock", func(ctx context.Context, t *looptest.T) {
			var a, b lock.Mutex
			a.SetName("a")
			b.SetName("b")
			together(ctx, t, holding(t, &a, &b), holding(t, &b, &a))
		}, []string{
			"looptest: deadlock: nothing can wake the tasks that are left:\n\tmain awaits a gather of 2, at main_test.go:",
			"\n\tA awaits mutex \"b\", held by \"B\", at bugs_deadlock_test.go:", ", spawned at main_test.go:",
			"\n\tB awaits mutex \"a\", held by \"A\", at bugs_deadlock_test.go:",
			"\n\tin a circle, each waits for the next: A → B → A",
		}},
		{"a task", func(ctx context.Context, t *looptest.T) {
			spawn(ctx, "worker", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			task.Yield(ctx)
		}, []string{"looptest: these tasks are left when the body has ended; await or cancel them:\n\tworker sleeps until 1h0m0s, at run_test.go:", ", spawned at main_test.go:"}},
		{"a timer", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).CallLater(time.Hour, func() {})
		}, []string{"looptest: a timer is still armed when the body has ended, for 1h0m0s after the start"}},
		{"a goroutine", func(context.Context, *looptest.T) { go func() { <-end }() }, []string{"looptest: goroutines are left when the body has ended:\n\t1 goroutine at run_test.go:", ", in looptest_test.TestRunFinds."}},
		{"Stop", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).Stop()
			task.Yield(ctx)
		}, []string{"looptest: the body called Loop.Stop"}},
	} {
		for _, opts := range [][]looptest.Option{nil, {looptest.Eager()}} {
			r := run(t, c.body, opts...)
			if !r.Failed() {
				t.Errorf("%s: no failure", c.name)
			}
			contains(t, r.report(), c.want...)
		}
	}
}

// These bodies leave nothing behind, so they pass.
func TestRunPasses(t *testing.T) {
	for name, body := range map[string]looptest.Body{
		"nothing": func(context.Context, *looptest.T) {},
		"a task that ends with the body": func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { return nil })
		},
		"a task that is canceled": func(ctx context.Context, _ *looptest.T) {
			worker := spawn(ctx, "worker", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			task.Yield(ctx)
			worker.Cancel(nil)
		},
		"a timer that is canceled": func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).CallLater(time.Hour, func() {}).Cancel()
		},
		"a time limit": func(ctx context.Context, t *looptest.T) {
			must(t, task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error { return task.Yield(ctx) }))
		},
		"a year": func(ctx context.Context, t *looptest.T) { must(t, task.Sleep(ctx, 365*24*time.Hour)) },
		"a goroutine that ends": func(ctx context.Context, t *looptest.T) {
			v, err := task.Blocking(ctx, func(context.Context) (int, error) { return 42, nil })
			must(t, err)
			if v != 42 {
				t.Error(v)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			looptest.Run(t, body)
			looptest.Run(t, body, looptest.Eager())
			if name != "a goroutine that ends" {
				looptest.Explore(t, looptest.Random(1, 20), body, looptest.BothFactories())
			}
		})
	}
}

// FailNow and Skip end the body and all tasks, and run all deferred calls. The tasks that they leave
// are not reported.
func TestRunIsEndedByTheTest(t *testing.T) {
	for name, end := range map[string]func(t testing.TB){
		"FailNow": func(t testing.TB) { t.FailNow() },
		"Fatal":   func(t testing.TB) { t.Fatal("enough") },
		"SkipNow": func(t testing.TB) { t.SkipNow() },
		"Skip":    func(t testing.TB) { t.Skip("not here") },
	} {
		for _, where := range []string{"main", "worker"} {
			var order []string
			returned := false
			r := record(t, func(tb testing.TB) {
				looptest.Run(tb, func(ctx context.Context, t *looptest.T) {
					t.Cleanup(func() { order = append(order, "cleanup") })
					defer func() { order = append(order, "main") }()
					spawn(ctx, "worker", func(ctx context.Context) error {
						defer func() { order = append(order, "worker") }()
						if where == "worker" {
							end(t)
						}
						_ = task.Sleep(ctx, time.Hour)
						return errors.New("failed while it was unwound")
					})
					if task.Yield(ctx) == nil {
						end(t)
					}
				})
				returned = true
			})
			want := map[string]string{"main": "main worker cleanup", "worker": "worker main cleanup"}[where]
			if got := strings.Join(order, " "); got != want || returned {
				t.Errorf("%s in %s: the order is %s, want %s; Run has returned: %v", name, where, got, want, returned)
			}
			if skip := strings.HasPrefix(name, "Skip"); r.skipped != skip || len(r.errors) > 1 || r.Failed() == skip {
				t.Errorf("%s in %s: skipped %v, errors %q", name, where, r.skipped, r.errors)
			}
		}
	}
}

// A body may run subtests of the real test, also parallel ones, and a parallel subtest may run a
// body.
func TestRunWithSubtests(t *testing.T) {
	for range 3 {
		t.Run("parallel", func(t *testing.T) {
			looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
				t.Parallel()
				ran := false
				t.Run("in the body", func(t *testing.T) {
					looptest.Run(t, func(ctx context.Context, t *looptest.T) {
						must(t, task.Sleep(ctx, time.Hour))
						ran = true
					})
				})
				t.Run("in the body, parallel", func(t *testing.T) {
					t.Parallel()
					looptest.Run(t, func(ctx context.Context, t *looptest.T) { must(t, task.Sleep(ctx, time.Hour)) })
				})
				if task.Yield(ctx); !ran || looptest.Clock(ctx).Now() != 0 {
					t.Errorf("ran: %v, at %v", ran, looptest.Clock(ctx).Now())
				}
			})
		})
	}
}

// A Run or Explore inside a body does not hide the goroutines that this body leaves.
func TestGoroutinesAroundAnotherRun(t *testing.T) {
	inner := func(context.Context, *looptest.T) {}
	for name, run := range map[string]func(t testing.TB, body looptest.Body){
		"Run":     func(t testing.TB, body looptest.Body) { looptest.Run(t, body) },
		"Explore": func(t testing.TB, body looptest.Body) { looptest.Explore(t, few, body) },
	} {
		stop := make(chan none)
		r := record(t, func(tb testing.TB) {
			run(tb, func(_ context.Context, t *looptest.T) {
				looptest.Run(t, inner)
				looptest.Explore(t, few, inner)
				go func() { <-stop }()
			})
		})
		close(stop)
		contains(t, r.report(), "looptest: goroutines are left", "run_test.go:")
		if len(r.errors) != 1 {
			t.Errorf("%s: %s", name, r.report())
		}
	}
}
