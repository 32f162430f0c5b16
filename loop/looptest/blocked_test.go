package looptest_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// blocks blocks the calling goroutine until the watchdog has looked often enough. It returns what the watchdog has told.
func blocks(t *looptest.T) (told string) {
	free := make(chan string)
	go func() { free <- looptest.Looks(t, 0) }()
	return <-free
}

// blocksDeep does so too, on a deep stack.
func blocksDeep(t *looptest.T, depth int) (told string) {
	if depth == 0 {
		return blocks(t)
	}
	return blocksDeep(t, depth-1)
}

var toldSchedule = regexp.MustCompile(`\tTAKT_REPLAY=(takt2:\S+)\n$`)

// The watchdog names what blocks, where, and the schedule, while it blocks. The test does not fail for that.
func TestWatchdogTellsWhatBlocks(t *testing.T) {
	for _, c := range []struct {
		name string
		body func(ctx context.Context, t *looptest.T, tell func(string))
		want []string
	}{
		{"the body", func(_ context.Context, t *looptest.T, tell func(string)) { tell(blocks(t)) },
			[]string{`: step 1 of task "main" has run for 10s and has not ended.`}},
		{"a task", func(ctx context.Context, t *looptest.T, tell func(string)) {
			spawn(ctx, "worker", func(ctx context.Context) error {
				pauses(ctx, 2)
				tell(blocks(t))
				return nil
			})
			pauses(ctx, 5)
		}, []string{`: step 3 of task "worker" has run`}},
		{"a callback", func(ctx context.Context, t *looptest.T, tell func(string)) {
			lowlevel.LoopOf(ctx).CallSoon(func() { tell(blocks(t)) })
			pauses(ctx, 2)
		}, []string{": a callback has run"}},
		{"a property", func(ctx context.Context, t *looptest.T, tell func(string)) {
			n := 0
			t.Always("p", func() error {
				if n++; n == 2 {
					tell(blocks(t))
				}
				return nil
			})
			pauses(ctx, 4)
		}, nil},
		{"a deferred call", func(ctx context.Context, t *looptest.T, tell func(string)) {
			spawn(ctx, "worker", func(ctx context.Context) error {
				defer func() { tell(blocks(t)) }()
				return task.Sleep(ctx, task.NoLimit)
			})
			pauses(ctx, 2)
			t.SkipNow()
		}, []string{": a deferred call of a task, or a function given to Cleanup, has run"}},
		{"Cleanup", func(ctx context.Context, t *looptest.T, tell func(string)) { t.Cleanup(func() { tell(blocks(t)) }) },
			[]string{"a function given to Cleanup, has run"}},
		{"a deep stack", func(_ context.Context, t *looptest.T, tell func(string)) { tell(blocksDeep(t, 200)) }, []string{`task "main"`, "in looptest_test.blocksDeep  ×"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told []string
			body := func(ctx context.Context, t *looptest.T) {
				c.body(ctx, t, func(text string) { told = append(told, text) })
			}
			if r := explore(t, few, body); r.Failed() {
				t.Error(r.report())
			}
			if len(told) == 0 {
				t.Fatal("nothing blocked")
			}
			for _, text := range told {
				contains(t, text, append(c.want, "looptest: "+t.Name()+": ", "\n\tat blocked_test.go:", ", in looptest_test.blocks\n", "task.Recv")...)
				if strings.Count(text, "TAKT_REPLAY") != 1 || !toldSchedule.MatchString(text) {
					t.Error(text)
				}
			}
		})
	}
}

// The schedule leads to the step that blocks, also if that depends on choices and noise.
func TestWatchdogTellsTheSchedule(t *testing.T) {
	var told []string
	body := func(ctx context.Context, t *looptest.T) {
		step := 0
		second := spawn(ctx, "second", func(ctx context.Context) error {
			pauses(ctx, 2)
			step++
			return nil
		})
		first := spawn(ctx, "first", func(ctx context.Context) error {
			pauses(ctx, 4)
			if n := t.Choose("n", 4); n == 3 && step == 0 && t.Rand("r").IntN(2) == 0 {
				spawn(ctx, "third", task.Yield)
				told = append(told, blocks(t))
			}
			return nil
		})
		_ = task.Gather(second, first).Wait(ctx)
	}
	if r := explore(t, looptest.Random(1, 300), body); r.Failed() {
		t.Error(r.report())
	}
	if len(told) == 0 {
		t.Fatal("nothing blocked")
	}
	schedule := toldSchedule.FindStringSubmatch(told[0])[1]
	want := told[0]
	told = nil
	if r := record(t, func(tb testing.TB) { looptest.Replay(tb, schedule, body) }); r.Failed() {
		t.Error(r.report())
	}
	if len(told) != 1 || told[0] != want {
		t.Errorf("the replay tells %q, want %q", told, want)
	}
	if looptest.Deviations(schedule) < 2 {
		t.Error(schedule)
	}
}

// With Parallel the watchdog tells the goroutines of the runs apart.
func TestWatchdogTellsGoroutinesApart(t *testing.T) {
	var calls atomic.Int32
	var both, told sync.WaitGroup
	both.Add(2)
	told.Add(1)
	var text string
	one := func() { told.Wait() }
	two := func() { told.Wait() }
	body := func(ctx context.Context, t *looptest.T) {
		t.Choose("which schedule", 1000)
		spawn(ctx, "x", func(ctx context.Context) error {
			switch calls.Add(1) { // the first schedule has run three times, and neither of these two runs goes on without the other
			case 4:
				both.Done()
				one()
			case 5:
				both.Done()
				go func() {
					defer told.Done()
					both.Wait()
					text = looptest.Looks(t, 0)
				}()
				two()
			}
			return nil
		})
		pauses(ctx, 2)
	}
	if r := explore(t, looptest.Random(1, 2), body, looptest.Twice()); r.Failed() {
		t.Error(r.report())
	}
	if strings.Count(text, "has not ended") != 2 || strings.Count(text, "Apart.func1\n") != 1 || strings.Count(text, "Apart.func2\n") != 1 {
		t.Error(text)
	}
}

// A loop that waits for another goroutine is not blocked, and steps that end are no news.
func TestWatchdogTellsNothing(t *testing.T) {
	for name, body := range map[string]func(ctx context.Context, t *looptest.T) string{
		"Blocking": func(ctx context.Context, t *looptest.T) string {
			told, _ := task.Blocking(ctx, func(context.Context) (string, error) {
				looptest.AwaitIdle(t)
				return looptest.Looks(t, 0) + looptest.Looks(t, 0), nil
			})
			return told
		},
		"steps": func(ctx context.Context, t *looptest.T) (told string) {
			for range 5 {
				told += looptest.Looks(t, 1) // the next look would tell
				task.Yield(ctx)
			}
			return told
		},
		"made, chosen, drawn": func(ctx context.Context, t *looptest.T) (told string) {
			told = looptest.Looks(t, 1)
			spawn(ctx, "a", func(context.Context) error { return nil })
			defer pauses(ctx, 1)
			told += looptest.Looks(t, 1)
			t.Rand("r")
			if told += looptest.Looks(t, 1); t.Choose("n", 3) == 0 {
				return told // nothing was written
			}
			return told + looptest.Looks(t, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			told := ""
			if r := explore(t, few, func(ctx context.Context, t *looptest.T) { told += body(ctx, t) }); r.Failed() || told != "" {
				t.Errorf("told %q; %s", told, r.report())
			}
		})
	}
}

// When all has been told the timer rests, until another run begins. The watchdog ends with the exploration.
func TestWatchdogRests(t *testing.T) {
	var ended func() bool
	runs := 0
	body := func(ctx context.Context, t *looptest.T) {
		var rests func() bool
		rests, ended = looptest.Watchdog(t)
		if rests() || ended() {
			t.Errorf("run %d begins: rests %t, ended %t", runs, rests(), ended())
		}
		if runs++; blocks(t) == "" || !rests() {
			t.Errorf("run %d: all was told, and the timer does not rest", runs)
		}
	}
	if r := explore(t, few, body); r.Failed() || runs < 3 {
		t.Errorf("%d runs; %s", runs, r.report())
	}
	if !ended() {
		t.Error("the watchdog has not ended")
	}
}
