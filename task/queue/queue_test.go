package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// kinds has the kinds of queues. make makes one with room for max items.
var kinds = []struct {
	name string
	make func(max int) *queue.Queue[int]
	want []int // how 3, 1, 2 come out
}{
	{"FIFO", queue.New[int], []int{3, 1, 2}},
	{"LIFO", queue.NewLIFO[int], []int{2, 1, 3}},
	{"priority", func(max int) *queue.Queue[int] { return queue.NewPriority(max, cmp.Less[int]) }, []int{1, 2, 3}},
}

func forEachKind(t *testing.T, test func(t *testing.T, make func(max int) *queue.Queue[int])) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k.make) })
	}
}

func TestOrderOfItems(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			q := k.make(0)
			testkit.Equal(t, "room", q.Cap(), 0)
			for _, v := range []int{3, 1, 2} {
				testkit.NoError(t, q.TryPut(v))
			}
			testkit.Equal(t, "items", q.Len(), 3)
			for _, want := range k.want {
				got, err := q.TryGet()
				testkit.NoError(t, err)
				testkit.Equal(t, "item", got, want)
			}
			_, err := q.TryGet()
			testkit.Equal(t, "error", err, queue.ErrEmpty)
			testkit.Equal(t, "items", q.Len(), 0)
		})
	}
}

func TestPriorityKeepsTheOrderOfEquals(t *testing.T) {
	type job struct{ level, number int }
	q := queue.NewPriority(0, func(a, b job) bool { return a.level < b.level })
	for n := range 100 {
		testkit.NoError(t, q.TryPut(job{level: n * 7 % 3, number: n}))
	}
	var got []job
	for q.Len() > 0 {
		j, err := q.TryGet()
		testkit.NoError(t, err)
		got = append(got, j)
	}
	if !slices.IsSortedFunc(got, func(a, b job) int {
		return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.number, b.number))
	}) {
		t.Errorf("the items came as %v", got)
	}
}

func TestZeroQueue(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		var q queue.Queue[string]
		testkit.Equal(t, "room", q.Cap(), 0)
		testkit.Equal(t, "items", q.Len(), 0)
		_, err := q.TryGet()
		testkit.Equal(t, "error", err, queue.ErrEmpty)
		testkit.NoError(t, q.Put(ctx, "a"))
		testkit.NoError(t, q.TryPut("b"))
		v, err := q.Get(ctx)
		testkit.NoError(t, err)
		testkit.Equal(t, "item", v, "a")
		q.Shutdown(true)
		q.Done()
		testkit.NoError(t, q.Join(ctx))
	})
	var unused queue.Queue[int]
	unused.Shutdown(false)
	testkit.Equal(t, "error", unused.TryPut(1), queue.ErrShutdown)
	var waited queue.Queue[int]
	l := testkit.NewLoop(t)
	a := task.Go(l.Context(), waited.Get)
	l.RunUntilIdle()
	testkit.NoError(t, waited.TryPut(1))
	l.RunUntilIdle()
	testkit.NoError(t, a.Err())
}

func TestQueueMisuse(t *testing.T) {
	testkit.Panics(t, "queue: room for -1 items", func() { queue.New[int](-1) })
	testkit.Panics(t, "queue: room for -1 items", func() { queue.NewLIFO[int](-1) })
	testkit.Panics(t, "queue: room for -1 items", func() { queue.NewPriority(-1, cmp.Less[int]) })
	testkit.Panics(t, "queue: NewPriority with a nil less", func() { queue.NewPriority[int](0, nil) })

	q := queue.New[int](0)
	testkit.Panics(t, "queue: Done called more often than items were put", q.Done)
	testkit.NoError(t, q.TryPut(1))
	q.Done()
	testkit.Panics(t, "queue: Done called more often than items were put", q.Done)
	testkit.Equal(t, "undone", q.Undone(), 0)
}

func TestWrongContext(t *testing.T) {
	q := queue.New[int](1)
	for _, u := range []struct {
		name string
		use  testkit.Body
	}{
		{"Put", func(ctx context.Context) error { return q.Put(ctx, 1) }},
		{"Get", func(ctx context.Context) error { _, err := q.Get(ctx); return err }},
		{"Join", q.Join},
		{"All", func(ctx context.Context) error {
			for range q.All(ctx) {
			}
			return nil
		}},
	} {
		t.Run(u.name, func(t *testing.T) {
			use := u.use
			l := testkit.NewLoop(t)
			foreign := testkit.Spawn(l.Context(), "other", testkit.SleepForever).Task().Context()
			l.RunUntilIdle()
			testkit.Panics(t, "belongs to no loop", func() { _ = use(t.Context()) })
			testkit.Panics(t, "this needs a task", func() { _ = use(l.Context()) })
			testkit.Spawn(l.Context(), "user", func(context.Context) error {
				testkit.Panics(t, `the context of task "other" was used where task "user" is running`, func() { _ = use(foreign) })
				return nil
			})
			l.RunUntilIdle()
			testkit.Equal(t, "items", q.Len(), 0)
		})
	}
}

func TestTwoLoops(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		q := make(1)
		first, second := testkit.NewLoop(t), testkit.NewLoop(t)
		a := task.Go(first.Context(), q.Get)
		first.RunUntilIdle()
		testkit.Spawn(second.Context(), "B", func(ctx context.Context) error {
			testkit.Panics(t, "is used by tasks of two loops", func() { _, _ = q.Get(ctx) })
			return nil
		})
		second.RunUntilIdle()
		testkit.NoError(t, q.TryPut(1))
		first.RunUntilIdle()
		testkit.Equal(t, "the task of the first loop was served", a.Done(), true)
	})
}

// Get does not suspend if there is an item, and Put does not if there is room, even if the
// context has ended.
func TestWithoutWaiting(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		testkit.Run(t, func(ctx context.Context) {
			q := make(2)
			other := false
			lowlevel.LoopOf(ctx).CallSoon(func() { other = true })
			ended, end := context.WithCancelCause(ctx)
			end(testkit.ErrEnded)
			testkit.NoError(t, q.Put(ctx, 1))
			testkit.NoError(t, q.Put(ended, 2))
			testkit.Equal(t, "error", q.TryPut(3), queue.ErrFull)
			testkit.ErrorIs(t, q.Put(ended, 3), testkit.ErrEnded)
			_, err := q.Get(ctx)
			testkit.NoError(t, err)
			_, err = q.Get(ended)
			testkit.NoError(t, err)
			_, err = q.Get(ended)
			testkit.ErrorIs(t, err, testkit.ErrEnded)
			testkit.Equal(t, "something else ran", other, false)
			testkit.Equal(t, "items", q.Len(), 0)
			testkit.Equal(t, "undone", q.Undone(), 2)
		})
	})
}

// Waiting tasks are served in the order in which they began to wait, in the next turn.
func TestFirstComeFirstServed(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := testkit.NewLoop(t)
		q := make(1)
		var j looptest.Journal
		for _, name := range []string{"A", "B", "C"} {
			testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
				v, err := q.Get(ctx)
				j.Add("%s gets %d", name, v)
				return err
			})
		}
		l.RunUntilIdle()
		for v, name := range []string{"A", "B", "C"} {
			testkit.NoError(t, q.TryPut(v))
			j.Want(t)
			l.RunOnce()
			j.Want(t, fmt.Sprintf("%s gets %d", name, v))
		}
		testkit.NoError(t, q.TryPut(10))
		for v, name := range []string{"A", "B", "C"} {
			testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
				err := q.Put(ctx, v)
				j.Add("%s has put %d", name, v)
				return err
			})
		}
		l.RunUntilIdle()
		for v, name := range []string{"A", "B", "C"} {
			_, err := q.TryGet()
			testkit.NoError(t, err)
			j.Want(t)
			l.RunOnce()
			j.Want(t, fmt.Sprintf("%s has put %d", name, v))
		}
	})
}

// TryGet takes an item although a waiting task was woken for it. That task finds nothing
// and waits again, as in asyncio.
func TestAnItemIsTakenByWhoComesFirst(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := testkit.NewLoop(t)
		q := make(1)
		a := task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		testkit.NoError(t, q.TryPut(1))
		_, err := q.TryGet()
		testkit.NoError(t, err)
		l.RunUntilIdle()
		testkit.Equal(t, "A was served", a.Done(), false)
		testkit.NoError(t, q.TryPut(2))
		l.RunUntilIdle()
		v, err := a.Result()
		testkit.NoError(t, err)
		testkit.Equal(t, "item", v, 2)
	})
}

// waysToGiveUp has the ways in which a wait can end without success. wait waits until giveUp
// is called, which it sets.
var waysToGiveUp = []struct {
	name string
	wait func(ctx context.Context, wait testkit.Body, giveUp *func()) error
	want error
}{
	{"canceled", func(ctx context.Context, wait testkit.Body, giveUp *func()) error {
		t := lowlevel.Current(ctx)
		*giveUp = func() { t.Cancel(testkit.ErrCause) }
		return wait(ctx)
	}, context.Canceled},
	{"context ended", func(ctx context.Context, wait testkit.Body, giveUp *func()) error {
		ctx, end := context.WithCancelCause(ctx)
		*giveUp = func() { end(testkit.ErrEnded) }
		return wait(ctx)
	}, testkit.ErrEnded},
	{"time limit", func(ctx context.Context, wait testkit.Body, giveUp *func()) error {
		return task.Timeout(ctx, time.Hour, func(ctx context.Context, limit *task.Deadline) error {
			l := lowlevel.LoopOf(ctx)
			*giveUp = func() { _ = limit.Reschedule(l.Now()) }
			return wait(ctx)
		})
	}, context.DeadlineExceeded},
}

// moments has the possible orders of two events: a task gives up, and its turn comes.
var moments = []struct {
	name string
	do   func(l *loop.Loop, giveUp, open func())
}{
	{"turns before", func(l *loop.Loop, giveUp, open func()) { giveUp(); l.RunUntilIdle(); open() }},
	{"just before", func(l *loop.Loop, giveUp, open func()) { giveUp(); open() }},
	{"just after", func(l *loop.Loop, giveUp, open func()) { open(); giveUp() }},
	{"in the turn before", func(l *loop.Loop, giveUp, open func()) {
		l.CallSoon(func() {
			l.CallSoon(open)
			giveUp()
		})
	}},
	{"in the turn after", func(l *loop.Loop, giveUp, open func()) {
		l.CallSoon(func() {
			l.CallSoon(giveUp)
			open()
		})
	}},
	{"in the same turn", func(l *loop.Loop, giveUp, open func()) { l.CallSoon(giveUp); l.CallSoon(open) }},
	{"in the same turn, after", func(l *loop.Loop, giveUp, open func()) { l.CallSoon(open); l.CallSoon(giveUp) }},
}

// One item, or room for one, comes when the first task in line gives up: either the first
// or the second task gets it, never both, and the third goes on waiting.
func TestTurnComesAsTheFirstGivesUp(t *testing.T) {
	for _, way := range waysToGiveUp {
		for _, moment := range moments {
			for _, putting := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/putting %t", way.name, moment.name, putting), func(t *testing.T) {
					l := testkit.NewLoop(t)
					q := queue.New[int](1)
					open := func() { testkit.NoError(t, q.TryPut(100)) }
					use := func(int) testkit.Body {
						return func(ctx context.Context) error {
							_, err := q.Get(ctx)
							return err
						}
					}
					if putting {
						testkit.NoError(t, q.TryPut(0))
						open = func() {
							_, err := q.TryGet()
							testkit.NoError(t, err)
						}
						use = func(v int) testkit.Body {
							return func(ctx context.Context) error { return q.Put(ctx, v) }
						}
					}
					var giveUp func()
					first := testkit.Spawn(l.Context(), "first", func(ctx context.Context) error { return way.wait(ctx, use(1), &giveUp) })
					second := testkit.Spawn(l.Context(), "second", use(2))
					third := testkit.Spawn(l.Context(), "third", use(3))
					l.RunUntilIdle()
					moment.do(l, giveUp, open)
					l.RunUntilIdle()
					testkit.Equal(t, "the third is served", third.Done(), false)
					// The loop may notice the end of a context one turn later, which is too late.
					late := first.Err() == nil
					if late && way.want == context.Canceled {
						t.Error("the cancellation is lost")
					}
					if !late {
						testkit.ErrorIs(t, first.Err(), way.want)
					}
					testkit.Equal(t, "the second is served", second.Done(), !late)
					want := 0
					if putting {
						want = 1
					}
					testkit.Equal(t, "items left", q.Len(), want)
					if putting {
						v, err := q.TryGet()
						testkit.NoError(t, err)
						testkit.Equal(t, "the item was put by the first", v == 1, late)
					}
				})
			}
		}
	}
}

// Two items come for the first two tasks in line, and the first gives up.
func TestTwoTurnsAndOneGivesUp(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](0)
	a, b, c := task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get)
	l.RunUntilIdle()
	testkit.NoError(t, q.TryPut(1))
	testkit.NoError(t, q.TryPut(2))
	a.Cancel(nil)
	l.RunUntilIdle()
	testkit.ErrorIs(t, a.Err(), context.Canceled)
	v, err := b.Result()
	testkit.NoError(t, err)
	testkit.Equal(t, "the second gets", v, 1)
	v, err = c.Result()
	testkit.NoError(t, err)
	testkit.Equal(t, "the third gets", v, 2)
}

func TestJoin(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](0)
	none := testkit.Spawn(l.Context(), "of nothing", q.Join)
	l.RunUntilIdle()
	testkit.NoError(t, none.Err())

	testkit.NoError(t, q.TryPut(1))
	testkit.NoError(t, q.TryPut(2))
	a, b := testkit.Spawn(l.Context(), "A", q.Join), testkit.Spawn(l.Context(), "B", q.Join)
	l.RunUntilIdle()
	for range 2 {
		testkit.Equal(t, "A has ended", a.Done(), false)
		_, err := q.TryGet() // to take an item is not to finish the work on it
		testkit.NoError(t, err)
		l.RunUntilIdle()
		testkit.Equal(t, "A has ended", a.Done(), false)
		q.Done()
	}
	testkit.NoError(t, q.TryPut(3)) // too late: the joiners are woken already
	l.RunOnce()
	testkit.NoError(t, a.Err())
	testkit.NoError(t, b.Err())

	c := testkit.Spawn(l.Context(), "C", q.Join)
	l.RunUntilIdle()
	c.Cancel(testkit.ErrCause)
	l.RunUntilIdle()
	testkit.ErrorIs(t, c.Err(), context.Canceled)
	q.Done()
	testkit.Equal(t, "undone", q.Undone(), 0)
}

func TestShutdown(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := testkit.NewLoop(t)
		q := make(1)
		testkit.NoError(t, q.TryPut(1))
		putter := testkit.Spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 2) })
		joiner := testkit.Spawn(l.Context(), "joiner", q.Join)
		l.RunUntilIdle()
		q.Shutdown(false)
		q.Shutdown(false)
		l.RunUntilIdle()
		testkit.Equal(t, "the error of the waiting Put", putter.Err(), queue.ErrShutdown)
		testkit.Equal(t, "the error of TryPut", q.TryPut(3), queue.ErrShutdown)
		testkit.Equal(t, "the joiner has ended", joiner.Done(), false)
		getter := task.Go(l.Context(), q.Get)
		late := task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		v, err := getter.Result()
		testkit.NoError(t, err)
		testkit.Equal(t, "the item that was left", v, 1)
		testkit.Equal(t, "the error of a Get that comes later", late.Err(), queue.ErrShutdown)
		_, err = q.TryGet()
		testkit.Equal(t, "the error of TryGet", err, queue.ErrShutdown)
		q.Done()
		l.RunUntilIdle()
		testkit.NoError(t, joiner.Err())
	})
}

func TestShutdownNow(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := testkit.NewLoop(t)
		q := make(3)
		for v := range 3 {
			testkit.NoError(t, q.TryPut(v))
		}
		_, err := q.TryGet()
		testkit.NoError(t, err)
		testkit.NoError(t, q.TryPut(3))
		putter := testkit.Spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 4) })
		joiner := testkit.Spawn(l.Context(), "joiner", q.Join)
		l.RunUntilIdle()
		q.Shutdown(true)
		testkit.Equal(t, "items", q.Len(), 0)
		testkit.Equal(t, "undone, because one item was taken", q.Undone(), 1)
		l.RunUntilIdle()
		testkit.Equal(t, "the error of the waiting Put", putter.Err(), queue.ErrShutdown)
		testkit.Equal(t, "the joiner has ended", joiner.Done(), false)
		q.Done()
		l.RunUntilIdle()
		testkit.NoError(t, joiner.Err())
	})
}

// Dropped items count as done, and so end a Join.
func TestShutdownNowEndsJoin(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](0)
	testkit.NoError(t, q.TryPut(1))
	a := testkit.Spawn(l.Context(), "A", q.Join)
	l.RunUntilIdle()
	q.Shutdown(true)
	l.RunUntilIdle()
	testkit.Equal(t, "A has ended", a.Done(), true)
}

func TestShutdownWakesWhoGets(t *testing.T) {
	for _, now := range []bool{false, true} {
		l := testkit.NewLoop(t)
		q := queue.New[int](0)
		a, b := task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		q.Shutdown(now)
		b.Cancel(testkit.ErrCause)
		l.RunOnce()
		testkit.Equal(t, "error", a.Err(), queue.ErrShutdown)
		testkit.ErrorIs(t, b.Err(), context.Canceled)
	}
}

// A waiting task is woken for an item, but Shutdown drops the item before the task takes it.
func TestShutdownNowTakesAPromiseBack(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](0)
	a := task.Go(l.Context(), q.Get)
	l.RunUntilIdle()
	testkit.NoError(t, q.TryPut(1))
	q.Shutdown(true)
	l.RunUntilIdle()
	testkit.Equal(t, "error", a.Err(), queue.ErrShutdown)
	testkit.Equal(t, "undone", q.Undone(), 0)
}

// Several workers range over one queue until it is shut down. Each item goes to one worker,
// once.
func TestAll(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := testkit.NewLoop(t)
		q := make(2)
		const items = 20
		seen := map[int]int{}
		workers := 0
		for worker := range 3 {
			testkit.Spawn(l.Context(), fmt.Sprint(worker), func(ctx context.Context) error {
				for v, err := range q.All(ctx) {
					if err != nil {
						t.Errorf("a round with the error %v", err)
						return err
					}
					seen[v]++
					if err := task.Sleep(ctx, time.Duration(worker+1)*time.Second); err != nil {
						return err
					}
					q.Done()
				}
				workers++
				return nil
			})
		}
		producer := testkit.Spawn(l.Context(), "producer", func(ctx context.Context) error {
			for v := range items {
				if err := q.Put(ctx, v); err != nil {
					return err
				}
			}
			if err := q.Join(ctx); err != nil {
				return err
			}
			testkit.Equal(t, "workers that have ended before the shutdown", workers, 0)
			q.Shutdown(false)
			return nil
		})
		testkit.NoError(t, l.Run())
		testkit.NoError(t, producer.Err())
		testkit.Equal(t, "workers that have ended", workers, 3)
		testkit.Equal(t, "items seen", len(seen), items)
		for v, times := range seen {
			if times != 1 {
				t.Errorf("item %d was taken %d times", v, times)
			}
		}
	})
}

// If the wait fails, All yields one last round with the error. If the loop is left early,
// All takes no further item.
func TestAllEndsWithAnErrorRound(t *testing.T) {
	for _, way := range waysToGiveUp {
		t.Run(way.name, func(t *testing.T) {
			l := testkit.NewLoop(t)
			q := queue.New[int](0)
			var giveUp func()
			var j looptest.Journal
			testkit.NoError(t, q.TryPut(7))
			a := testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
				return way.wait(ctx, func(ctx context.Context) (last error) {
					for v, err := range q.All(ctx) {
						j.Add("%d, an error %t", v, err != nil)
						last = err
					}
					return last
				}, &giveUp)
			})
			l.RunUntilIdle()
			giveUp()
			l.RunUntilIdle()
			testkit.ErrorIs(t, a.Err(), way.want)
			j.Want(t, "7, an error false", "0, an error true")
		})
	}
	testkit.Run(t, func(ctx context.Context) { // the cause looks like a shutdown, but the queue is open
		q, rounds := queue.New[int](0), 0
		within, end := context.WithCancelCause(ctx)
		lowlevel.CallLater(ctx, time.Second, func() { end(queue.ErrShutdown) })
		for _, err := range q.All(within) {
			rounds++
			testkit.ErrorIs(t, err, queue.ErrShutdown)
		}
		testkit.Equal(t, "rounds", rounds, 1)
	})
	testkit.Run(t, func(ctx context.Context) {
		q := queue.New[int](0)
		for v := range 3 {
			testkit.NoError(t, q.Put(ctx, v))
		}
		for v, err := range q.All(ctx) {
			testkit.NoError(t, err)
			if v == 1 {
				break
			}
		}
		testkit.Equal(t, "items left", q.Len(), 1)
		q.Shutdown(true)
		for range q.All(ctx) {
			t.Error("a round after the shutdown")
		}
	})
}

// The queue keeps no reference to an item that was taken or dropped.
func TestItemsAreForgotten(t *testing.T) {
	type item struct { // has a pointer, so that each item is an allocation of its own
		n int
		_ *int
	}
	for at, q := range []*queue.Queue[*item]{
		queue.New[*item](0),
		queue.NewLIFO[*item](0),
		queue.NewPriority(0, func(a, b *item) bool { return a.n < b.n }),
	} {
		name := kinds[at].name
		var put []weak.Pointer[item]
		for n := range 100 {
			v := &item{n: n}
			put = append(put, weak.Make(v))
			testkit.NoError(t, q.TryPut(v))
		}
		for range 60 {
			_, err := q.TryGet()
			testkit.NoError(t, err)
		}
		alive := func() (n int) {
			runtime.GC()
			for _, p := range put {
				if p.Value() != nil {
					n++
				}
			}
			return n
		}
		testkit.Equal(t, name+": items in memory, with 40 in the queue", alive(), 40)
		q.Shutdown(true)
		testkit.Equal(t, name+": items in memory after the shutdown", alive(), 0)
		runtime.KeepAlive(q)
	}
}

// A body can leave a wait although the call does not return: a stackless body must not
// suspend in a call, so the call panics; and a Goexit of a callback that runs on the body's
// stack unwinds that stack. The next task must be served all the same.
func TestAbandonedWaitTakesNobodysTurn(t *testing.T) {
	for _, putting := range []bool{false, true} {
		for _, how := range []string{"stackless", "Goexit", "Goexit with the turn in hand"} {
			t.Run(fmt.Sprintf("%s/putting %t", how, putting), func(t *testing.T) {
				l := testkit.NewLoop(t)
				q := queue.New[int](1)
				open := func() { testkit.NoError(t, q.TryPut(100)) }
				use := func(ctx context.Context) error {
					_, err := q.Get(ctx)
					return err
				}
				if putting {
					testkit.NoError(t, q.TryPut(0))
					open = func() {
						_, err := q.TryGet()
						testkit.NoError(t, err)
					}
					use = func(ctx context.Context) error { return q.Put(ctx, 1) }
				}
				switch how {
				case "stackless":
					leaver := task.GoMachine(l.Context(), task.MachineFunc[struct{}](
						func(ctx context.Context, _ error) (struct{}, task.Suspension, error) {
							return struct{}{}, task.End(), use(ctx)
						}))
					l.RunUntilIdle()
					var p *task.PanicError
					if !errors.As(leaver.Err(), &p) {
						t.Errorf("a stackless task that waits ends with %v, want a panic", leaver.Err())
					}
				case "Goexit":
					abandonByGoexit(t, l, use, func() {})
				default:
					abandonByGoexit(t, l, use, open)
					open = func() {}
				}
				next := testkit.Spawn(l.Context(), "next", use)
				l.RunUntilIdle()
				open()
				l.RunUntilIdle()
				testkit.Equal(t, "the later task was served", next.Done(), true)
			})
		}
	}
}

// abandonByGoexit lets a task wait, and then calls then and Goexit on top of its stack.
func abandonByGoexit(t *testing.T, l *loop.Loop, wait testkit.Body, then func()) {
	t.Helper()
	leaver := testkit.Spawn(l.Context(), "leaver", wait)
	l.CallSoon(func() {
		then()
		runtime.Goexit()
	})
	testkit.Equal(t, "the driver was ended", testkit.Goexits(l.RunUntilIdle), true)
	testkit.ErrorIs(t, leaver.Err(), loop.ErrGoexit)
}

func TestCloseUnwinds(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {testkit.DebugMode}} {
		l := testkit.NewLoop(t, opts...)
		q := queue.New[int](1)
		other := queue.New[int](1)
		testkit.NoError(t, q.TryPut(1))
		ended := 0
		for name, use := range slices.All([]testkit.Body{
			func(ctx context.Context) error { _, err := other.Get(ctx); return err },
			func(ctx context.Context) error { return q.Put(ctx, 2) },
			q.Join,
			func(ctx context.Context) (last error) {
				for _, err := range other.All(ctx) {
					last = err
				}
				return last
			},
			func(ctx context.Context) error {
				defer func() {
					v, err := q.Get(ctx) // does not wait, as there is an item
					testkit.NoError(t, err)
					testkit.NoError(t, q.TryPut(v))
				}()
				return q.Put(ctx, 2)
			},
		}) {
			testkit.Spawn(l.Context(), fmt.Sprint(name), func(ctx context.Context) error {
				err := use(ctx)
				var c *loop.CanceledError
				if !errors.As(err, &c) || c.Cause != loop.ErrClosed {
					t.Errorf("task %d ended with %v, want a cancellation by Close", name, err)
				}
				ended++
				return err
			})
		}
		l.RunUntilIdle()
		l.Close()
		testkit.Equal(t, "tasks that ended", ended, 5)
		testkit.Equal(t, "items", q.Len(), 1)
		testkit.Equal(t, "items", other.Len(), 0)
	}
}

// An item wakes one of the waiting getters, and not all of them. Room wakes one of the
// waiting putters.
func TestOneIsWokenForEachItem(t *testing.T) {
	woken := 0
	l := testkit.NewLoop(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskWoken {
			woken++
		}
	}))
	q := queue.New[int](1)
	for range 3 {
		testkit.Spawn(l.Context(), "getter", func(ctx context.Context) error { _, err := q.Get(ctx); return err })
	}
	l.RunUntilIdle()
	for n := range 3 {
		testkit.NoError(t, q.TryPut(n))
		testkit.Equal(t, "getters woken", woken, n+1)
		l.RunUntilIdle()
	}
	testkit.NoError(t, q.TryPut(0))
	for range 3 {
		testkit.Spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 1) })
	}
	l.RunUntilIdle()
	woken = 0
	for n := range 3 {
		_, err := q.TryGet()
		testkit.NoError(t, err)
		testkit.Equal(t, "putters woken", woken, n+1)
		l.RunUntilIdle()
	}
}

// A getter that is canceled before its turn comes has nothing to pass on, even if there is
// an item for another getter. The waiting getters keep their order.
func TestGetterThatIsCanceledBeforeItsTurn(t *testing.T) {
	l := testkit.NewLoop(t)
	q := queue.New[int](0)
	var served []string
	var tasks []*task.Task[struct{}]
	for _, name := range []string{"a", "b", "c", "d"} {
		tasks = append(tasks, testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			_, err := q.Get(ctx)
			if err == nil {
				served = append(served, name)
			}
			return err
		}))
	}
	l.RunUntilIdle()
	tasks[1].Cancel(nil) // which wakes b before a
	testkit.NoError(t, q.TryPut(1))
	l.RunUntilIdle()
	for range 2 {
		testkit.NoError(t, q.TryPut(1))
		l.RunUntilIdle()
	}
	testkit.Equal(t, "the order", fmt.Sprint(served), "[a c d]")
}
