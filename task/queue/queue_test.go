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
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

// kinds are the ways to make a queue, with room for max items.
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
			equal(t, "room", q.Cap(), 0)
			for _, v := range []int{3, 1, 2} {
				must(t, q.TryPut(v))
			}
			equal(t, "items", q.Len(), 3)
			for _, want := range k.want {
				got, err := q.TryGet()
				must(t, err)
				equal(t, "item", got, want)
			}
			_, err := q.TryGet()
			equal(t, "error", err, queue.ErrEmpty)
			equal(t, "items", q.Len(), 0)
		})
	}
}

func TestPriorityKeepsTheOrderOfEquals(t *testing.T) {
	type job struct{ level, number int }
	q := queue.NewPriority(0, func(a, b job) bool { return a.level < b.level })
	for n := range 100 {
		must(t, q.TryPut(job{level: n * 7 % 3, number: n}))
	}
	var got []job
	for q.Len() > 0 {
		j, err := q.TryGet()
		must(t, err)
		got = append(got, j)
	}
	if !slices.IsSortedFunc(got, func(a, b job) int {
		return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.number, b.number))
	}) {
		t.Errorf("the items came as %v", got)
	}
}

func TestZeroQueue(t *testing.T) {
	run(t, func(ctx context.Context) {
		var q queue.Queue[string]
		equal(t, "room", q.Cap(), 0)
		equal(t, "items", q.Len(), 0)
		_, err := q.TryGet()
		equal(t, "error", err, queue.ErrEmpty)
		must(t, q.Put(ctx, "a"))
		must(t, q.TryPut("b"))
		v, err := q.Get(ctx)
		must(t, err)
		equal(t, "item", v, "a")
		q.Shutdown(true)
		q.Done()
		must(t, q.Join(ctx))
	})
	var unused queue.Queue[int]
	unused.Shutdown(false)
	equal(t, "error", unused.TryPut(1), queue.ErrShutdown)
	var waited queue.Queue[int]
	l := virtual(t)
	a := task.Go(l.Context(), waited.Get)
	l.RunUntilIdle()
	must(t, waited.TryPut(1))
	l.RunUntilIdle()
	must(t, a.Err())
}

func TestQueueMisuse(t *testing.T) {
	panics(t, "queue: room for -1 items", func() { queue.New[int](-1) })
	panics(t, "queue: room for -1 items", func() { queue.NewLIFO[int](-1) })
	panics(t, "queue: room for -1 items", func() { queue.NewPriority(-1, cmp.Less[int]) })
	panics(t, "queue: NewPriority without less", func() { queue.NewPriority[int](0, nil) })

	q := queue.New[int](0)
	panics(t, "queue: Done called more often than items were put", q.Done)
	must(t, q.TryPut(1))
	q.Done()
	panics(t, "queue: Done called more often than items were put", q.Done)
	equal(t, "undone", q.Undone(), 0)
}

func TestWrongContext(t *testing.T) {
	q := queue.New[int](1)
	for _, u := range []struct {
		name string
		use  body
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
			l := virtual(t)
			foreign := spawn(l.Context(), "other", hangs).Task().Context()
			l.RunUntilIdle()
			panics(t, "belongs to no loop", func() { _ = use(t.Context()) })
			panics(t, "this needs a task", func() { _ = use(l.Context()) })
			spawn(l.Context(), "user", func(context.Context) error {
				panics(t, `the context of task "other" was used where task "user" is running`, func() { _ = use(foreign) })
				return nil
			})
			l.RunUntilIdle()
			equal(t, "items", q.Len(), 0)
		})
	}
}

func TestTwoLoops(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		q := make(1)
		first, second := virtual(t), virtual(t)
		a := task.Go(first.Context(), q.Get)
		first.RunUntilIdle()
		spawn(second.Context(), "B", func(ctx context.Context) error {
			panics(t, "is used by tasks of two loops", func() { _, _ = q.Get(ctx) })
			return nil
		})
		second.RunUntilIdle()
		must(t, q.TryPut(1))
		first.RunUntilIdle()
		equal(t, "the one of the first loop was served", a.Done(), true)
	})
}

// Where there is an item, or room, nobody suspends, whatever has become of the context.
func TestWithoutWaiting(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		run(t, func(ctx context.Context) {
			q := make(2)
			other := false
			loop.FromContext(ctx).CallSoon(func() { other = true })
			ended, end := context.WithCancelCause(ctx)
			end(errEnded)
			must(t, q.Put(ctx, 1))
			must(t, q.Put(ended, 2))
			equal(t, "error", q.TryPut(3), queue.ErrFull)
			wantIs(t, q.Put(ended, 3), errEnded)
			_, err := q.Get(ctx)
			must(t, err)
			_, err = q.Get(ended)
			must(t, err)
			_, err = q.Get(ended)
			wantIs(t, err, errEnded)
			equal(t, "something else ran", other, false)
			equal(t, "items", q.Len(), 0)
			equal(t, "undone", q.Undone(), 2)
		})
	})
}

// Those who wait are served in the order in which they came, in the turn after.
func TestFirstComeFirstServed(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := virtual(t)
		q := make(1)
		var j looptest.Journal
		for _, name := range []string{"A", "B", "C"} {
			spawn(l.Context(), name, func(ctx context.Context) error {
				v, err := q.Get(ctx)
				j.Add("%s gets %d", name, v)
				return err
			})
		}
		l.RunUntilIdle()
		for v, name := range []string{"A", "B", "C"} {
			must(t, q.TryPut(v))
			j.Want(t)
			l.RunOnce()
			j.Want(t, fmt.Sprintf("%s gets %d", name, v))
		}
		must(t, q.TryPut(10))
		for v, name := range []string{"A", "B", "C"} {
			spawn(l.Context(), name, func(ctx context.Context) error {
				err := q.Put(ctx, v)
				j.Add("%s has put %d", name, v)
				return err
			})
		}
		l.RunUntilIdle()
		for v, name := range []string{"A", "B", "C"} {
			_, err := q.TryGet()
			must(t, err)
			j.Want(t)
			l.RunOnce()
			j.Want(t, fmt.Sprintf("%s has put %d", name, v))
		}
	})
}

// Get where an item is does not suspend, also if it is promised to somebody: that one
// finds nothing, and waits again. This is asyncio's.
func TestAnItemIsTakenByWhoComesFirst(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := virtual(t)
		q := make(1)
		a := task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		must(t, q.TryPut(1))
		_, err := q.TryGet()
		must(t, err)
		l.RunUntilIdle()
		equal(t, "A was served", a.Done(), false)
		must(t, q.TryPut(2))
		l.RunUntilIdle()
		v, err := a.Result()
		must(t, err)
		equal(t, "item", v, 2)
	})
}

// waysToGiveUp are how a wait ends without success: wait waits, until giveUp.
var waysToGiveUp = []struct {
	name string
	wait func(ctx context.Context, wait body, giveUp *func()) error
	want error
}{
	{"canceled", func(ctx context.Context, wait body, giveUp *func()) error {
		t := loop.Current(ctx)
		*giveUp = func() { t.Cancel(errCause) }
		return wait(ctx)
	}, context.Canceled},
	{"context ended", func(ctx context.Context, wait body, giveUp *func()) error {
		ctx, end := context.WithCancelCause(ctx)
		*giveUp = func() { end(errEnded) }
		return wait(ctx)
	}, errEnded},
	{"time limit", func(ctx context.Context, wait body, giveUp *func()) error {
		return task.Timeout(ctx, time.Hour, func(ctx context.Context, limit *task.Deadline) error {
			l := loop.FromContext(ctx)
			*giveUp = func() { _ = limit.Reschedule(l.Now()) }
			return wait(ctx)
		})
	}, context.DeadlineExceeded},
}

// moments are when the turn comes, as the one whose turn it is gives up.
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

// One item, or room for one, comes as the first in line gives up: either that one or the
// second has it, nobody both, and the third waits on.
func TestTurnComesAsTheFirstGivesUp(t *testing.T) {
	for _, way := range waysToGiveUp {
		for _, moment := range moments {
			for _, putting := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/putting %t", way.name, moment.name, putting), func(t *testing.T) {
					l := virtual(t)
					q := queue.New[int](1)
					open := func() { must(t, q.TryPut(100)) }
					use := func(int) body {
						return func(ctx context.Context) error {
							_, err := q.Get(ctx)
							return err
						}
					}
					if putting {
						must(t, q.TryPut(0))
						open = func() {
							_, err := q.TryGet()
							must(t, err)
						}
						use = func(v int) body {
							return func(ctx context.Context) error { return q.Put(ctx, v) }
						}
					}
					var giveUp func()
					first := spawn(l.Context(), "first", func(ctx context.Context) error { return way.wait(ctx, use(1), &giveUp) })
					second := spawn(l.Context(), "second", use(2))
					third := spawn(l.Context(), "third", use(3))
					l.RunUntilIdle()
					moment.do(l, giveUp, open)
					l.RunUntilIdle()
					equal(t, "the third is served", third.Done(), false)
					late := first.Err() == nil // to give up, as may be where that is noticed a turn later
					if late && way.want == context.Canceled {
						t.Error("the cancellation is lost")
					}
					if !late {
						wantIs(t, first.Err(), way.want)
					}
					equal(t, "the second is served", second.Done(), !late)
					want := 0
					if putting {
						want = 1
					}
					equal(t, "items left", q.Len(), want)
					if putting {
						v, err := q.TryGet()
						must(t, err)
						equal(t, "the item put by the first", v == 1, late)
					}
				})
			}
		}
	}
}

// Two items come for the first two in line, and the first gives up.
func TestTwoTurnsAndOneGivesUp(t *testing.T) {
	l := virtual(t)
	q := queue.New[int](0)
	a, b, c := task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get)
	l.RunUntilIdle()
	must(t, q.TryPut(1))
	must(t, q.TryPut(2))
	a.Cancel(nil)
	l.RunUntilIdle()
	wantIs(t, a.Err(), context.Canceled)
	v, err := b.Result()
	must(t, err)
	equal(t, "the second gets", v, 1)
	v, err = c.Result()
	must(t, err)
	equal(t, "the third gets", v, 2)
}

func TestJoin(t *testing.T) {
	l := virtual(t)
	q := queue.New[int](0)
	none := spawn(l.Context(), "of nothing", q.Join)
	l.RunUntilIdle()
	must(t, none.Err())

	must(t, q.TryPut(1))
	must(t, q.TryPut(2))
	a, b := spawn(l.Context(), "A", q.Join), spawn(l.Context(), "B", q.Join)
	l.RunUntilIdle()
	for range 2 {
		equal(t, "A has ended", a.Done(), false)
		_, err := q.TryGet() // taking is not doing
		must(t, err)
		l.RunUntilIdle()
		equal(t, "A has ended", a.Done(), false)
		q.Done()
	}
	must(t, q.TryPut(3)) // comes too late to keep them
	l.RunOnce()
	must(t, a.Err())
	must(t, b.Err())

	c := spawn(l.Context(), "C", q.Join)
	l.RunUntilIdle()
	c.Cancel(errCause)
	l.RunUntilIdle()
	wantIs(t, c.Err(), context.Canceled)
	q.Done()
	equal(t, "undone", q.Undone(), 0)
}

func TestShutdown(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := virtual(t)
		q := make(1)
		must(t, q.TryPut(1))
		putter := spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 2) })
		joiner := spawn(l.Context(), "joiner", q.Join)
		l.RunUntilIdle()
		q.Shutdown(false)
		q.Shutdown(false)
		l.RunUntilIdle()
		equal(t, "the error of who waits to put", putter.Err(), queue.ErrShutdown)
		equal(t, "the error of who puts", q.TryPut(3), queue.ErrShutdown)
		equal(t, "the joiner has ended", joiner.Done(), false)
		getter := task.Go(l.Context(), q.Get)
		late := task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		v, err := getter.Result()
		must(t, err)
		equal(t, "what was left", v, 1)
		equal(t, "the error of who gets", late.Err(), queue.ErrShutdown)
		_, err = q.TryGet()
		equal(t, "the error of TryGet", err, queue.ErrShutdown)
		q.Done()
		l.RunUntilIdle()
		must(t, joiner.Err())
	})
}

func TestShutdownNow(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := virtual(t)
		q := make(3)
		for v := range 3 {
			must(t, q.TryPut(v))
		}
		_, err := q.TryGet()
		must(t, err)
		must(t, q.TryPut(3))
		putter := spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 4) })
		joiner := spawn(l.Context(), "joiner", q.Join)
		l.RunUntilIdle()
		q.Shutdown(true)
		equal(t, "items", q.Len(), 0)
		equal(t, "undone, of one that was taken", q.Undone(), 1)
		l.RunUntilIdle()
		equal(t, "the error of who waits to put", putter.Err(), queue.ErrShutdown)
		equal(t, "the joiner has ended", joiner.Done(), false)
		q.Done()
		l.RunUntilIdle()
		must(t, joiner.Err())
	})
}

// Items that are dropped count as done, which ends a Join.
func TestShutdownNowEndsJoin(t *testing.T) {
	l := virtual(t)
	q := queue.New[int](0)
	must(t, q.TryPut(1))
	a := spawn(l.Context(), "A", q.Join)
	l.RunUntilIdle()
	q.Shutdown(true)
	l.RunUntilIdle()
	equal(t, "A has ended", a.Done(), true)
}

func TestShutdownWakesWhoGets(t *testing.T) {
	for _, now := range []bool{false, true} {
		l := virtual(t)
		q := queue.New[int](0)
		a, b := task.Go(l.Context(), q.Get), task.Go(l.Context(), q.Get)
		l.RunUntilIdle()
		q.Shutdown(now)
		b.Cancel(errCause)
		l.RunOnce()
		equal(t, "error", a.Err(), queue.ErrShutdown)
		wantIs(t, b.Err(), context.Canceled)
	}
}

// An item that was promised, and dropped before it was taken.
func TestShutdownNowTakesAPromiseBack(t *testing.T) {
	l := virtual(t)
	q := queue.New[int](0)
	a := task.Go(l.Context(), q.Get)
	l.RunUntilIdle()
	must(t, q.TryPut(1))
	q.Shutdown(true)
	l.RunUntilIdle()
	equal(t, "error", a.Err(), queue.ErrShutdown)
	equal(t, "undone", q.Undone(), 0)
}

// Several workers range over one queue until it is shut down; all items are worked on,
// each once.
func TestAll(t *testing.T) {
	forEachKind(t, func(t *testing.T, make func(max int) *queue.Queue[int]) {
		l := virtual(t)
		q := make(2)
		const items = 20
		seen := map[int]int{}
		workers := 0
		for worker := range 3 {
			spawn(l.Context(), fmt.Sprint(worker), func(ctx context.Context) error {
				for v, err := range q.All(ctx) {
					if err != nil {
						t.Errorf("a round with %v", err)
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
		producer := spawn(l.Context(), "producer", func(ctx context.Context) error {
			for v := range items {
				if err := q.Put(ctx, v); err != nil {
					return err
				}
			}
			if err := q.Join(ctx); err != nil {
				return err
			}
			equal(t, "workers that have ended before the shutdown", workers, 0)
			q.Shutdown(false)
			return nil
		})
		must(t, l.Run())
		must(t, producer.Err())
		equal(t, "workers that have ended", workers, 3)
		equal(t, "items seen", len(seen), items)
		for v, times := range seen {
			if times != 1 {
				t.Errorf("item %d was taken %d times", v, times)
			}
		}
	})
}

// A wait that fails makes one last round, and leaving the loop early takes nothing.
func TestAllEndsWithAnErrorRound(t *testing.T) {
	for _, way := range waysToGiveUp {
		t.Run(way.name, func(t *testing.T) {
			l := virtual(t)
			q := queue.New[int](0)
			var giveUp func()
			var j looptest.Journal
			must(t, q.TryPut(7))
			a := spawn(l.Context(), "A", func(ctx context.Context) error {
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
			wantIs(t, a.Err(), way.want)
			j.Want(t, "7, an error false", "0, an error true")
		})
	}
	run(t, func(ctx context.Context) {
		q := queue.New[int](0)
		for v := range 3 {
			must(t, q.Put(ctx, v))
		}
		for v, err := range q.All(ctx) {
			must(t, err)
			if v == 1 {
				break
			}
		}
		equal(t, "items left", q.Len(), 1)
		q.Shutdown(true)
		for range q.All(ctx) {
			t.Error("a round after the shutdown")
		}
	})
}

// What was taken, or dropped, does not stay in memory by way of the queue.
func TestItemsAreForgotten(t *testing.T) {
	type item struct { // with a pointer, so that each has an allocation of its own
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
			must(t, q.TryPut(v))
		}
		for range 60 {
			_, err := q.TryGet()
			must(t, err)
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
		equal(t, name+": items in memory, with 40 in the queue", alive(), 40)
		q.Shutdown(true)
		equal(t, name+": items in memory after the shutdown", alive(), 0)
		runtime.KeepAlive(q)
	}
}

// A body can leave a wait without that returning: it is stackless and must not suspend
// there, or a Goexit of what runs next unwinds its stack.
func TestAbandonedWaitTakesNobodysTurn(t *testing.T) {
	for _, putting := range []bool{false, true} {
		for _, how := range []string{"stackless", "Goexit", "Goexit with the turn in hand"} {
			t.Run(fmt.Sprintf("%s/putting %t", how, putting), func(t *testing.T) {
				l := virtual(t)
				q := queue.New[int](1)
				open := func() { must(t, q.TryPut(100)) }
				use := func(ctx context.Context) error {
					_, err := q.Get(ctx)
					return err
				}
				if putting {
					must(t, q.TryPut(0))
					open = func() {
						_, err := q.TryGet()
						must(t, err)
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
				next := spawn(l.Context(), "next", use)
				l.RunUntilIdle()
				open()
				l.RunUntilIdle()
				equal(t, "the one that came after was served", next.Done(), true)
			})
		}
	}
}

// abandonByGoexit has a task wait, and runs then and a Goexit on top of its stack.
func abandonByGoexit(t *testing.T, l *loop.Loop, wait body, then func()) {
	t.Helper()
	leaver := spawn(l.Context(), "leaver", wait)
	l.CallSoon(func() {
		then()
		runtime.Goexit()
	})
	equal(t, "the driver was ended", exits(l.RunUntilIdle), true)
	wantIs(t, leaver.Err(), loop.ErrGoexit)
}

func TestCloseUnwinds(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {inDebugMode}} {
		l := virtual(t, opts...)
		q := queue.New[int](1)
		other := queue.New[int](1)
		must(t, q.TryPut(1))
		ended := 0
		for name, use := range slices.All([]body{
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
					v, err := q.Get(ctx) // it is there, so this does not wait
					must(t, err)
					must(t, q.TryPut(v))
				}()
				return q.Put(ctx, 2)
			},
		}) {
			spawn(l.Context(), fmt.Sprint(name), func(ctx context.Context) error {
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
		equal(t, "tasks that ended", ended, 5)
		equal(t, "items", q.Len(), 1)
		equal(t, "items", other.Len(), 0)
	}
}

// What one task puts wakes one that waits, and not all of them to see which is first. So it
// is with the room that one task makes.
func TestOneIsWokenForEachItem(t *testing.T) {
	woken := 0
	l := virtual(t, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskWoken {
			woken++
		}
	}))
	q := queue.New[int](1)
	for range 3 {
		spawn(l.Context(), "getter", func(ctx context.Context) error { _, err := q.Get(ctx); return err })
	}
	l.RunUntilIdle()
	for n := range 3 {
		must(t, q.TryPut(n))
		equal(t, "getters woken", woken, n+1)
		l.RunUntilIdle()
	}
	must(t, q.TryPut(0))
	for range 3 {
		spawn(l.Context(), "putter", func(ctx context.Context) error { return q.Put(ctx, 1) })
	}
	l.RunUntilIdle()
	woken = 0
	for n := range 3 {
		_, err := q.TryGet()
		must(t, err)
		equal(t, "putters woken", woken, n+1)
		l.RunUntilIdle()
	}
}
