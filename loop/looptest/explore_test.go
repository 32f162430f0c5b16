package looptest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func explore(t testing.TB, s looptest.Strategy, body looptest.Body, opts ...looptest.Option) *recording {
	return record(t, func(tb testing.TB) { looptest.Explore(tb, s, body, opts...) })
}

// few is a strategy for bodies that fail in every schedule, or in none.
var few = looptest.Random(1, 10)

// Explore finds each kind of failure, and reports it.
func TestExploreFinds(t *testing.T) {
	for _, c := range []struct {
		name string
		body looptest.Body
		want []string
	}{
		{"Error", func(_ context.Context, t *looptest.T) { t.Error("this", "way") }, []string{"explore_test.go:", ": this way\n"}},
		{"Errorf", func(_ context.Context, t *looptest.T) { t.Errorf("%d ways", 2) }, []string{": 2 ways\n"}},
		{"Fail", func(_ context.Context, t *looptest.T) { t.Log("before"); t.Fail() }, []string{": before\n"}},
		{"Fatal", func(_ context.Context, t *looptest.T) { t.Fatal("no", "way") }, []string{": no way\n"}},
		{"Fatalf", func(_ context.Context, t *looptest.T) { t.Fatalf("%d ways", 0) }, []string{": 0 ways\n"}},
		{"FailNow in a task", func(ctx context.Context, t *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { t.Logf("from %s", "here"); t.FailNow(); return nil })
			_ = task.Sleep(ctx, time.Hour)
		}, []string{": from here\n", "made worker"}},
		{"a helper", func(_ context.Context, t *looptest.T) { must(t, errors.New("no")) }, []string{"explore_test.go:", "unexpected: no"}},
		{"Output", func(_ context.Context, t *looptest.T) { fmt.Fprintln(t.Output(), "a line"); t.Fail() }, []string{"a line\n"}},
		{"a Cleanup", func(_ context.Context, t *looptest.T) {
			t.Cleanup(func() { t.Error("second") })
			t.Cleanup(func() { t.Error("first"); t.Cleanup(func() { t.FailNow() }) })
		}, []string{": first\n", ": second\n"}},
		{"a panic in the body", func(context.Context, *looptest.T) { panic("ouch") }, []string{`looptest: panic in task "main": ouch`, "explore_test.go:"}},
		{"a panic in a task", func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { panic("ouch") })
			task.Yield(ctx)
		}, []string{`a task failed and its error was never retrieved (task "worker"), spawned at main_test.go:`, `panic in task "worker": ouch`}},
		{"a panic in a callback", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).CallSoon(func() { panic("ouch") })
			task.Yield(ctx)
		}, []string{"looptest: a callback panicked: panic in a callback: ouch"}},
		{"an error that no task takes", func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { return errors.New("full") })
			task.Yield(ctx)
		}, []string{`a task failed and its error was never retrieved (task "worker"), spawned at main_test.go:`, ": full"}},
		{"a deadlock", func(ctx context.Context, _ *looptest.T) {
			never := spawn(ctx, "worker", func(ctx context.Context) error { return task.Sleep(ctx, task.NoLimit) })
			_ = never.Wait(ctx)
		}, []string{"looptest: deadlock: nothing can wake the tasks that are left:\n\tmain awaits task \"worker\", at explore_test.go:", "\n\tworker sleeps until "}},
		{"an error before a deadlock", func(ctx context.Context, _ *looptest.T) {
			spawn(ctx, "worker", func(context.Context) error { return errors.New("full") })
			_ = task.Sleep(ctx, task.NoLimit)
		}, []string{"looptest: deadlock", ": full"}},
		{"a task that is left", func(ctx context.Context, t *looptest.T) {
			spawn(ctx, "worker", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			task.Yield(ctx)
		}, []string{"looptest: these tasks are left when the body has ended; await or cancel them:\n\tworker sleeps until 1h0m0s, at explore_test.go:", ", spawned at main_test.go:"}},
		{"a timer", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).CallLater(time.Hour, func() {})
		}, []string{"looptest: a timer is still armed when the body has ended, for 1h0m0s after the start"}},
		{"Stop", func(ctx context.Context, _ *looptest.T) {
			lowlevel.LoopOf(ctx).Stop()
			task.Yield(ctx)
		}, []string{"looptest: the body called Loop.Stop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := explore(t, few, c.body)
			contains(t, r.report(), append(c.want, "It fails first in, first out (Random(1, 10), in the first run).", "The interleaving")...)
			if len(r.errors) != 1 {
				t.Errorf("%d errors", len(r.errors))
			}
			again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), c.body) })
			contains(t, again.report(), append(c.want, "The interleaving")...)
		})
	}
}

// A failure that the unwinding itself causes is not reported.
func TestExploreDoesNotTellOfTheUnwinding(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		spawn(ctx, "worker", func(ctx context.Context) error {
			err := task.Sleep(ctx, time.Hour)
			t.Errorf("the sleep ended with %v", err)
			return errors.New("failed while it was unwound")
		})
		task.Yield(ctx)
		t.Fatal("enough")
	})
	contains(t, r.report(), "enough")
	if strings.Contains(r.report(), "the sleep ended") || strings.Contains(r.report(), "unwound") {
		t.Error(r.report())
	}
}

func TestExploreOfATestThatPasses(t *testing.T) {
	cleaned := 0
	r := explore(t, looptest.Exhaustive(0), func(ctx context.Context, t *looptest.T) {
		t.Cleanup(func() { cleaned++ })
		t.Log("not shown")
		together(ctx, t, func(ctx context.Context) { task.Yield(ctx) }, func(ctx context.Context) { task.Yield(ctx) })
		if t.Failed() || t.Skipped() || t.Name() == "" {
			t.Errorf("failed %v, skipped %v", t.Failed(), t.Skipped())
		}
	})
	if r.Failed() || cleaned != 6+extraRuns(6) {
		t.Errorf("cleaned up %d times; %s", cleaned, r.report())
	}
	logs := strings.Join(r.logs, "\n")
	if want := "looptest: Exhaustive(0), lazy: 6 schedules in all, "; testing.Verbose() != strings.Contains(logs, want) || strings.Contains(logs, "not shown") {
		t.Errorf("the log is %q; want %q in it in verbose mode only", logs, want)
	}
}

// With go test -v Explore counts how many schedules differ: none is run twice, so all of them do. The
// first one, first in, first out, counts in the first part only.
func TestDistinctSchedules(t *testing.T) {
	setVerbose(t)
	for _, s := range []looptest.Strategy{looptest.Sample(1, 100), looptest.Exhaustive(0), looptest.DelayBounded(1)} {
		for _, part := range []string{"1/1", "1/2", "2/2"} {
			t.Setenv("TAKT_SHARD", part)
			logs := strings.Join(explore(t, s, lattice(2, 2).body).logs, "\n")
			if found := distinctLine.FindStringSubmatch(logs); found == nil || found[1] != found[2] || found[1] == "0" {
				t.Errorf("%v, part %s: not all schedules are distinct:\n%s", s, part, logs)
			}
		}
	}
}

var distinctLine = regexp.MustCompile(`: (\d+) schedules? in all, .*, (\d+) distinct`)

// With go test -v Explore tells the task factory.
func TestFactoryIsTold(t *testing.T) {
	setVerbose(t)
	for want, opts := range map[string][]looptest.Option{
		"Random(1, 10), lazy: ":                      nil,
		"Random(1, 10), eager: ":                     {looptest.Eager()},
		"Random(1, 10), with a factory of its own: ": {looptest.Factory(factory.Lazy), looptest.Eager()},
	} {
		contains(t, strings.Join(explore(t, few, lattice(2, 2).body, opts...).logs, "\n"), want)
	}
}

// setVerbose sets the flag -v of go test, until the test ends.
func setVerbose(t testing.TB) {
	verbose := flag.Lookup("test.v").Value
	before := verbose.String()
	t.Cleanup(func() { verbose.Set(before) })
	verbose.Set("true")
}

// A skipped schedule is not a failure, and the other schedules run.
func TestSkipGivesUpTheSchedule(t *testing.T) {
	runs, ended := 0, 0
	body := func(skip func(*looptest.T)) looptest.Body {
		return func(ctx context.Context, t *looptest.T) {
			runs++
			defer func() { ended++ }()
			spawn(ctx, "worker", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
			task.Yield(ctx)
			skip(t)
		}
	}
	for _, skip := range []func(*looptest.T){
		func(t *looptest.T) { t.SkipNow() }, func(t *looptest.T) { t.Skip("not here") }, func(t *looptest.T) { t.Skipf("not %s", "here") },
	} {
		runs, ended = 0, 0
		if r := explore(t, few, body(skip)); r.Failed() || r.skipped {
			t.Errorf("skipped %v; %s", r.skipped, r.report())
		}
		if want := 3 + 1; runs != want || ended != want {
			t.Errorf("%d runs, %d ended; want %d", runs, ended, want)
		}
	}
}

// A schedule that a task skips does not fail by what the other tasks do when they are unwound.
func TestSkipOfATask(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		spawn(ctx, "worker", func(ctx context.Context) error { t.Skip("not here"); return nil })
		must(t, task.Sleep(ctx, time.Hour))
	})
	if r.Failed() {
		t.Error(r.report())
	}
}

// Explore reports a body that ends by FailNow of the test's own t.
func TestOutersFailNowIsNoticed(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, few, func(context.Context, *looptest.T) { tb.FailNow() })
	})
	contains(t, r.report(), "runtime.Goexit ended the body", "call FailNow of the body's T instead")
}

func TestExploreFindsGoroutines(t *testing.T) {
	end := make(chan none)
	r := explore(t, few, func(context.Context, *looptest.T) { go func() { <-end }() })
	close(end)
	contains(t, r.report(), "looptest: goroutines are left when the body has ended", "TestExploreFindsGoroutines")
}

func TestBothFactories(t *testing.T) {
	body := func(fails bool) looptest.Body {
		return func(ctx context.Context, t *looptest.T) {
			eager := false
			worker := spawn(ctx, "worker", func(context.Context) error { eager = true; return nil })
			if eager == fails {
				t.Error("the wrong factory")
			}
			_ = worker.Wait(ctx)
		}
	}
	for _, c := range []struct {
		opts        []looptest.Option
		lazy, eager bool // whether the body runs with this factory
	}{{nil, true, false}, {[]looptest.Option{looptest.Eager()}, false, true}, {[]looptest.Option{looptest.BothFactories()}, true, true}} {
		if r := explore(t, few, body(false), c.opts...); r.Failed() != c.lazy {
			t.Errorf("lazy: %v; %s", c.lazy, r.report())
		}
		r := explore(t, few, body(true), c.opts...)
		if r.Failed() != c.eager {
			t.Errorf("eager: %v; %s", c.eager, r.report())
		}
		if !c.eager {
			continue
		}
		contains(t, r.report(), "in the first run, eager task factory)")
		again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), body(true)) })
		contains(t, again.report(), "the wrong factory")
	}
}

// With TimePasses a time limit may expire although the work takes no time.
func TestTimePasses(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		work := spawn(ctx, "work", func(ctx context.Context) error { return task.Yield(ctx) })
		if _, err := task.WaitFor(ctx, work, time.Minute); err != nil {
			t.Error(err)
		}
	}
	if r := explore(t, looptest.Exhaustive(0), body); r.Failed() {
		t.Error(r.report())
	}
	for _, s := range []looptest.Strategy{looptest.Random(1, 20), looptest.PCT(1, 20, 3), looptest.DelayBounded(1), looptest.Exhaustive(0)} {
		r := explore(t, s, body, looptest.TimePasses())
		t.Log(s)
		contains(t, r.report(), "time limit of 1m0s expired", "time passes before the ready tasks run", "It fails with 1 deviation ")
		again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), body) })
		contains(t, again.report(), "time limit of 1m0s expired")
	}
}

// Runs on several cores share nothing.
func TestParallel(t *testing.T) {
	var runs, at, most atomic.Int64
	body := func(ctx context.Context, t *looptest.T) {
		runs.Add(1)
		now := at.Add(1)
		defer at.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		t.Cleanup(func() {})
		counter := 0
		count := func(ctx context.Context) { task.Yield(ctx); counter++; t.Log(counter) }
		together(ctx, t, count, count, count, count)
		if counter != 4 {
			t.Error("shared")
		}
		time.Sleep(10 * time.Microsecond)
	}
	for _, s := range strategies {
		runs.Store(0)
		n := 0
		looptest.Schedules(t, s, body, func(looptest.Ran) { n++ })
		alone := runs.Swap(0) - 1
		if r := explore(t, s, body, looptest.Parallel()); r.Failed() || runs.Load() != alone+int64(extraRuns(n)) {
			t.Errorf("%v: %d runs, %d without Parallel; %s", s, runs.Load(), alone, r.report())
		}
	}
	t.Logf("%d at once", most.Load())
	forEachBug(t, func(t *testing.T, b *bug) {
		looptest.Explore(t, looptest.Random(4, 100/fewer), b.correct, append(b.opts, looptest.Parallel(), looptest.BothFactories())...)
		r := record(t, func(tb testing.TB) {
			looptest.Explore(tb, looptest.PCT(1, b.pct, 3), b.buggy, append(b.opts, looptest.Parallel())...)
		})
		if looptest.Deviations(r.replay()) != b.bound {
			t.Error(r.report())
		}
	})
}

func TestMaxSteps(t *testing.T) {
	polite := func(ctx context.Context, t *looptest.T) {
		wants := make([]bool, 2)
		enter := func(own int) part {
			return func(ctx context.Context) {
				wants[own] = true
				task.Yield(ctx)
				for wants[1-own] {
					task.Yield(ctx)
					wants[own] = false // after you
					task.Yield(ctx)
					wants[own] = true
					task.Yield(ctx)
				}
				wants[own] = false
			}
		}
		together(ctx, t, enter(0), after(2, enter(1)))
	}
	for _, c := range []struct {
		name string
		body looptest.Body
		s    looptest.Strategy
		want []string
	}{
		{"two tasks", polite, looptest.DelayBounded(2), []string{
			"looptest: the body has not ended after 1000 steps (see MaxSteps); the last 60 steps were: 30 × B, 30 × A.",
			"\n\tA waits for its turn, at explore_test.go:", "\n\tB waits for its turn, at explore_test.go:", "It fails with 2 deviations",
		}},
		{"one task", func(ctx context.Context, t *looptest.T) {
			for ctx.Err() == nil && task.Yield(ctx) == nil {
			}
		}, few, []string{"the last 60 steps were: 60 × main.", "×999"}},
		{"sleeps", func(ctx context.Context, t *looptest.T) {
			for task.Sleep(ctx, time.Second) == nil {
			}
		}, few, []string{"the last 60 steps were: 30 × main, 30 × a callback."}},
		{"a callback", func(ctx context.Context, t *looptest.T) {
			var again func()
			again = func() { lowlevel.LoopOf(ctx).CallLater(time.Second, again) }
			again()
			_ = task.Sleep(ctx, task.NoLimit)
		}, few, []string{"the last 60 steps were: 60 × a callback.", "\tmain sleeps until "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := []looptest.Option{looptest.MaxSteps(1000)}
			r := explore(t, c.s, c.body, opts...)
			contains(t, r.report(), append(c.want, "after 1000 steps")...)
			again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), c.body, opts...) })
			contains(t, again.report(), append(c.want[:1], "after 1000 steps")...)
		})
	}
	r := record(t, func(tb testing.TB) {
		looptest.Run(tb, func(ctx context.Context, _ *looptest.T) {
			for task.Yield(ctx) == nil {
			}
		}, looptest.MaxSteps(500))
	})
	contains(t, r.report(), "has not ended after 500 steps")
	// A body may take exactly as many steps as MaxSteps says.
	looptest.Explore(t, few, func(ctx context.Context, _ *looptest.T) { pauses(ctx, 99) }, looptest.MaxSteps(100))
	looptest.Run(t, func(ctx context.Context, _ *looptest.T) { pauses(ctx, 110_000) })
}

// A function given to Cleanup that panics or calls Goexit fails the schedule. The other ones are called, and
// the exploration goes on.
func TestCleanupFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func(t *looptest.T)
		want  []string // nil if the schedule passes
	}{
		{"panic", func(*looptest.T) { panic("ouch") }, []string{"panic in a function given to Cleanup: ouch\n\tat explore_test.go:"}},
		{"panic in FailNow", func(t *looptest.T) { defer panic("ouch"); t.FailNow() }, []string{"panic in a function given to Cleanup: ouch\n\tat explore_test.go:"}},
		{"Goexit", func(*looptest.T) { runtime.Goexit() }, []string{"runtime.Goexit ended a function given to Cleanup"}},
		{"Fatal", func(t *looptest.T) { t.Fatal("ouch") }, []string{"explore_test.go:", ": ouch"}},
		{"Skip", func(t *looptest.T) { t.Skip("enough") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs, cleanups := 0, 0
			body := func(ctx context.Context, t *looptest.T) {
				runs++
				t.Cleanup(func() { cleanups++ })
				t.Cleanup(func() {
					t.Cleanup(func() { cleanups++ })
					c.fails(t)
				})
				if t.Choose("early", 2) == 1 {
					t.Skip("Cleanup is called all the same")
				}
			}
			r := explore(t, looptest.Exhaustive(0), body, looptest.KeepGoing(100))
			if r.Failed() != (c.want != nil) || cleanups != 2*runs {
				t.Errorf("%d runs with %d cleanups: %s", runs, cleanups, r.report())
			}
			contains(t, r.report(), c.want...)
			if c.want != nil {
				again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), body) })
				contains(t, again.report(), c.want...)
			}
		})
	}
}

// A timer that comes due stands at the end of the ready queue, as TimePasses says: a task that it wakes runs
// after the first step of a task that was ready before, and may run before the second step.
func TestTimePassesBehindReadyTasks(t *testing.T) {
	orders := map[string]bool{}
	r := explore(t, looptest.Exhaustive(0), func(ctx context.Context, t *looptest.T) {
		order := ""
		worker := spawn(ctx, "worker", func(ctx context.Context) error {
			order += "1"
			err := task.Yield(ctx)
			order += "2"
			return err
		})
		must(t, task.Sleep(ctx, time.Hour))
		order += "!"
		must(t, worker.Wait(ctx))
		orders[order] = true
	}, looptest.TimePasses())
	if want := (map[string]bool{"1!2": true, "12!": true}); r.Failed() || !maps.Equal(orders, want) {
		t.Errorf("%v, want %v; %s", orders, want, r.report())
	}
}

// A task that polls forever is a failure under Exhaustive, and not under the strategies that are fair.
func TestPollingUnderEachStrategy(t *testing.T) {
	for _, c := range []struct {
		s     looptest.Strategy
		fails bool
	}{{looptest.Exhaustive(0), true}, {looptest.DelayBounded(3), false}, {looptest.Sample(1, 200), false}} {
		r := explore(t, c.s, func(ctx context.Context, t *looptest.T) {
			ready := false
			worker := spawn(ctx, "worker", func(ctx context.Context) error { ready = true; return nil })
			for !ready {
				must(t, task.Yield(ctx))
			}
			must(t, worker.Wait(ctx))
		}, looptest.MaxSteps(1000))
		if strings.Contains(r.report(), "the body has not ended after 1000 steps") != c.fails || r.Failed() != c.fails {
			t.Errorf("%v: %s", c.s, r.report())
		}
	}
}

// What a body does with the methods of its T ends with the schedule.
func TestMethodsOfOneSchedule(t *testing.T) {
	const name = "TAKT_TEST_OF_ONE_SCHEDULE"
	home, err := os.Getwd()
	must(t, err)
	var dirs []string
	var contexts []context.Context
	r := explore(t, looptest.Exhaustive(0), func(ctx context.Context, t *looptest.T) {
		together(ctx, t, func(context.Context) {}, func(context.Context) {})
		if value, set := os.LookupEnv(name); set {
			t.Errorf("%s is %q before Setenv", name, value)
		}
		if dir, err := os.Getwd(); dir != home {
			t.Errorf("the folder is %s before Chdir, %v", dir, err)
		}
		dir := t.TempDir()
		dirs = append(dirs, dir)
		must(t, os.WriteFile(dir+"/file", nil, 0o666))
		contexts = append(contexts, t.Context())
		if err := t.Context().Err(); err != nil || t.Context() != t.Context() {
			t.Errorf("the context has ended before the schedule: %v", err)
		}
		t.Cleanup(func() {
			if t.Context().Err() == nil {
				t.Error("the context has not ended before Cleanup")
			}
		})
		t.Setenv(name, "outer")
		t.Setenv(name, "inner")
		t.Cleanup(func() {
			if os.Getenv(name) != "inner" {
				t.Error("the variable is restored before a Cleanup function that was given later")
			}
		})
		t.Chdir(dir)
	})
	if r.Failed() || len(dirs) < 4 {
		t.Errorf("%d schedules: %s", len(dirs), r.report())
	}
	for i, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
		if contexts[i].Err() == nil {
			t.Error("a context has not ended")
		}
	}
	if dir, _ := os.Getwd(); dir != home || os.Getenv(name) != "" {
		t.Errorf("the folder is %s, and the variable is %q", dir, os.Getenv(name))
	}
}
