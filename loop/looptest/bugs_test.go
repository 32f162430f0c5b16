package looptest_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// The bug collection: small programs, each with a scheduling bug of a published kind, and each with
// a correct twin. No bug shows while tasks run first in, first out.

// A bug is a program in two forms: with the bug, and correct.
type bug struct {
	body   func(ctx context.Context, t *looptest.T, fixed bool)
	name   string
	kind   string
	source string // the publication that describes the kind
	pct    int    // PCT(1, pct, 3) finds the bug; PCT with the seeds 2 to 20 finds it too
	bound  int    // DelayBounded(bound) finds the bug, and DelayBounded(bound-1) does not
	delays int    // DelayBounded(bound) finds it after this number of schedules or fewer
	opts   []looptest.Option
}

func (b *bug) buggy(ctx context.Context, t *looptest.T)   { b.body(ctx, t, false) }
func (b *bug) correct(ctx context.Context, t *looptest.T) { b.body(ctx, t, true) }

const (
	lu08     = "Lu, Park, Seo, Zhou: Learning from Mistakes, ASPLOS 2008"
	tu19     = "Tu, Liu, Song, Zhang: Understanding Real-World Concurrency Bugs in Go, ASPLOS 2019"
	wang17   = "Wang et al.: A Comprehensive Study on Real World Concurrency Bugs in Node.js, ASE 2017"
	nodefz17 = "Davis, Thekumparampil, Lee: Node.fz, EuroSys 2017"
	farchi03 = "Farchi, Nir, Ur: Concurrent Bug Patterns and How to Test Them, IPDPS 2003"
	goetz06  = "Goetz et al.: Java Concurrency in Practice, 2006"
)

var bugs = []bug{
	{lostUpdate, "lost update", "atomicity: read, await, write",
		lu08, 20, 2, 10, nil},
	{checkThenAct, "check then act", "atomicity: the check no longer holds at the act",
		goetz06 + ", 2.2.1", 20, 2, 10, nil},
	{initialisedTwice, "initialised twice", "atomicity: lazy initialisation",
		goetz06 + ", 2.2.2", 20, 2, 10, nil},
	{doubleClose, "double close", "atomicity: a channel is closed twice",
		tu19, 20, 2, 10, nil},
	{staleRead, "stale read", "atomicity: a copy is used after an await",
		wang17, 50, 2, 10, nil},
	{tornPair, "torn pair", "atomicity of several variables",
		lu08, 50, 2, 10, nil},
	{iteratorInvalidation, "iterator invalidation", "atomicity: a list shrinks under its iteration",
		wang17, 20, 2, 10, nil},
	{aba, "ABA", "atomicity: the pointer is the same, but its node has changed",
		"Treiber: Coping with Parallelism, IBM RJ 5118, 1986", 50, 2, 10, nil},
	{resurrection, "resurrection", "atomicity: the last reference comes back",
		lu08, 500, 2, 10, nil},
	{repliesOutOfOrder, "replies out of order", "order: an old reply overwrites a new one",
		nodefz17, 20, 2, 10, nil},

	{publishedTooEarly, "published too early", "order: use before initialisation",
		goetz06 + ", 3.2", 50, 2, 10, nil},
	{closedTooEarly, "closed too early", "order: use after shutdown",
		lu08, 20, 2, 10, nil},
	{calledAfterUnsubscribing, "called after unsubscribing", "order: use after free in an event emitter",
		nodefz17, 20, 2, 10, nil},
	{queueDropped, "queue dropped", "order: the queue is shut down before it is drained",
		lu08, 20, 4, 10, nil},
	{missedWakeup, "missed wakeup", "order: an await between check and wait",
		farchi03, 50, 2, 10, nil},
	{lostNotify, "lost notify", "order: signal before wait, without a condition",
		farchi03, 20, 2, 10, nil},
	{conditionWithoutLoop, "condition without loop", "atomicity: the condition is not checked again after the wait",
		"Lampson, Redell: Experience with Processes and Monitors in Mesa, CACM 1980", 500, 1, 10, nil},
	{eventClearedTooEarly, "event cleared too early", "order: the event is cleared before the waiters check it",
		farchi03, 20, 1, 10, nil},
	{barrierMisuse, "barrier misuse", "order: one barrier where two are needed",
		farchi03, 50, 1, 10, nil},

	{lockOrder, "lock order", "deadlock of two",
		"Coffman, Elphick, Shoshani: System Deadlocks, 1971", 20, 2, 10, nil},
	{philosophers, "philosophers", "deadlock of three",
		"Dijkstra: Hierarchical Ordering of Sequential Processes, 1971", 100, 2, 10, nil},
	{lockUpgrade, "lock upgrade", "deadlock: two readers want to write",
		"Gray, Reuter: Transaction Processing, 1993", 20, 2, 10, nil},
	{nestedMonitor, "nested monitor", "deadlock: waiting with the outer lock held",
		"Lister: The Problem of Nested Monitor Calls, 1977", 20, 2, 10, nil},
	{pollingMissesThePulse, "polling misses the pulse", "livelock: busy waiting for a pulse that is over",
		farchi03, 20, 1, 10, []looptest.Option{looptest.MaxSteps(1500)}},

	{cancelDuringHandover, "cancel during handover", "cancellation: the item is lost with its taker",
		"CPython issue 27585, asyncio.Lock deadlock after cancellation", 100, 2, 20, nil},
	{permitLost, "permit lost", "cancellation: the permit is not released on an early return",
		tu19, 50, 2, 10, nil},
	{shieldedWorkLost, "shielded work lost", "cancellation: the shielded task is left behind",
		"asyncio documentation, shield", 50, 1, 10, nil},
	{spawnedIntoAbortedGroup, "spawned into an aborted group", "cancellation: an aborting group starts no new task",
		"asyncio documentation, TaskGroup", 20, 3, 10, nil},
	{canceledTheWrongOne, "canceled the wrong one", "cancellation of the next job instead",
		wang17, 10000, 2, 10, nil},
	{timerLeftArmed, "timer left armed", "leak on an early return",
		tu19, 20, 2, 10, nil},
	{errorNobodyTakes, "error nobody takes", "leak of a failure on an early return",
		wang17, 20, 2, 10, nil},
	{timeoutAgainstCompletion, "time-out against completion", "time: the answer and the time-out both happen",
		"CPython issue 37658, asyncio.wait_for", 20, 1, 10, nil},
	{chargedTwice, "charged twice", "time: a retry while the first request is still running",
		"Birrell, Nelson: Implementing Remote Procedure Calls, 1984", 20, 1, 10, []looptest.Option{looptest.TimePasses()}},
}

// forEachBug calls f for each bug in a subtest of its own, in parallel.
func forEachBug(t *testing.T, f func(t *testing.T, b *bug)) {
	for i := range bugs {
		t.Run(bugs[i].name, func(t *testing.T) {
			t.Parallel()
			f(t, &bugs[i])
		})
	}
}

// explore explores the program with the bug.
func (b *bug) explore(t testing.TB, s looptest.Strategy, opts ...looptest.Option) *recording {
	return record(t, func(tb testing.TB) { looptest.Explore(tb, s, b.buggy, slices.Concat(b.opts, opts)...) })
}

func TestEveryBugIsFound(t *testing.T) {
	if len(bugs) < 20 {
		t.Errorf("only %d bugs", len(bugs))
	}
	forEachBug(t, func(t *testing.T, b *bug) {
		if r := b.explore(t, looptest.DelayBounded(0), looptest.Unexplained()); r.Failed() {
			t.Errorf("the bug shows first in, first out:\n%s", r.report())
		}
		p := b.explore(t, looptest.PCT(1, b.pct, 3), looptest.Unexplained())
		if p.after() == 0 {
			t.Errorf("PCT does not find it in %d schedules", b.pct)
		}
		d := b.explore(t, looptest.DelayBounded(b.bound), looptest.Unexplained())
		if d.after() == 0 || d.after() > b.delays {
			t.Errorf("DelayBounded(%d) finds it after %d schedules (0: never), want %d or fewer", b.bound, d.after(), b.delays)
		}
		t.Logf("%s (%s): PCT finds it after %d, delay bounding by %d after %d", b.kind, b.source, p.after(), b.bound, d.after())
	})
}

// The minimiser finds the smallest number of deviations: no schedule with one deviation less shows
// the bug.
func TestMinimisedSchedulesAreMinimal(t *testing.T) {
	forEachBug(t, func(t *testing.T, b *bug) {
		r := b.explore(t, looptest.PCT(1, b.pct, 3), looptest.Unexplained())
		if got := looptest.Deviations(r.replay()); got != b.bound {
			t.Errorf("%d deviations, want %d:\n%s", got, b.bound, r.report())
		}
		if fewer := b.explore(t, looptest.DelayBounded(b.bound-1), looptest.Unexplained()); fewer.Failed() {
			t.Errorf("a schedule with one deviation less fails:\n%s", fewer.report())
		}
	})
}

// addresses matches the only texts that differ between two reports of one failure.
var addresses = regexp.MustCompile(`0x[0-9a-f]+|goroutine \d+`)

func TestMinimisedSchedulesReplay(t *testing.T) {
	forEachBug(t, func(t *testing.T, b *bug) {
		failure := b.explore(t, looptest.PCT(1, b.pct, 3), looptest.Unexplained())
		var want string
		for i := range 100 / fewer {
			r := record(t, func(tb testing.TB) { looptest.Replay(tb, failure.replay(), b.buggy, b.opts...) })
			got := addresses.ReplaceAllString(r.report(), "")
			if i == 0 {
				want = got
			}
			if !r.Failed() || got != want {
				t.Fatalf("replay %d reports\n%s\nwant\n%s", i, got, want)
			}
		}
		_, transcript, _ := strings.Cut(want, "The interleaving")
		if transcript == "" || !strings.HasSuffix(addresses.ReplaceAllString(failure.report(), ""), transcript) {
			t.Errorf("the replay reports\n%s\nbut the exploration reported\n%s", want, failure.report())
		}
	})
}

// No correct twin fails: not in 500 schedules of each random strategy (fewer under the race detector;
// TAKT_SCHEDULES=x200 makes it 100,000), and not in any schedule with as many deviations as the bug
// needs, or with two if the bug needs more.
func TestNoCorrectTwinFails(t *testing.T) {
	forEachBug(t, func(t *testing.T, b *bug) {
		looptest.Explore(t, looptest.Sample(2, 500/fewer), b.correct, b.opts...)
		looptest.Explore(t, looptest.PCT(2, 500/fewer, 3), b.correct, b.opts...)
		looptest.Explore(t, looptest.Random(2, 500/fewer), b.correct, b.opts...)
		looptest.Explore(t, looptest.DelayBounded(min(b.bound, 2)), b.correct, b.opts...)
	})
}
