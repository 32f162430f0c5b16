package loop_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A budget of zero is one entry, and never reads how long that took.
const oneEntry = 0

func TestRunForLeavesATurnInTheMiddle(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	for _, name := range []string{"a", "b", "c"} {
		l.CallSoon(func() {
			log.Add("%s", name)
			l.CallSoon(log.Callback(name + "'s"))
		})
	}
	for _, want := range []string{"a", "b"} {
		if !l.RunFor(oneEntry) {
			t.Errorf("after %s, RunFor reports that nothing is left", want)
		}
		log.Want(t, want)
	}
	if turns := l.Stats().Turns; turns != 1 {
		t.Errorf("%d turns have begun, want 1", turns)
	}
	l.RunOnce() // the rest of the turn
	log.Want(t, "c")
	if !l.RunFor(oneEntry) {
		t.Error("RunFor reports that nothing is left of the second turn")
	}
	log.Want(t, "a's")
	if l.RunFor(time.Hour) {
		t.Error("RunFor reports that something is left, and the loop is idle")
	}
	log.Want(t, "b's", "c's")
	if l.RunFor(oneEntry) {
		t.Error("RunFor of an idle loop reports that something is left")
	}
}

// The last entry was run with the budget used up: there is nothing left to go on with.
func TestRunForOfTheLastEntry(t *testing.T) {
	l := newLoop(t)
	l.CallSoon(func() {})
	if l.RunFor(oneEntry) {
		t.Error("RunFor reports that something is left")
	}
	l.CallLater(time.Hour, func() {})
	if l.RunFor(oneEntry) {
		t.Error("RunFor reports that a timer that is not due is left")
	}
}

// An entry that was taken out is none: RunFor runs the next one, and reports nothing left where only
// such entries are.
func TestRunForSkipsCanceledEntries(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	canceled := l.CallSoon(log.Callback("canceled"))
	l.CallSoon(log.Callback("b"))
	canceled.Cancel()
	if l.RunFor(oneEntry) {
		t.Error("RunFor reports that something is left")
	}
	log.Want(t, "b")

	l.CallSoon(func() { canceled.Cancel() })
	canceled = l.CallSoon(log.Callback("canceled later"))
	if l.RunFor(oneEntry) {
		t.Error("RunFor reports that something is left, and the rest of the turn was canceled")
	}
	log.Want(t)
}

// lastReady picks the last of the ready tasks.
type lastReady struct{}

func (lastReady) Pick(ready []*loop.Task, _ bool) int { return len(ready) - 1 }

// A policy that picks out of order leaves the head of the queue in its place. The budget counts all
// the same.
func TestRunForUnderAPolicy(t *testing.T) {
	l := newLoop(t, lowlevel.WithPolicy(lastReady{}, false))
	steps := 0
	for range 2 {
		spawn(l.Context(), "yields", func(ctx context.Context) error {
			for {
				steps++
				if err := task.Yield(ctx); err != nil || steps > 1000 {
					return err
				}
			}
		})
	}
	for want := 1; want <= 10; want++ {
		if !l.RunFor(oneEntry) || steps != want {
			t.Fatalf("after %d calls of RunFor there were %d steps", want, steps)
		}
	}
}

// An observer that calls Goexit at the beginning of a turn does not make the turn begin twice.
func TestGoexitAtTheBeginningOfATurnInRunFor(t *testing.T) {
	turns := 0
	var told []loop.Failure
	l := newLoop(t, toldTo(&told), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TurnBegan {
			if turns++; turns == 2 {
				runtime.Goexit()
			}
		}
	}))
	var log looptest.Journal
	l.CallSoon(func() { l.CallSoon(log.Callback("second turn")) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.RunFor(time.Hour)
	}()
	<-ended
	l.CallSoon(func() { log.Add("turn %d", l.Stats().Turns) })
	l.RunFor(time.Hour)
	log.Want(t, "second turn", "turn 3")
}

// A negative budget is no different, and the machine's clock does end a budget.
func TestRunForEndsByTheMachinesClock(t *testing.T) {
	l := newLoop(t)
	ran := 0
	for range 3 {
		l.CallSoon(func() {
			ran++
			for begin := time.Now(); time.Since(begin) < 2*time.Microsecond; {
			}
		})
	}
	for want, budget := range []time.Duration{-time.Hour, time.Microsecond} {
		if more := l.RunFor(budget); !more || ran != want+1 {
			t.Errorf("after RunFor(%v) %d callbacks have run, want %d; more %t", budget, ran, want+1, more)
		}
	}
}

// What comes from outside in a pause is taken in at the next turn.
func TestPostInAPauseOfRunFor(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(log.Callback("a"))
	l.CallSoon(func() {
		log.Add("b")
		l.CallSoon(log.Callback("b's"))
	})
	l.RunFor(oneEntry)
	if err := l.Post(log.Callback("posted")); err != nil {
		t.Fatal(err)
	}
	for l.RunFor(oneEntry) {
	}
	log.Want(t, "a", "b", "b's", "posted")
}

func TestStopInAPausedTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() {
		log.Add("stop")
		l.Stop()
		l.CallSoon(log.Callback("the next turn"))
	})
	l.CallSoon(log.Callback("the rest of the turn"))
	if !l.RunFor(oneEntry) {
		t.Error("RunFor reports that nothing is left of the turn")
	}
	l.RunUntilIdle()
	log.Want(t, "stop", "the rest of the turn")
	l.RunUntilIdle()
	log.Want(t, "the next turn")

	l.CallSoon(func() {
		l.Stop()
		l.CallSoon(log.Callback("after"))
	})
	if l.RunFor(time.Hour) {
		t.Error("RunFor that was stopped reports that its budget is used up")
	}
	log.Want(t)
	l.RunUntilIdle()
	log.Want(t, "after")
}

// A task that yields and yields is all that there is: a pause comes all the same.
func TestRunForOfALoneYield(t *testing.T) {
	for _, kind := range []string{"stackful", "stackless"} {
		t.Run(kind, func(t *testing.T) {
			l := newLoop(t)
			steps := 0
			if kind == "stackful" {
				spawn(l.Context(), "yields", func(ctx context.Context) error {
					for {
						steps++
						if err := task.Yield(ctx); err != nil {
							return err
						}
					}
				})
			} else {
				task.GoMachine(l.Context(), task.MachineFunc[struct{}](func(_ context.Context, err error) (struct{}, task.Suspension, error) {
					steps++
					return struct{}{}, task.Turn(), err
				}))
			}
			for want := 1; want <= 5; want++ {
				if !l.RunFor(oneEntry) || steps != want {
					t.Fatalf("after %d calls of RunFor there were %d steps", want, steps)
				}
			}
		})
	}
}

// A panic or a Goexit in the middle ends neither the turn nor the pauses.
func TestFailuresInRunFor(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told))
	var log looptest.Journal
	l.CallSoon(func() { panic("on purpose") })
	l.CallSoon(log.Callback("after the panic"))
	l.CallSoon(runtime.Goexit)
	l.CallSoon(log.Callback("after the Goexit"))
	l.CallSoon(log.Callback("the last"))
	l.RunFor(oneEntry)
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
		t.Fatalf("the failures are %v", told)
	}
	told = nil
	l.RunFor(oneEntry)
	log.Want(t, "after the panic")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.RunFor(time.Hour)
		t.Error("RunFor returned, and a callback has called Goexit")
	}()
	<-ended
	log.Want(t)
	if turns := l.Stats().Turns; turns != 1 {
		t.Errorf("%d turns have begun, want 1", turns)
	}
	l.RunFor(oneEntry)
	log.Want(t, "after the Goexit")
	l.Close() // in the middle of the turn
	log.Want(t)
}

// However a host drives a loop, the order of events is the same, and so are the turns.
func TestRunForKeepsTheOrder(t *testing.T) {
	drives := map[string]func(l *loop.Loop, r *rand.Rand){
		"RunUntilIdle": func(l *loop.Loop, _ *rand.Rand) { l.RunUntilIdle() },
		"one by one": func(l *loop.Loop, _ *rand.Rand) {
			for l.RunFor(oneEntry) {
			}
		},
		"a mixture": func(l *loop.Loop, r *rand.Rand) {
			for more := true; more; {
				switch r.IntN(4) {
				case 0:
					more = l.RunOnce()
				case 1:
					more = l.RunFor(time.Hour)
				default:
					more = l.RunFor(oneEntry)
				}
			}
		},
	}
	for seed := range uint64(40) {
		logs := map[string][]string{}
		for name, drive := range drives {
			logs[name] = driven(t, seed, drive)
		}
		for name, log := range logs {
			if want := logs["RunUntilIdle"]; !slices.Equal(log, want) {
				t.Fatalf("seed %d: driven by %s the events are\n%q\nwant\n%q", seed, name, log, want)
			}
		}
	}
}

// driven runs a random program, driven in a way, and returns its events.
func driven(t *testing.T, seed uint64, drive func(*loop.Loop, *rand.Rand)) (log []string) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(clock))
	r, driver := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	add := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	var tasks []*loop.Task
	var body func(name string, depth int) func(ctx context.Context) error
	body = func(name string, depth int) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			for step := range 6 {
				add("%s %d", name, step)
				var err error
				switch r.IntN(6) {
				case 0:
					err = task.Sleep(ctx, time.Duration(r.IntN(3))*time.Millisecond)
				case 1:
					if depth < 2 {
						tasks = append(tasks, spawn(ctx, name+"c", body(name+"c", depth+1)).Task())
					}
				case 2:
					l.CallSoon(func() { add("callback of %s", name) })
				case 3:
					tasks[r.IntN(len(tasks))].Cancel(nil)
				default:
					err = task.Yield(ctx)
				}
				if err != nil {
					add("%s: %v", name, err)
				}
			}
			return nil
		}
	}
	for i := range 4 {
		name := fmt.Sprint("t", i)
		tasks = append(tasks, spawn(l.Context(), name, body(name, 0)).Task())
	}
	for range 30 {
		drive(l, driver)
		add("turn %d", l.Stats().Turns)
		clock.Advance(time.Millisecond)
	}
	return log
}

func TestRunForAllocatesNothing(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "yields", func(ctx context.Context) error {
		for {
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
	})
	l.RunFor(oneEntry)
	if n := testing.AllocsPerRun(100, func() { l.RunFor(oneEntry) }); n != 0 {
		t.Errorf("RunFor allocates %v times", n)
	}
}

func TestRunForInsideTheLoop(t *testing.T) {
	l := newLoop(t)
	l.CallSoon(func() {
		mustPanic(t, "loop: RunFor on a loop that is running already", func() { l.RunFor(time.Second) })
	})
	l.RunUntilIdle()
}
