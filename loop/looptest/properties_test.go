package looptest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// not returns an error with text if it is true.
func not(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

// twoLeaders is a program in which two tasks may lead at the same time.
func twoLeaders(ctx context.Context, t *looptest.T) {
	leaders := 0
	t.Always("one leader", func() error { return not(leaders > 1, fmt.Sprint(leaders, " leaders")) })
	lead := func(ctx context.Context) {
		if leaders > 0 {
			return
		}
		task.Yield(ctx)
		leaders++
		task.Yield(ctx)
		leaders--
	}
	together(ctx, t, lead, after(2, lead))
}

// Explore finds a step after which a property does not hold. The report names the property and the
// step, and ends with that step.
func TestAlways(t *testing.T) {
	for _, s := range strategies {
		for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}, {looptest.Eager()}} {
			r := explore(t, s, twoLeaders, opts...)
			contains(t, r.report(), `looptest: Always("one leader") does not hold after step `, ": 2 leaders\n", "It fails with ", "deviation")
			end := strings.TrimRight(r.report(), "\n")
			if last := end[strings.LastIndex(end, "\n")+1:]; last != `	       ! Always("one leader"): 2 leaders` {
				t.Errorf("%v: the last line is %q in:\n%s", s, last, end)
			}
			again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), twoLeaders) })
			contains(t, again.report(), `Always("one leader") does not hold after step `, "\t       ! Always(\"one leader\"): 2 leaders")
		}
	}
}

// A program that breaks a property in one step, in different ways.
func TestAlwaysNamesTheStep(t *testing.T) {
	broken := false
	set := func(ctx context.Context, t *looptest.T) {
		broken = false
		t.Always("p", func() error { return not(broken, "broken") })
	}
	for _, c := range []struct {
		name  string
		body  looptest.Body
		after string
		line  string // of the interleaving, before that of the property
		opts  []looptest.Option
	}{
		{"the step that sets it", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			broken = true
			task.Yield(ctx)
			broken = false
		}, "step 1 of main", "main  its start → ", nil},
		{"the last step", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			task.Yield(ctx)
			broken = true
		}, "step 2 of main", " → its end", nil},
		{"a task", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			together(ctx, t, func(ctx context.Context) { pauses(ctx, 2); broken = true; pauses(ctx, 2) })
		}, "step 3 of A", "A     main_test.go:", nil},
		{"a stackless task", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			steppers(ctx, t, []int{4, 4}, func(machine, step int) { broken = broken || machine == 1 && step == 2 })
		}, "step 3 of B", "B     an await → an await", nil},
		{"an eager task, in the step of its maker", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			task.Yield(ctx)
			together(ctx, t, func(ctx context.Context) { broken = true; task.Yield(ctx) })
		}, "step 2 of main", "main  properties_test.go:", []looptest.Option{looptest.Eager()}},
		{"a property of an eager task", func(ctx context.Context, t *looptest.T) {
			together(ctx, t, func(ctx context.Context) { set(ctx, t); broken = true; task.Yield(ctx) })
		}, "the first step of A", "A     its start → ", []looptest.Option{looptest.Eager()}},
		{"a callback", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			lowlevel.LoopOf(ctx).CallSoon(func() { broken = true })
			pauses(ctx, 3)
		}, "a callback", "      a callback", nil},
		{"a property of a callback", func(ctx context.Context, t *looptest.T) {
			lowlevel.LoopOf(ctx).CallSoon(func() { set(ctx, t); broken = true })
			pauses(ctx, 3)
		}, "a callback", "      a callback", nil},
		{"a timer", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			lowlevel.LoopOf(ctx).CallLater(time.Second, func() { broken = true })
			_ = task.Sleep(ctx, time.Minute)
		}, "a callback at 1s, checked at 1m0s", "1s        a callback", nil},
		{"before a deadlock", func(ctx context.Context, t *looptest.T) {
			set(ctx, t)
			broken = true
			_ = task.Sleep(ctx, task.NoLimit)
		}, "step 1 of main", "main  its start → ", nil},
		{"the passing of time", func(ctx context.Context, t *looptest.T) {
			t.Always("p", func() error { return not(looptest.Clock(ctx).Now() > int64(time.Second), "broken") })
			_ = task.Sleep(ctx, 2*time.Second)
		}, "step 1 of main at 0s, checked at 2s", "main  its start → ", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, opts := range [][]looptest.Option{c.opts, append(c.opts, looptest.TimePasses())} {
				r := explore(t, few, c.body, opts...)
				contains(t, r.report(), "looptest: Always(\"p\") does not hold after "+c.after+": broken\n", "It fails first in, first out", c.line)
				lines := strings.Split(strings.TrimRight(r.report(), "\n"), "\n")
				if last := len(lines) - 1; !strings.Contains(lines[last], `! Always("p"): broken`) && !strings.Contains(lines[last-1], `! Always("p"): broken`) {
					t.Errorf("the interleaving goes on:\n%s", r.report())
				}
				for i, line := range lines {
					if strings.Contains(line, `! Always("p")`) && !strings.Contains(lines[i-1], c.line) {
						t.Errorf("the line before is %q, want %q in it", lines[i-1], c.line)
					}
				}
				if len(r.errors) != 1 || strings.Contains(r.report(), "deadlock") {
					t.Error(r.report())
				}
			}
			in := record(t, func(tb testing.TB) { looptest.Run(tb, c.body, c.opts...) })
			contains(t, in.report(), "looptest: Always(\"p\") does not hold after "+c.after+": broken")
		})
	}
}

// The run ends at once: no task takes another step, deferred calls run, and they check nothing.
func TestAlwaysEndsTheRun(t *testing.T) {
	for _, stackless := range []bool{false, true} {
		var checked, deferred, steps, cleaned int
		body := func(ctx context.Context, t *looptest.T) {
			checked, deferred, steps, cleaned = 0, 0, 0, 0
			broken := false
			t.Cleanup(func() {
				if t.Failed() {
					cleaned++
				}
			})
			t.Always("p", func() error { checked++; return not(broken, "broken") })
			for range 3 {
				spawn(ctx, "other", func(ctx context.Context) error {
					defer func() {
						deferred++
						t.Error("not told: it is only unwound")
						t.Always("late", func() error { panic("not checked") })
						t.Eventually("late", nil2)
						t.Sometimes("late", true)
						_ = task.Yield(ctx)
					}()
					for task.Yield(ctx) == nil {
						steps++
					}
					return errors.New("not told either")
				})
			}
			breaks := func(machine, step int) {
				if step == 1 {
					broken = true
				}
			}
			if stackless {
				steppers(ctx, t, []int{3}, breaks)
			}
			together(ctx, t, func(ctx context.Context) {
				defer func() { t.Error("not told, too"); panic("not told") }()
				task.Yield(ctx)
				breaks(0, 1)
				task.Yield(ctx)
				t.Error("too late")
			})
		}
		r := explore(t, few, body)
		if deferred != 3 || cleaned != 1 || steps > 3 || checked > 20 {
			t.Errorf("%d checks, %d deferred calls, %d clean up, %d steps", checked, deferred, cleaned, steps)
		}
		for _, text := range []string{"not told", "not checked", "too late", "Goexit", "policy"} {
			if strings.Contains(r.report(), text) {
				t.Error(r.report())
			}
		}
		contains(t, r.report(), "Always(\"p\") does not hold after step 2 of A: broken\n")
		in := record(t, func(tb testing.TB) { looptest.Run(tb, body); tb.Error("Run returned") })
		contains(t, in.report(), "Always(\"p\") does not hold after step 2 of A: broken")
		if strings.Contains(in.report(), "Run returned") || deferred != 3 || cleaned != 1 {
			t.Error(in.report())
		}
	}
}

func nil2() error { return nil }

func TestPropertiesRefuse(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, lt *looptest.T) {
		panics(t, `looptest: Always("") without a name or a function; give it both`, func() { lt.Always("", nil2) })
		panics(t, `looptest: Eventually("x") without a name or a function`, func() { lt.Eventually("x", nil) })
		panics(t, `looptest: Sometimes("", true) without a name`, func() { lt.Sometimes("", true) })
		lt.Always("x", nil2)
		panics(t, `looptest: Always("x") in a run that has Always("x"); give each property a name of its own`, func() { lt.Always("x", nil2) })
		panics(t, `looptest: Eventually("x") in a run that has Always("x")`, func() { lt.Eventually("x", nil2) })
		lt.Sometimes("x", true)
	})
	new(looptest.T).Always("x", nil2)
	new(looptest.T).Eventually("x", nil2)
	new(looptest.T).Sometimes("x", true)
}

// KeepGoing tells two properties apart by their names, also if these differ in a number only, and
// not by the texts of the errors.
func TestKeepGoingTellsPropertiesApart(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		var at [2]int
		for i := range at {
			t.Always(fmt.Sprintf("node %d", i), func() error { return not(at[i] > 1, strings.Repeat("x", at[i])) })
		}
		step := func(i int) part {
			return func(ctx context.Context) {
				before := at[1-i]
				task.Yield(ctx)
				if before == 0 && at[1-i] == 1 {
					at[i] += 2
				}
				at[i]++
			}
		}
		together(ctx, t, step(0), after(2, step(1)))
	}
	r := explore(t, looptest.Random(1, 200), body, looptest.KeepGoing(3))
	contains(t, r.report(), `Always("node 0") does not hold`, `Always("node 1") does not hold`)
	if len(r.errors) != 2 {
		t.Errorf("%d errors: %s", len(r.errors), r.report())
	}
}
