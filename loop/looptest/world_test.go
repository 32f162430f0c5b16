package looptest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/internal/scene"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A stage tells of a simulated world, without simulating one.
type stage struct {
	t      *looptest.T
	loop   *loop.Loop
	record func(world.Event)
}

func newStage(ctx context.Context, t *looptest.T) *stage {
	return &stage{t, lowlevel.LoopOf(ctx), scene.Of(t).Record()}
}

func (s *stage) tell(kind world.Kind, node, format string, args ...any) {
	if s.record != nil {
		s.record(world.Event{At: s.loop.Elapsed(), Kind: kind, Node: node, Text: fmt.Sprintf(format, args...)})
	}
}

func (s *stage) log(node, format string, args ...any) { s.tell(world.Log, node, format, args...) }

// after calls f in a callback.
func (s *stage) after(d time.Duration, f func()) { s.loop.CallLater(d, f) }

// crash crashes a node if the schedule chooses that.
func (s *stage) crash(node string) {
	if s.t.Chance("crash "+node, 1) {
		text := ""
		if lost := s.t.Choose("disk of "+node+" at a crash", 4); lost > 0 {
			text = fmt.Sprintf(": %d writes lost", lost)
		}
		s.tell(world.Ended, node, "crash")
		s.tell(world.Fault, node, "crash %s%s", node, text)
		s.after(time.Second, func() { s.tell(world.Began, node, "2") })
	}
}

// faulty is a program whose data are lost by a crash of b with three lost writes or more, and a message that is dropped.
func faulty(ctx context.Context, t *looptest.T) {
	s := newStage(ctx, t)
	worst := 0
	for _, node := range []string{"a", "b", "c"} {
		s.tell(world.Began, node, "1")
		s.after(1500*time.Microsecond, func() { s.log(node, "ready\nto serve") })
		s.after(5*time.Second, func() { s.log(node, "DEBUG the end is near") })
	}
	for i := range 40 {
		s.after(time.Duration(i)*100*time.Millisecond, func() { s.log("a", "term 3: heartbeat") })
		s.after(time.Duration(i)*110*time.Millisecond, func() { s.log("b", "heartbeat %d", i) })
	}
	s.after(1204*time.Millisecond+567, func() { s.crash("a") })
	s.after(2*time.Second, func() {
		if s.t.Chance("crash b", .9) {
			worst = s.t.Choose("disk of b at a crash", 5)
			s.tell(world.Fault, "b", "crash b: %d writes lost, 1 torn", worst)
			s.log("b", "down")
			s.after(time.Second, func() { s.tell(world.Began, "b", "2"); s.log("b", "up again") })
		}
	})
	dropped := false
	client := spawn(ctx, "client", func(ctx context.Context) error {
		must(t, task.Sleep(ctx, 3200*time.Millisecond))
		if t.Chance("lose a request", .5) {
			t.Log("the request is lost")
		}
		if t.Chance("drop a→c", .5) {
			dropped = true
			s.tell(world.Fault, "a", "drop a→c: a vote")
		}
		return nil
	})
	must(t, client.Wait(ctx))
	must(t, task.Sleep(ctx, 2*time.Second))
	if worst >= 3 && dropped {
		t.Error("data are lost")
		must(t, task.Sleep(ctx, 5*time.Second))
		s.log("c", "long after the failure")
	}
}

// The faults come first, then what the nodes have logged around them. Choices that are faults are not listed again.
func TestReportOfAWorld(t *testing.T) {
	r := explore(t, looptest.Sample(1, 200), faulty, looptest.Unexplained())
	golden(t, r.report())
	again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), faulty) }).report()
	for _, part := range []string{"\nThe faults:\n", "\nThe log of each node ", "\nThe interleaving"} {
		_, want, _ := strings.Cut(r.report(), part)
		want, _, _ = strings.Cut(want, "\n\n")
		contains(t, again, part, want)
	}
	contains(t, run(t, func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		s.log("a", "hello")
		s.tell(world.Fault, "a", "crash a")
		panic("oh")
	}).report(), "\nThe faults:\n\t0s  crash a\n\nThe log of each node around the faults and the failure (1 log in all):\n\ta  0s  hello")
}

// The timeline has the world.
func TestTimelineOfAWorld(t *testing.T) {
	for name, test := range map[string]func(testing.TB){
		"Explore": func(tb testing.TB) { looptest.Explore(tb, looptest.Sample(1, 200), faulty, looptest.Unexplained()) },
		"Run": func(tb testing.TB) {
			looptest.Run(tb, func(ctx context.Context, t *looptest.T) { faulty(ctx, t); t.Error("oh") })
		},
	} {
		dir := t.TempDir()
		t.Setenv("TAKT_ARTIFACTS", dir)
		record(t, test)
		pages, _ := filepath.Glob(filepath.Join(dir, "*.html"))
		if len(pages) != 1 {
			t.Fatalf("%s: the pages are %v", name, pages)
		}
		text, err := os.ReadFile(pages[0])
		must(t, err)
		contains(t, string(text), `"world":{"nodes":["a","b","c"],`, "term 3: heartbeat", "3 nodes, 2 tasks, ")
	}
}

// What the tasks of the world do when the run is unwound is not told.
func TestReportWithoutTheUnwinding(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		spawn(ctx, "node", func(ctx context.Context) error {
			defer s.tell(world.Fault, "a", "unwound")
			defer s.log("a", "unwound")
			s.log("a", "ready")
			return task.Sleep(ctx, time.Hour)
		})
		_ = task.Yield(ctx)
		t.Fatal("oh")
	}
	for name, test := range map[string]func(testing.TB){
		"Explore": func(tb testing.TB) { looptest.Explore(tb, few, body, looptest.Unexplained()) },
		"Replay":  func(tb testing.TB) { looptest.Replay(tb, "takt2:AAAAAAA", body) },
		"Run":     func(tb testing.TB) { looptest.Run(tb, body) },
	} {
		r := record(t, test)
		text := strings.Join(append(r.errors, r.logs...), "\n")
		contains(t, text, "(1 log in all):\n\ta  0s  ready")
		if strings.Contains(text, "unwound") {
			t.Errorf("%s: the report tells of the unwinding:\n%s", name, text)
		}
	}
}

// Stop of a node is told once.
func TestReportOfAStop(t *testing.T) {
	report := explore(t, few, func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		for _, node := range []string{"a", "b"} {
			s.tell(world.Began, node, "1")
		}
		s.tell(world.Fault, "a", "stop a")
		s.tell(world.Ended, "a", "stop")
		s.tell(world.Ended, "b", "exit: EOF")
		t.Error("oh")
	}, looptest.Unexplained()).short(t)
	contains(t, report, "\nThe faults:\n\t0s  stop a\n\t0s  end of b: exit: EOF\n\n")
}

// The report tells the end of a hold by the text of the event, and that of a cut by its sides.
func TestReportOfHoldsAndCuts(t *testing.T) {
	report := explore(t, few, func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		s.tell(world.Fault, "", "hold a→b")
		s.tell(world.Cut, "", "hold a→b")
		s.tell(world.Healed, "", "release a→b")
		s.tell(world.Fault, "", "partition a | b")
		s.tell(world.Cut, "", "a | b")
		s.tell(world.Healed, "", "")
		t.Error("oh")
	}, looptest.Unexplained()).short(t)
	contains(t, report, "\nThe faults:\n\t0s  hold a→b\n\t0s  release a→b\n\t0s  partition a | b\n\t0s  heal a | b\n\n")
}

// The report says where a choice is a deviation that belongs to no fault.
func TestReportOfOtherChoices(t *testing.T) {
	report := explore(t, looptest.Random(1, 100), func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		s.crash("a") // in a step of the task
		other := t.Choose("other", 2) + t.Choose("wind on c", 2)
		s.after(2500*time.Millisecond, func() { s.tell(world.Fault, "c", "storm on c") }) // not by that choice
		s.after(time.Second, func() { s.crash("b"); s.after(0, func() { other += t.Choose("later", 2) }) })
		must(t, task.Sleep(ctx, 3*time.Second))
		if other == 3 {
			t.Error("oh")
		}
	}, looptest.Unexplained(), looptest.MinimiseFor(1)).short(t)
	contains(t, report, "\nThe faults:\n\t0s    crash a", "\n\t1s    crash b", "\nThe other deviations, by step:\n\t   1  other, use 1: 1\n\t   1  wind on c, use 1: 1\n",
		"  later, use 1: 1\n", "crash a, chose other, use 1: 1, chose wind on c, use 1: 1\n", " * 1s          crash b\n")
	if strings.Contains(report, "disk of") || strings.Contains(report, "chose crash") {
		t.Errorf("a choice that is a fault is told twice:\n%s", report)
	}
}

// A property that does not hold after a fault has its text under the line of the fault.
func TestReportOfAPropertyAfterAFault(t *testing.T) {
	report := explore(t, few, func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		var broken error
		t.Always("whole", func() error { return broken })
		s.after(time.Second, func() { s.tell(world.Fault, "", "partition a | b"); broken = fmt.Errorf("broken") })
		must(t, task.Sleep(ctx, 3*time.Second))
	}, looptest.Unexplained()).short(t)
	contains(t, report, "\nThe faults:\n\t1s  partition a | b\n", "partition a | b\n\t       ! Always(\"whole\"): broken")
}

// The step that fails is there, before the faults, which have a list of their own.
func TestReportOfAFailureAmongFaults(t *testing.T) {
	report := explore(t, few, func(ctx context.Context, t *looptest.T) {
		s := newStage(ctx, t)
		for i := range 40 {
			s.after(time.Duration(i+1)*time.Second, func() { s.tell(world.Fault, "a", "fault %d", i) })
			must(t, spawn(ctx, fmt.Sprint("task ", i), func(ctx context.Context) error { return task.Sleep(ctx, time.Duration(i%7)*time.Millisecond) }).Wait(ctx))
			if i == 20 {
				t.Error("in the middle")
			}
		}
		must(t, task.Sleep(ctx, time.Minute))
	}, looptest.Unexplained()).short(t)
	contains(t, report, "\n\t       ! world_test.go:NN: in the middle\n", "... 17 more ...")
}

// Whatever happens in the world, a report has 60 lines at most, with the first and the last faults, and the logs that
// are nearest to the faults and to the failure.
func TestReportOfALongWorld(t *testing.T) {
	for _, c := range []struct{ faults, logs int }{{0, 100}, {3, 0}, {3, 9000}, {9000, 3}, {3000, 12_000}} {
		t.Run(fmt.Sprintf("%d faults, %d logs", c.faults, c.logs), func(t *testing.T) {
			ticks := max(c.faults, c.logs)
			report := explore(t, few, func(ctx context.Context, t *looptest.T) {
				s := newStage(ctx, t)
				together(ctx, t, func(ctx context.Context) { wander(ctx, 100) }, func(ctx context.Context) { wander(ctx, 100) })
				for i := range ticks {
					must(t, task.Sleep(ctx, time.Second))
					if c.logs > 0 && i%(ticks/c.logs) == 0 {
						s.log(fmt.Sprint("n", i%12), "log %d", i)
					}
					if c.faults > 0 && i%(ticks/c.faults) == ticks/c.faults/2 {
						s.tell(world.Fault, "n1", "fault %d", i)
					}
				}
				for i := range 20 {
					t.Log("step", i)
				}
				t.Error("oh")
				for i := range 100 {
					t.Logf("line %d", i)
				}
			}, looptest.Unexplained(), looptest.MaxSteps(1<<22)).short(t)
			contains(t, report, "_test.go:NN: oh\n", "\nThe interleaving")
			listed := len(regexp.MustCompile(`(?m)^\t\S+ +fault \d+$`).FindAllString(report, -1))
			if listed < min(c.faults, 6) {
				t.Errorf("%d faults are listed:\n%s", listed, report)
			}
			if c.faults > 1000 {
				contains(t, report, fmt.Sprintf(" ... %d,%03d more ...\n", (c.faults-listed)/1000, (c.faults-listed)%1000))
			}
			if c.faults > 0 {
				every := ticks / c.faults
				contains(t, report, fmt.Sprintf("fault %d\n", every/2), fmt.Sprintf("fault %d\n", ticks-every+every/2))
			}
			if c.logs > 0 {
				contains(t, report, " logs in all):\n", fmt.Sprintf("log %d\n", ticks-ticks/c.logs))
			}
			if c.faults == 3 && c.logs > 3 { // beside the last fault, of the same node
				contains(t, report, "\tn1   2h5m2s    log 7501\n")
			}
		})
	}
}
