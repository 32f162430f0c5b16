package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

var (
	// ErrFull is the error of TryPut on a queue without room.
	ErrFull = errors.New("queue: full")
	// ErrEmpty is the error of TryGet on a queue without items.
	ErrEmpty = errors.New("queue: empty")
	// ErrShutdown is the error of putting into a queue that was shut down, and of
	// getting from one that is empty besides.
	ErrShutdown = errors.New("queue: shut down")
)

// A Queue hands items from tasks that put to tasks that get, and holds back those who
// put once it is full. Make one with [New], [NewLIFO] or [NewPriority]. asyncio: Queue,
// LifoQueue, PriorityQueue. The zero Queue is that of New(0).
//
// Those who wait are served in the order in which they came; one that finds an item or
// room does not wait, and may take what a task was woken for, which waits again then. One that is canceled while
// it waits, even in the turn in which its item or room came, passes it on: no item is
// lost, and none is taken twice. A task that waits costs one allocation; putting and
// getting where nobody has to wait allocate nothing, once the store has grown.
type Queue[T any] struct {
	items    store[T]
	max      int
	getters  waiter.List
	putters  waiter.List
	joiners  waiter.List
	undone   int // items put, for which Done was not called
	shutdown bool
	label    string
}

// New makes a queue that is first in, first out, with room for max items; 0 is without
// bound. It panics if max is negative.
func New[T any](max int) *Queue[T] { return newQueue[T](max, &fifo[T]{}) }

// NewLIFO makes a queue that is last in, first out.
func NewLIFO[T any](max int) *Queue[T] { return newQueue[T](max, &lifo[T]{}) }

// NewPriority makes a queue that gives the least item first, by less. Items of which
// none is less than the other come in the order in which they were put.
//
// A panic or Goexit in less goes on in the call that puts or gets, which then has done
// nothing: what was to be put is not in the queue, what was to be got is still there. The
// next task that waits to put or to get tries in turn.
func NewPriority[T any](max int, less func(a, b T) bool) *Queue[T] {
	if less == nil {
		panic("queue: NewPriority without less; give it a function that tells which item comes first")
	}
	items := &priority[T]{less: less}
	q := newQueue[T](max, items)
	items.notPut = func() { wakeNext(&q.putters) } // there is room all the same
	items.notGot = func() { wakeNext(&q.getters) } // and an item
	return q
}

func newQueue[T any](max int, items store[T]) *Queue[T] {
	if max < 0 {
		panic(fmt.Sprintf("queue: room for %d items; give a positive number, or 0 for no bound", max))
	}
	return &Queue[T]{max: max, items: items}
}

// SetName gives the queue a name, which deadlock reports and graphs show.
func (q *Queue[T]) SetName(name string) { q.label = name }

// Len returns how many items are in the queue.
func (q *Queue[T]) Len() int {
	if q.items == nil {
		q.items = &fifo[T]{}
	}
	return q.items.len()
}

// Cap returns how many items there is room for; 0 is without bound.
func (q *Queue[T]) Cap() int { return q.max }

func (q *Queue[T]) full() bool { return q.Len() >= q.max && q.max > 0 }

// Put puts v into the queue, and waits for room if need be. If there is room, Put does
// not suspend. The error is [ErrShutdown] if the queue was shut down, before or while it
// waits, or that of [lowlevel.Suspend]; then v was not put. Put panics if ctx does not belong
// to the running task.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	lowlevel.Current(ctx)
	for q.full() {
		if q.shutdown {
			return ErrShutdown
		}
		if err := q.wait(ctx, &q.putters, (*roomInfo[T])(q), q.full); err != nil {
			return err
		}
	}
	return q.TryPut(v)
}

// TryPut puts v into the queue if that is possible at once. The error is [ErrShutdown]
// or [ErrFull].
func (q *Queue[T]) TryPut(v T) error {
	q.check("TryPut")
	if q.shutdown {
		return ErrShutdown
	}
	if q.full() {
		return ErrFull
	}
	q.items.put(v)
	q.undone++
	wakeNext(&q.getters)
	return nil
}

// Get takes the next item, and waits for one if need be. If one is there, Get does not
// suspend. The error is [ErrShutdown] if the queue is empty and was shut down, before or
// while it waits, or that of [lowlevel.Suspend]; then nothing was taken. Get panics if ctx
// does not belong to the running task.
func (q *Queue[T]) Get(ctx context.Context) (v T, err error) {
	lowlevel.Current(ctx)
	for q.empty() {
		if q.shutdown {
			return v, ErrShutdown
		}
		if err := q.wait(ctx, &q.getters, (*itemInfo[T])(q), q.empty); err != nil {
			return v, err
		}
	}
	return q.TryGet()
}

// TryGet takes the next item if one is there. The error is [ErrEmpty], or [ErrShutdown]
// if the queue was shut down besides.
func (q *Queue[T]) TryGet() (v T, err error) {
	q.check("TryGet")
	switch {
	case !q.empty():
	case q.shutdown:
		return v, ErrShutdown
	default:
		return v, ErrEmpty
	}
	v = q.items.get()
	wakeNext(&q.putters)
	return v, nil
}

// check panics where the queue must not be changed: see [lowlevel.CheckGoroutine].
func (q *Queue[T]) check(what string) {
	for _, line := range [...]*waiter.List{&q.getters, &q.putters, &q.joiners} {
		line.Check(what)
	}
}

func (q *Queue[T]) empty() bool { return q.Len() == 0 }

// wait waits in line. Who leaves it with an error, though its turn had come, passes the
// turn on, unless there is nothing to be had any more.
func (q *Queue[T]) wait(ctx context.Context, line *waiter.List, of waiter.Describer, nothing func() bool) error {
	return line.Wait(ctx, of, func(succeeded bool) {
		if succeeded && !nothing() {
			wakeNext(line)
		}
	})
}

// wakeNext sets the first in line that is pending; it and those before it leave.
func wakeNext(line *waiter.List) {
	for w := range line.All() {
		w.Leave()
		if w.Set() {
			return
		}
	}
}

// All ranges over the items as they come, each with a nil error, until the queue is
// shut down and empty. If the waiting fails, the last round yields a zero T and the
// error of [lowlevel.Suspend]. Several tasks may range over one queue.
//
//	for job, err := range jobs.All(ctx) {
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := q.Get(ctx)
			if err == ErrShutdown || !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Done says that the work on an item that was taken is over: see Join. It panics if it
// is called more often than items were put, as sync.WaitGroup does.
func (q *Queue[T]) Done() {
	q.check("Done")
	if q.undone == 0 {
		panic("queue: Done called more often than items were put")
	}
	q.undone--
	q.settle()
}

// Undone returns for how many of the items that were put Done was not called.
func (q *Queue[T]) Undone() int { return q.undone }

// Join waits until Done was called for every item that was put. If that is so, Join does
// not suspend. The error is that of [lowlevel.Suspend].
func (q *Queue[T]) Join(ctx context.Context) error {
	lowlevel.Current(ctx)
	if q.undone == 0 {
		return nil
	}
	return q.joiners.Wait(ctx, (*joinInfo[T])(q), func(bool) {})
}

// settle wakes those who join once nothing is left undone.
func (q *Queue[T]) settle() {
	if q.undone == 0 {
		q.joiners.Set(math.MaxInt)
	}
}

// Shutdown ends the putting. Those who wait to put get [ErrShutdown]; what is in the
// queue can still be taken, and then those who get it too. With now, the items are
// dropped, and count as done. Shutting down again is allowed.
func (q *Queue[T]) Shutdown(now bool) {
	q.check("Shutdown")
	q.shutdown = true
	defer q.putters.Set(math.MaxInt) // deferred, as an observer may call Goexit
	defer q.getters.Set(math.MaxInt)
	if now {
		q.undone = max(0, q.undone-q.Len())
		q.items.drop()
		q.settle()
	}
}

func (q *Queue[T]) name() string {
	if q.label == "" {
		return "a queue"
	}
	return fmt.Sprintf("queue %q", q.label)
}

// What a task waits for at a queue.
type (
	itemInfo[T any] Queue[T]
	roomInfo[T any] Queue[T]
	joinInfo[T any] Queue[T]
)

func (q *itemInfo[T]) Describe() (string, []loop.Awaitable) {
	return "an item of " + (*Queue[T])(q).name(), nil
}

func (q *roomInfo[T]) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("room in %s, which holds %d", (*Queue[T])(q).name(), q.max), nil
}

func (q *joinInfo[T]) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("the end of the work on %s, with %d undone", (*Queue[T])(q).name(), q.undone), nil
}
