package loop_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// labels returns the profiler labels of the calling goroutine. A goroutine that it starts has the same
// labels.
func labels() string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	for group := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(group, "pprof.writeGoroutine") {
			_, text, _ := strings.Cut(group, "labels: ")
			text, _, _ = strings.Cut(text, "\n")
			return text
		}
	}
	return "not found"
}

// labeled calls do with a label, by pprof.Do, as programs do.
func labeled(ctx context.Context, tenant string, do func(ctx context.Context)) {
	pprof.Do(ctx, pprof.Labels("tenant", tenant), do)
}

const ofA, ofB, ofProgram = `{"tenant":"A"}`, `{"tenant":"B"}`, `{"tenant":"program"}`

// Labels that a body sets stay with the body. Code that runs while the body is suspended does not have
// them, and code that runs on its stack after its end does not have them either.
func TestLabelsStayWithTheirBody(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	note := func(who string) { log.Add("%s %s", who, labels()) }
	callback := func() { l.CallSoon(func() { note("callback") }) }
	spawn(l.Context(), "a", func(ctx context.Context) error {
		note("a")
		labeled(ctx, "A", func(ctx context.Context) {
			note("a")
			_ = task.Sleep(ctx, time.Second)
			note("a, later")
			err := task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
				return task.Sleep(ctx, time.Second)
			})
			note("a, under a limit")
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			callback()
			if err == nil {
				err = task.Yield(ctx)
			}
			note("a, under a context")
			if err != nil {
				t.Error(err)
			}
		})
		note("a, after")
		return nil
	})
	// The machine and the callbacks run on top of the body's frames. b has a stack of its own.
	script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) {
			note("machine")
			return task.For(1600 * time.Millisecond), nil
		},
		func(context.Context, error) (task.Suspension, error) { note("machine, later"); return task.End(), nil })
	l.CallLater(500*time.Millisecond, func() { note("timer") })
	callback()
	spawn(l.Context(), "b", func(ctx context.Context) error {
		note("b")
		_ = task.Sleep(ctx, 1500*time.Millisecond)
		note("b, later")
		labeled(ctx, "B", func(ctx context.Context) { _ = task.Yield(ctx); note("b") })
		return nil
	})
	run(t, l)
	log.Want(t,
		"a ", "a "+ofA, "machine ", "callback ", "b ", "timer ",
		"a, later "+ofA, "b, later ", "b "+ofB, "machine, later ",
		"a, under a limit "+ofA, "callback ", "a, under a context "+ofA, "a, after ")
	spawn(l.Context(), "c", func(context.Context) error { note("c"); return nil })
	run(t, l)
	log.Want(t, "c ") // c ran on a stack that was used before
}

// The loop meets the labels of a body in each of the ways by which the body can hand it a context.
func TestLoopMeetsLabels(t *testing.T) {
	for name, meet := range map[string]func(ctx context.Context) error{
		"suspending": func(ctx context.Context) error { return task.Sleep(ctx, time.Second) },
		"a scope": func(ctx context.Context) error {
			return task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error { return task.Sleep(ctx, time.Second) })
		},
		"a group": func(ctx context.Context) error {
			return task.WithGroup(ctx, func(ctx context.Context, _ *task.Group) error { return task.Yield(ctx) })
		},
		"a derived context": func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return task.Yield(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			var log looptest.Journal
			spawn(l.Context(), "a", func(ctx context.Context) (err error) {
				labeled(ctx, "A", func(ctx context.Context) { err = meet(ctx) })
				return err
			})
			l.CallSoon(func() { log.Add("callback %s", labels()) })
			run(t, l)
			log.Want(t, "callback ")
		})
	}
}

// A task inherits the labels of the context that it is made with, and has them in every step. The maker
// of the task keeps its own labels.
func TestTasksInheritLabels(t *testing.T) {
	for name, eager := range map[string]loop.TaskFactory{"lazy": factory.Lazy, "eager": factory.Eager} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, loop.WithTaskFactory(eager))
			got := map[string][]string{}
			note := func(who string) { got[who] = append(got[who], labels()) }
			spawn(l.Context(), "maker", func(ctx context.Context) error {
				labeled(ctx, "A", func(ctx context.Context) {
					spawn(ctx, "body", func(ctx context.Context) error {
						note("body")
						labeled(ctx, "B", func(ctx context.Context) { _ = task.Yield(ctx); note("body in B") })
						_ = task.Yield(ctx)
						note("body")
						return nil
					})
					note("maker")
					script(ctx, "machine",
						func(context.Context, error) (task.Suspension, error) { note("machine"); return task.Turn(), nil },
						func(context.Context, error) (task.Suspension, error) { note("machine"); return task.Turn(), nil })
					note("maker")
				})
				_ = task.Yield(ctx)
				note("maker, after")
				spawn(ctx, "without", func(ctx context.Context) error { note("without"); _ = task.Yield(ctx); note("without"); return nil })
				l.CallSoon(func() { note("callback") })
				return nil
			})
			run(t, l)
			for who, want := range map[string][]string{
				"body": {ofA, ofA}, "body in B": {ofB}, "machine": {ofA, ofA}, "maker": {ofA, ofA},
				"maker, after": {""}, "without": {"", ""}, "callback": {""},
			} {
				if !slices.Equal(got[who], want) {
					t.Errorf("%s has the labels %q, want %q", who, got[who], want)
				}
			}
		})
	}
}

// Code without labels of its own has the labels of the program. They also stay on the goroutine that
// drives the loop.
func TestProgramKeepsItsLabels(t *testing.T) {
	for _, bound := range []bool{false, true} {
		for _, others := range []bool{false, true} { // whether a task has labels of its own
			labeled(context.Background(), "program", func(ctx context.Context) {
				l := newLoop(t)
				base := l.Context()
				if bound {
					base = l.Bind(ctx)
				}
				var got []string
				note := func() { got = append(got, labels()) }
				script(base, "machine",
					func(context.Context, error) (task.Suspension, error) { note(); return task.Turn(), nil },
					func(context.Context, error) (task.Suspension, error) { note(); return task.Turn(), nil })
				l.CallSoon(note)
				run(t, l)
				note()
				if bound || !others {
					spawn(base, "body", func(ctx context.Context) error { note(); _ = task.Sleep(ctx, 1); note(); return nil })
					run(t, l)
					note()
				}
				if others {
					var of string
					labeled(base, "A", func(ctx context.Context) {
						script(ctx, "labeled", func(context.Context, error) (task.Suspension, error) { of = labels(); return task.End(), nil })
					})
					pprof.SetGoroutineLabels(ctx) // Do has set those of base
					run(t, l)
					if of != ofA {
						t.Errorf("the machine with labels has %q, want %q", of, ofA)
					}
					if bound {
						l.CallSoon(note)
						run(t, l)
						note()
					}
				}
				for _, got := range got {
					if got != ofProgram {
						t.Errorf("bound %t, others %t: the labels are %q, want %q", bound, others, got, ofProgram)
					}
				}
			})
		}
	}
}

// The program keeps its labels, also if bodies have other labels and the program has bound no context to
// the loop.
func TestProgramKeepsItsLabelsBesideBodiesWithOthers(t *testing.T) {
	labeled(context.Background(), "program", func(context.Context) {
		l := newLoop(t)
		var log looptest.Journal
		script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) {
			log.Add("machine %s", labels())
			return task.End(), nil
		})
		ctx := pprof.WithLabels(l.Context(), pprof.Labels("tenant", "A"))
		spawn(ctx, "a", func(context.Context) error { log.Add("a %s", labels()); return nil })
		run(t, l)
		log.Add("driver %s", labels())
		log.Want(t, "machine "+ofProgram, "a "+ofA, "driver "+ofProgram)
	})
}

// In debug mode a body has its own task's label, also after the eager step of another task. A callback
// has no such label.
func TestProfileLabels(t *testing.T) {
	var got []string
	note := func() { got = append(got, labels()) }
	l := newLoop(t, loop.WithDebug(), loop.WithTaskFactory((*loop.Task).StepNow))
	outer := func(ctx context.Context) error {
		note()
		spawn(ctx, "inner", func(ctx context.Context) error { note(); return task.Yield(ctx) })
		script(ctx, "machine", func(context.Context, error) (task.Suspension, error) { note(); return task.Turn(), nil })
		note()
		l.CallSoon(note)
		return task.Yield(ctx)
	}
	l.CallSoon(func() { spawn(l.Context(), "outer", outer) })
	run(t, l)
	note()
	want := []string{`{"task":"outer"}`, `{"task":"inner"}`, `{"task":"machine"}`, `{"task":"outer"}`, "", ""}
	if !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}

func TestProfileLabelsOfAMachineThatWaits(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	var log looptest.Journal
	script(l.Context(), "x",
		func(context.Context, error) (task.Suspension, error) {
			log.Add("machine %s", labels())
			l.CallSoon(func() { log.Add("callback %s", labels()) })
			return task.For(time.Second), nil
		})
	run(t, l)
	log.Want(t, `machine {"task":"x"}`, "callback ")
}

// In debug mode a task has the label with its name in addition to the labels that it suspends with.
func TestProfileLabelsBesideOthers(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	var log looptest.Journal
	spawn(l.Context(), "x", func(ctx context.Context) error {
		labeled(ctx, "A", func(ctx context.Context) {
			_ = task.Sleep(ctx, time.Second)
			log.Add("body %s", labels())
		})
		return nil
	})
	l.CallSoon(func() { log.Add("callback %s", labels()) })
	run(t, l)
	log.Want(t, "callback ", `body {"task":"x", "tenant":"A"}`)
}

// In debug mode a step has the name that the task has when the step begins, and the labels of its context.
func TestProfileLabelsFollowTheName(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	var log looptest.Journal
	spawn(l.Context(), "old", func(ctx context.Context) error {
		yield := func(ctx context.Context) {
			if err := task.Yield(ctx); err != nil {
				t.Error(err)
			}
			log.Add("%s", labels())
		}
		yield(ctx)
		task.Current(ctx).SetName("new")
		yield(ctx)
		labeled(ctx, "A", yield)
		yield(ctx)
		return nil
	})
	run(t, l)
	log.Want(t, `{"task":"old"}`, `{"task":"new"}`, `{"task":"new", "tenant":"A"}`, `{"task":"new"}`)
}

// A loop that meets only contexts without labels sets no labels.
func TestLoopWithoutLabelsSetsNone(t *testing.T) {
	labeled(context.Background(), "program", func(ctx context.Context) {
		l := newLoop(t)
		var got string
		base := l.Bind(ctx)
		spawn(base, "x", func(ctx context.Context) error {
			type key struct{}
			ctx, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
			defer cancel()
			spawn(ctx, "y", func(ctx context.Context) error { return task.Yield(ctx) })
			err := task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error { return task.Yield(ctx) })
			labeled(context.Background(), "unseen", func(context.Context) { _ = task.Yield(ctx); got = labels() })
			return err
		})
		run(t, l)
		if want := `{"tenant":"unseen"}`; got != want {
			t.Errorf("the body's own labels are %q, want %q: the loop has set others", got, want)
		}
	})
}

// A driver keeps the labels that the program has set, also if the loop has set other labels in an earlier
// run.
func TestLabelsOfTheDriverBetweenRuns(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	note := func(who string) { log.Add("%s %s", who, labels()) }
	machine := func(ctx context.Context, name string) {
		script(ctx, name, func(context.Context, error) (task.Suspension, error) { note(name); return task.End(), nil })
	}
	labeled(l.Context(), "A", func(ctx context.Context) { machine(ctx, "a") })
	l.RunUntilIdle()
	labeled(context.Background(), "program", func(context.Context) {
		machine(l.Context(), "plain")
		l.CallSoon(func() { note("callback") })
		l.RunUntilIdle()
		note("the driver")
	})
	log.Want(t, "a "+ofA, "plain "+ofProgram, "callback "+ofProgram, "the driver "+ofProgram)
}

// If a callback leaves labels behind, the next body on that stack does not have them.
func TestLabelsThatACallbackLeavesBehind(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	labeled(l.Context(), "A", func(ctx context.Context) {
		spawn(ctx, "a", func(context.Context) error { log.Add("a %s", labels()); return nil })
	})
	l.CallSoon(func() { pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("tenant", "B"))) })
	spawn(l.Context(), "plain", func(context.Context) error { log.Add("plain %s", labels()); return nil })
	run(t, l)
	log.Want(t, "a "+ofA, "plain ")
}

// In debug mode the stack of a suspended task keeps its labels, so that profiles show them.
func TestLabelsOfASuspendedTaskInDebugMode(t *testing.T) {
	l := newLoop(t, loop.WithDebug())
	spawn(l.Context(), "parked", sleepsASecond)
	l.CallSoon(func() {
		var b bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
		if !strings.Contains(b.String(), `"task":"parked"`) {
			t.Error("the profile does not name the task")
		}
	})
	run(t, l)
}

// A loop that has met no labels does not remove labels that a body sets without handing over a context.
func TestLabelsThatTheLoopHasNotMet(t *testing.T) {
	l := newLoop(t, loop.WithObserver(func(loop.Event) {}))
	var log looptest.Journal
	spawn(l.Context(), "x", func(ctx context.Context) error {
		pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("tenant", "A")))
		spawn(context.WithValue(ctx, key("k"), 1), "child", task.Yield)
		log.Add("%s", labels())
		_ = task.Yield(ctx)
		log.Add("%s", labels())
		return nil
	})
	run(t, l)
	log.Want(t, ofA, ofA)
}
