package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

var errUnretrieved = errors.New("no code took this")

// unretrieved makes a loop whose error handler records the names of the reported tasks.
func unretrieved(t *testing.T, opts ...loop.Option) (l *loop.Loop, told *[]string) {
	told = new([]string)
	l = loop.New(append(opts, loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind != loop.ErrorUnretrieved || f.Err != errUnretrieved {
			t.Errorf("reported: %v: %v", f.Kind, f.Err)
		}
		if l.Current() != nil {
			t.Errorf("the report was made in a step of %v", l.Current())
		}
		*told = append(*told, f.Task.Name())
	}))...)
	t.Cleanup(l.Close)
	return l, told
}

func fail(ctx context.Context, name string) *task.Task[none] {
	return spawn(ctx, name, func(context.Context) error { return errUnretrieved })
}

func wantTold(t *testing.T, when string, told []string, want ...string) {
	t.Helper()
	if !slices.Equal(told, want) {
		t.Errorf("%s: reported %q, want %q", when, told, want)
	}
}

func TestUnretrievedErrorBeyondTheLimitIsReported(t *testing.T) {
	l, told := unretrieved(t, loop.WithUnretrievedLimit(2))
	for _, name := range []string{"d", "c", "b", "a"} {
		fail(l.Context(), name)
		l.RunUntilIdle()
	}
	wantTold(t, "by order of failing, when one more comes", *told, "d", "c")
	l.RunUntilIdle()
	wantTold(t, "once", *told, "d", "c")
	l.Close()
	wantTold(t, "at the end", *told, "d", "c", "b", "a")
}

func TestUnretrievedLimitOfZero(t *testing.T) {
	l, told := unretrieved(t, loop.WithUnretrievedLimit(0))
	fail(l.Context(), "a")
	one := fail(l.Context(), "b")
	spawn(l.Context(), "awaits b", func(ctx context.Context) error {
		_ = one.Wait(ctx)
		return nil
	})
	l.RunUntilIdle()
	wantTold(t, "as soon as the loop is idle", *told, "a")
	l.Close()
	wantTold(t, "at the end", *told, "a")
}

func TestErrorsTakenMeanwhileMakeRoom(t *testing.T) {
	l, told := unretrieved(t, loop.WithUnretrievedLimit(2))
	fail(l.Context(), "a")
	b := fail(l.Context(), "b")
	l.RunUntilIdle()
	_ = b.Err()
	fail(l.Context(), "c")
	l.RunUntilIdle()
	wantTold(t, "two are left", *told)
	d := fail(l.Context(), "d")
	l.RunUntilIdle()
	wantTold(t, "three are left", *told, "a")
	_ = d.Err()
	fail(l.Context(), "e")
	l.RunUntilIdle()
	wantTold(t, "two are left again", *told, "a")
}

func TestReportedErrorCanBeTaken(t *testing.T) {
	l, told := unretrieved(t, loop.WithUnretrievedLimit(0))
	a := fail(l.Context(), "a")
	l.RunUntilIdle()
	wantTold(t, "at once", *told, "a")
	if err := a.Err(); err != errUnretrieved {
		t.Errorf("Err: %v", err)
	}
}

// In a loop that is never idle an error is reported a few turns later.
func TestUnretrievedErrorOfALoopThatIsNeverIdle(t *testing.T) {
	for _, beside := range []string{"a lone task", "two tasks", "a callback"} {
		t.Run(beside, func(t *testing.T) {
			l, told := unretrieved(t, loop.WithUnretrievedLimit(0))
			turns := 0
			busy := func(ctx context.Context) error {
				for ; len(*told) == 0 && turns < 100; turns++ {
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			}
			var again func()
			again = func() {
				if turns++; len(*told) == 0 && turns < 100 {
					l.CallSoon(again)
				}
			}
			fail(l.Context(), "a")
			switch beside {
			case "a lone task":
				spawn(l.Context(), "busy", busy)
			case "two tasks":
				spawn(l.Context(), "busy", busy)
				spawn(l.Context(), "busy too", busy)
			default:
				l.CallSoon(again)
			}
			l.RunUntilIdle()
			wantTold(t, "before the loop is idle", *told, "a")
			if turns > 20 {
				t.Errorf("reported after %d turns", turns)
			}
		})
	}
}

// An error that a waiter takes is not reported, however many tasks fail at one instant.
func TestErrorsThatAreAwaitedAreNotReported(t *testing.T) {
	const n = 1000
	spawnAll := func(ctx context.Context) (all []*task.Task[none]) {
		for i := range n {
			all = append(all, fail(ctx, fmt.Sprint(i)))
		}
		return all
	}
	for name, take := range map[string]func(ctx context.Context){
		"Collect": func(ctx context.Context) { _, _ = task.Collect(spawnAll(ctx)...).Await(ctx) },
		"one after the other": func(ctx context.Context) {
			for _, one := range spawnAll(ctx) {
				_ = one.Wait(ctx)
			}
		},
		"WithGroup": func(ctx context.Context) {
			_ = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				for range n {
					_ = g.Go(func(context.Context) error { return errUnretrieved })
				}
				return nil
			})
		},
		"a gather each, in shields and gathers": func(ctx context.Context) {
			var all []*task.Task[none]
			for range n {
				all = append(all, spawn(ctx, "outer", func(ctx context.Context) error {
					_ = task.Gather(task.Shield(task.Gather(fail(ctx, "inner")))).Wait(ctx)
					return nil
				}))
			}
			_ = task.Gather(all...).Wait(ctx)
		},
	} {
		for _, start := range []loop.TaskFactory{factory.Lazy, factory.Eager} {
			t.Run(name, func(t *testing.T) {
				l, told := unretrieved(t, loop.WithUnretrievedLimit(0), loop.WithTaskFactory(start))
				spawn(l.Context(), "main", func(ctx context.Context) error {
					take(ctx)
					return nil
				})
				run(t, l)
				if len(*told) > 0 {
					t.Errorf("%d errors were reported, although all were taken", len(*told))
				}
			})
		}
	}
}

// Errors are reported in the order of failing, across turns and within a turn, the same in every run.
func TestUnretrievedErrorsAreBounded(t *testing.T) {
	const limit, n = 128, 100_000
	for name, perTurn := range map[string]int{"one in a turn": 1, "a hundred in a turn": 100} {
		t.Run(name, func(t *testing.T) {
			l, told := unretrieved(t)
			most, failed := 0, 0
			spawn(l.Context(), "main", func(ctx context.Context) error {
				for failed < n {
					for range perTurn {
						fail(ctx, fmt.Sprint(failed))
						failed++
					}
					most = max(most, failed-len(*told))
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			l.RunUntilIdle()
			const young = 11 // turns: 8, and one each for the spawn, the look and the report
			if most > limit+young*perTurn {
				t.Errorf("%d errors were kept at a time", most)
			}
			if kept := n - len(*told); kept != limit {
				t.Errorf("%d errors are kept when the loop is idle, want %d", kept, limit)
			}
			l.Close()
			for i, name := range *told {
				if name != fmt.Sprint(i) {
					t.Fatalf("report number %d is of task %s", i, name)
				}
			}
		})
	}
}

func TestManyUnretrievedErrorsOfOneTurn(t *testing.T) {
	const n = 20_000
	l, told := unretrieved(t)
	for i := range n {
		fail(l.Context(), fmt.Sprint(i))
	}
	l.RunUntilIdle()
	if len(*told) != n-128 {
		t.Errorf("%d errors are reported, want %d", len(*told), n-128)
	}
}

// With every limit, the loop keeps no reference to a task with an error that was taken or reported.
func TestTasksThatHaveFailedAreLetGoOf(t *testing.T) {
	const n = 5000
	for _, limit := range []int{0, 128, math.MaxInt} {
		for _, taken := range []bool{true, false} {
			l, told := unretrieved(t, loop.WithUnretrievedLimit(limit))
			var all []weak.Pointer[task.Task[none]]
			for range n {
				one := fail(l.Context(), "one")
				all = append(all, weak.Make(one))
				l.RunUntilIdle()
				if taken {
					_ = one.Err()
				}
			}
			runtime.GC()
			left := 0
			for _, one := range all {
				if one.Value() != nil {
					left++
				}
			}
			runtime.KeepAlive(l)
			if want := n - len(*told); !taken && left > want+64 || taken && left > 300 {
				t.Errorf("limit %d, taken: %v: the loop still refers to %d of %d tasks", limit, taken, left, n)
			}
		}
	}
}

// The error handler may schedule, as a callback may. The loop runs the scheduled functions, although it
// was idle when it called the handler.
func TestErrorHandlerMakesSomethingReady(t *testing.T) {
	var l *loop.Loop
	ran := 0
	l = loop.New(loop.WithVirtualTime(), loop.WithUnretrievedLimit(0), loop.WithErrorHandler(func(loop.Failure) {
		l.CallSoon(func() { ran++ })
		spawn(l.Context(), "another", func(context.Context) error { ran++; return nil })
	}))
	defer l.Close()
	l.CallLater(time.Hour, func() {
		if ran != 2 {
			t.Errorf("%d of 2 functions have run", ran)
		}
	})
	fail(l.Context(), "a")
	run(t, l)
	if ran != 2 || l.Elapsed() != time.Hour {
		t.Errorf("%d of 2 functions have run, after %v", ran, l.Elapsed())
	}
}

// If the error handler ends the goroutine, the other errors are reported later.
func TestErrorHandlerThatCallsGoexitLosesNoUnretrievedError(t *testing.T) {
	var l *loop.Loop
	var told []string
	l = loop.New(loop.WithUnretrievedLimit(0), loop.WithErrorHandler(func(f loop.Failure) {
		told = append(told, f.Task.Name())
		runtime.Goexit()
	}))
	for _, name := range []string{"a", "b"} {
		fail(l.Context(), name)
	}
	for range 2 {
		if inGoroutine(l.RunUntilIdle) {
			t.Error("RunUntilIdle returned")
		}
	}
	l.RunUntilIdle()
	wantTold(t, "one each time", told, "a", "b")
	for _, name := range []string{"c", "d", "e"} {
		fail(l.Context(), name)
	}
	l.CallSoon(l.Stop) // before the loop is idle
	l.RunUntilIdle()
	wantTold(t, "none that is young", told, "a", "b")
	if inGoroutine(l.Close) {
		t.Error("Close returned")
	}
	wantTold(t, "the others", told, "a", "b", "c", "d", "e")
}

// Run returns the main task's error, and the loop does not report it too.
func TestUnretrievedErrorOfMain(t *testing.T) {
	_, err := task.Run(t.Context(), func(ctx context.Context) (none, error) {
		spawn(ctx, "cleans up", func(ctx context.Context) error {
			_, _ = future.New[none](ctx).Await(ctx)
			return task.Sleep(ctx, time.Hour)
		})
		return none{}, errors.Join(task.Yield(ctx), errUnretrieved)
	}, loop.WithVirtualTime(), loop.WithUnretrievedLimit(0), loop.WithErrorHandler(func(f loop.Failure) {
		t.Errorf("reported: %v: %v", f.Kind, f.Err)
	}))
	if !errors.Is(err, errUnretrieved) {
		t.Errorf("Run: %v", err)
	}
}

func TestUnretrievedLimitPanics(t *testing.T) {
	mustPanic(t, "loop: WithUnretrievedLimit(-1); give the number of errors to keep, or 0 to keep none", func() { loop.WithUnretrievedLimit(-1) })
}

// This compares the reports, and the turn of each, with a model. In the model an error counts when 8
// turns have passed after the turn of the failure, or when the loop is idle. While more errors count
// than the limit allows, the oldest is reported. Chance decides which errors are taken, so the test has
// all mixtures of young and old, taken and unretrieved errors.
func TestUnretrievedErrorsAgainstAModel(t *testing.T) {
	type failure struct {
		*task.Task[none]
		name string
		turn int
	}
	for limit := range 4 {
		for seed := range uint64(100) {
			r := rand.New(rand.NewPCG(uint64(limit), seed))
			l, told := unretrieved(t, loop.WithUnretrievedLimit(limit))
			var left []failure // neither taken nor reported, in order of failing
			var want []string
			turns, failed := 0, 0
			for range 60 {
				left = slices.DeleteFunc(left, func(f failure) bool {
					if r.IntN(20) > 0 {
						return false
					}
					_ = f.Err()
					return true
				})
				fails := max(0, r.IntN(6)-3)
				idle := fails == 0 && r.IntN(15) == 0
				if !idle {
					l.CallSoon(func() {})
				}
				count := 0
				for _, f := range left {
					if idle || turns >= f.turn+8 {
						count++
					}
				}
				for ; count > limit; count-- {
					want = append(want, left[0].name)
					left = left[1:]
				}
				if !idle {
					turns++
				}
				for range fails {
					name := fmt.Sprint(failed)
					left = append(left, failure{fail(l.Context(), name), name, turns})
					failed++
				}
				l.RunOnce()
				if !slices.Equal(*told, want) {
					t.Fatalf("limit %d, seed %d, turn %d: reported %q, want %q", limit, seed, turns, *told, want)
				}
			}
			l.Close()
			for _, f := range left {
				want = append(want, f.name)
			}
			if !slices.Equal(*told, want) {
				t.Fatalf("limit %d, seed %d, at the end: reported %q, want %q", limit, seed, *told, want)
			}
		}
	}
}
