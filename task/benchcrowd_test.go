package task_test

import (
	"cmp"
	"fmt"
	"iter"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// BenchmarkCrowd measures the operations of the other benchmarks with 1,000 tasks, callbacks and so
// on at the same time, and with 1,000,000. `make bench-growth` runs it with GOMAXPROCS=1, and
// compares the CPU times. Of bodies that have stacks there are 100,000 at most: a million needs more
// memory than many machines have. The floors are what so many objects or stacks cost without takt.
func BenchmarkCrowd(b *testing.B) {
	if testkit.Race {
		b.Skip("the race detector does not allow so many goroutines")
	}
	stacks := regexp.MustCompile("/stackful$|^floor-(pull|coroutines|goroutines)$")
	for _, row := range []struct {
		name    string
		prepare rounds
	}{
		{"floor-ring", ringOfMany},
		{"floor-mixed", mixedRingOfMany},
		{"floor-alloc", allocateMany},
		{"floor-append", appendMany},
		{"floor-sort", sortMany},
		{"callsoon", callSoonMany},
		{"post", postMany},
		{"timer-fired", fireMany},
		{"timer-canceled", cancelMany},
		{"yield/stackless", manyYield(stackless)},
		{"spawn/stackless", spawnMany(stackless, factory.Lazy)},
		{"spawn-eager/stackless", spawnMany(stackless, factory.Eager)},
		{"pingpong/stackless", manyPairs(stackless)},
		{"gather/stackless", gatherMany(stackless)},
		{"parked/stackless", parkMany(stackless)},
		{"asleep/stackless", manySleep(stackless)},
		{"floor-pull", resumeMany},
		{"floor-coroutines", parkManyCoroutines},
		{"floor-goroutines", parkManyGoroutines},
		{"yield/stackful", manyYield(stackful)},
		{"spawn/stackful", spawnMany(stackful, factory.Lazy)},
		{"spawn-eager/stackful", spawnMany(stackful, factory.Eager)},
		{"pingpong/stackful", manyPairs(stackful)},
		{"gather/stackful", gatherMany(stackful)},
		{"parked/stackful", parkMany(stackful)},
		{"asleep/stackful", manySleep(stackful)},
	} {
		most := 1_000_000
		if stacks.MatchString(row.name) {
			most = 100_000
		}
		for _, n := range []int{1_000, most} {
			b.Run(fmt.Sprintf("%s/n=%d", row.name, n), func(b *testing.B) {
				round := row.prepare(b, n)
				// The memory comes from the system in the first round. No collection follows:
				// it would free the stacks that the next round uses again.
				round(new(clocks))
				var c clocks
				ops := 0
				for b.Loop() {
					for range most / n {
						ops += round(&c)
					}
				}
				c.report(b, ops)
			})
		}
	}
}

// The functions below return a round with n elements at the same time. The round measures its
// operations, without what prepares and ends it, and returns their number. Where the elements take
// turns, a round has several turns.
const turns = 10

type (
	rounds = func(b *testing.B, n int) round
	round  = func(c *clocks) (ops int)
)

// object has the size of a task. A step of a task touches it.
type object struct {
	steps int
	_     [10]int
	_     *object
}

func (o *object) Run() { o.steps++ }

// ringOfMany takes objects out of a ring, runs them, and puts them back.
func ringOfMany(_ *testing.B, n int) round { return runRing(newObjects(n)) }

// mixedRingOfMany does the same in the order in which the timers of fireMany and manySleep fire. So the
// processor cannot load the next objects ahead.
func mixedRingOfMany(_ *testing.B, n int) round {
	ring := make([]loop.Runnable, n)
	for i, o := range newObjects(n) {
		ring[mixedDelay(i, n)/time.Microsecond] = o
	}
	return runRing(ring)
}

func newObjects(n int) []loop.Runnable {
	all := make([]loop.Runnable, n)
	for i := range all {
		all[i] = new(object)
	}
	return all
}

func runRing(ring []loop.Runnable) round {
	return func(c *clocks) int {
		c.time(func() {
			for range turns {
				for i := range ring {
					r := ring[i]
					ring[i] = nil
					r.Run()
					ring[i] = r
				}
			}
		})
		return len(ring) * turns
	}
}

// allocateMany allocates tasks and machines, and keeps them until the next round.
func allocateMany(_ *testing.B, n int) round {
	tasks, machines := make([]*task.Task[int], n), make([]*yieldMachine, n)
	return func(c *clocks) int {
		c.time(func() {
			for i := range n {
				tasks[i], machines[i] = new(task.Task[int]), &yieldMachine{i}
			}
		})
		return n
	}
}

// appendMany lets a slice grow, as every queue does when many come at once, and drops it.
func appendMany(_ *testing.B, n int) round {
	return func(c *clocks) int {
		c.time(func() {
			var queue []loop.Runnable
			for range n {
				queue = append(queue, lowlevel.Func(doNothing))
			}
			runtime.KeepAlive(queue)
		})
		return n
	}
}

// sortMany sorts the deadlines of timers. Timers cannot fire in the right order without that.
func sortMany(_ *testing.B, n int) round {
	type timer struct {
		at  time.Duration
		seq int
	}
	timers := make([]timer, n)
	return func(c *clocks) int {
		for i := range timers {
			timers[i] = timer{mixedDelay(i, n), i}
		}
		c.time(func() {
			slices.SortFunc(timers, func(a, b timer) int {
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
			})
		})
		return n
	}
}

// resumeMany resumes coroutines in turn.
func resumeMany(b *testing.B, n int) round {
	nexts := make([]func() (struct{}, bool), n)
	for i := range nexts {
		next, stop := iter.Pull(func(yield func(struct{}) bool) {
			for yield(struct{}{}) {
			}
		})
		b.Cleanup(stop)
		nexts[i] = next
	}
	return func(c *clocks) int {
		c.time(func() {
			for range turns {
				for _, next := range nexts {
					next()
				}
			}
		})
		return n * turns
	}
}

// parkManyCoroutines makes coroutines, resumes each until it waits, and resumes it until its end.
func parkManyCoroutines(_ *testing.B, n int) round {
	nexts := make([]func() (struct{}, bool), n)
	return func(c *clocks) int {
		c.time(func() {
			for i := range nexts {
				nexts[i], _ = iter.Pull(func(yield func(struct{}) bool) { yield(struct{}{}) })
				nexts[i]()
			}
			for _, next := range nexts {
				next()
			}
		})
		return n
	}
}

func parkManyGoroutines(_ *testing.B, n int) round {
	return func(c *clocks) int {
		c.time(func() { parkGoroutines(n)() })
		return n
	}
}

// onLoop returns a round that measures do on a loop. All rounds have the same loop.
func onLoop(b *testing.B, ops int, do func(l *loop.Loop), opts ...loop.Option) round {
	l := crowdLoop(b, opts...)
	return func(c *clocks) int {
		c.time(func() { do(l) })
		return ops
	}
}

func crowdLoop(b *testing.B, opts ...loop.Option) *loop.Loop {
	l := loop.New(append([]loop.Option{loop.WithVirtualTime(), loop.WithDeadlockDetection()}, opts...)...)
	b.Cleanup(l.Close)
	return l
}

func callSoonMany(b *testing.B, n int) round {
	return onLoop(b, n*turns, func(l *loop.Loop) {
		for range turns {
			for range n {
				l.CallSoon(doNothing)
			}
			l.RunUntilIdle()
		}
	})
}

func postMany(b *testing.B, n int) round {
	return onLoop(b, n*turns, func(l *loop.Loop) {
		for range turns {
			for range n {
				if err := l.Post(doNothing); err != nil {
					b.Fatal(err)
				}
			}
			l.RunUntilIdle()
		}
	})
}

func fireMany(b *testing.B, n int) round {
	return onLoop(b, n, func(l *loop.Loop) {
		for i := range n {
			l.CallLater(mixedDelay(i, n), doNothing)
		}
		runToEnd(b, l)
	})
}

func cancelMany(b *testing.B, n int) round {
	handles := make([]loop.Handle, n)
	return onLoop(b, n, func(l *loop.Loop) {
		for i := range handles {
			handles[i] = l.CallLater(time.Minute, doNothing)
		}
		for i := range handles {
			if !handles[i].Cancel() {
				b.Fatal("a timer was not armed")
			}
		}
	})
}

// manyYield measures turns in which each of n tasks yields.
func manyYield(k bodyKind) rounds {
	return func(b *testing.B, n int) round {
		l := crowdLoop(b)
		return func(c *clocks) int {
			for range n {
				k.yields(l.Context(), turns+1)
			}
			l.RunOnce()
			c.time(func() {
				for range turns {
					l.RunOnce()
				}
			})
			l.RunUntilIdle()
			return n * turns
		}
	}
}

// manyPairs lets each of n/2 pairs of tasks send messages. The first one is not measured.
func manyPairs(k bodyKind) rounds {
	return func(b *testing.B, n int) round {
		l := crowdLoop(b)
		return func(c *clocks) int {
			for range n / 2 {
				sendMessages(k, l.Context(), 2*turns)
			}
			l.RunOnce()
			c.time(l.RunUntilIdle)
			return n / 2 * (2*turns - 1)
		}
	}
}

func spawnMany(k bodyKind, f loop.TaskFactory) rounds {
	return func(b *testing.B, n int) round {
		return onLoop(b, n, func(l *loop.Loop) {
			spawnAndAwait(k, l.Context(), n, n)
			runToEnd(b, l)
		}, loop.WithTaskFactory(f))
	}
}

func gatherMany(k bodyKind) rounds {
	return func(b *testing.B, n int) round {
		return onLoop(b, n, func(l *loop.Loop) {
			gather(k, l.Context(), n, n)
			runToEnd(b, l)
		})
	}
}

func parkMany(k bodyKind) rounds {
	return func(b *testing.B, n int) round {
		return onLoop(b, n, func(l *loop.Loop) {
			gate, _ := parkTasks(l, k, n)
			setResult(gate)
			runToEnd(b, l)
		})
	}
}

func manySleep(k bodyKind) rounds {
	return func(b *testing.B, n int) round {
		return onLoop(b, n, func(l *loop.Loop) {
			for i := range n {
				k.sleeps(l.Context(), 1, mixedDelay(i, n)+time.Microsecond)
			}
			runToEnd(b, l)
		})
	}
}
