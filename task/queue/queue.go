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
	// ErrFull is the error of TryPut if the queue has no room.
	ErrFull = errors.New("queue: full")
	// ErrEmpty is the error of TryGet if the queue has no items.
	ErrEmpty = errors.New("queue: empty")
	// ErrShutdown is the error of Put and TryPut if the queue was shut down, and of Get and TryGet
	// if the queue was shut down and is empty.
	ErrShutdown = errors.New("queue: shut down")
)

// A Queue hands items from the tasks that call Put to the tasks that call Get. Put waits while the
// queue is full, and Get waits while the queue is empty. Make a Queue with [New], [NewLIFO] or
// [NewPriority]. The zero Queue is the same as the result of New(0). asyncio: Queue, LifoQueue,
// PriorityQueue.
//
// The queue wakes waiting tasks in the order in which they began to wait: one task for each item,
// or for each place that becomes free. A woken task goes on in a later turn. If another task calls
// Get before that, it finds the item, does not wait, and takes the item. Then the woken task waits
// again, behind the others. The same holds for Put and free places.
//
// A task may be canceled while it waits, even in the turn in which it was to get its item or its
// place. Then the queue wakes the next task instead: no item is lost, and none is taken twice.
//
// A task that waits costs one allocation. If Put and Get do not wait, they allocate nothing, except
// that the memory of the queue may grow.
type Queue[T any] struct {
	items    store[T]
	max      int
	getters  waiter.List
	putters  waiter.List
	joiners  waiter.List
	undone   int // the number of items that were put, and for which Done was not called
	shutdown bool
	label    string
}

// New makes a queue that is first in, first out, with room for max items. If max is 0, the queue
// has no bound. New panics if max is negative.
func New[T any](max int) *Queue[T] { return newQueue[T](max, &fifo[T]{}) }

// NewLIFO makes a queue that is last in, first out, with room for max items. If max is 0, the queue
// has no bound. NewLIFO panics if max is negative.
func NewLIFO[T any](max int) *Queue[T] { return newQueue[T](max, &lifo[T]{}) }

// NewPriority makes a queue from which tasks take the least item first, with room for max items.
// less reports whether a comes before b. If neither of two items is less than the other, they come
// in the order in which they were put. If max is 0, the queue has no bound. NewPriority panics if
// max is negative or less is nil.
//
// If less panics or calls Goexit, that goes on in the method that has called less, and the method
// changes nothing: Put and TryPut do not put the item, and Get and TryGet do not remove an item.
// Then the queue wakes the next waiting task, which tries the same.
func NewPriority[T any](max int, less func(a, b T) bool) *Queue[T] {
	if less == nil {
		panic("queue: NewPriority with a nil less; give it a function that reports whether a comes before b")
	}
	items := &priority[T]{less: less}
	q := newQueue[T](max, items)
	items.notPut = func() { wakeNext(&q.putters) } // the room is still free
	items.notGot = func() { wakeNext(&q.getters) } // the item is still there
	return q
}

func newQueue[T any](max int, items store[T]) *Queue[T] {
	if max < 0 {
		panic(fmt.Sprintf("queue: room for %d items; give a positive number, or 0 for no bound", max))
	}
	return &Queue[T]{max: max, items: items}
}

// SetName gives the queue a name. Deadlock reports and graphs show it.
func (q *Queue[T]) SetName(name string) { q.label = name }

// Len returns how many items are in the queue.
func (q *Queue[T]) Len() int {
	if q.items == nil {
		q.items = &fifo[T]{}
	}
	return q.items.len()
}

// Cap returns how many items the queue can hold; 0 means that it has no bound.
func (q *Queue[T]) Cap() int { return q.max }

func (q *Queue[T]) full() bool { return q.Len() >= q.max && q.max > 0 }

// Put puts v into the queue. If the queue is full, Put waits for room; otherwise it does not
// suspend. If Put returns an error, v was not put. The error is [ErrShutdown] if the queue was shut
// down, before the call or while the task waited; otherwise it is the error of [lowlevel.Suspend].
// Put panics if ctx does not belong to the running task.
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

// TryPut puts v into the queue if there is room. The error is [ErrShutdown] if the queue was shut
// down, and [ErrFull] if the queue is full.
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

// Get takes the next item. If the queue is empty, Get waits for an item; otherwise it does not
// suspend. If Get returns an error, it has taken no item. The error is [ErrShutdown] if the queue
// is empty and was shut down, before the call or while the task waited; otherwise it is a
// cancellation, or the cause of the end of ctx, as of task.Sleep. Get panics if ctx does not belong to the running task.
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

// TryGet takes the next item if there is one. If the queue is empty, the error is [ErrShutdown] if
// the queue was shut down, and [ErrEmpty] if it was not.
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

// check panics if the queue must not be changed from here: see [lowlevel.CheckGoroutine].
func (q *Queue[T]) check(what string) {
	for _, line := range [...]*waiter.List{&q.getters, &q.putters, &q.joiners} {
		line.Check(what)
	}
}

func (q *Queue[T]) empty() bool { return q.Len() == 0 }

// wait waits in line. If the task was woken, but its wait ends with an error, wait wakes the next
// task. It does not do that if the function nothing reports that there is no item, or no room, any
// more.
func (q *Queue[T]) wait(ctx context.Context, line *waiter.List, of waiter.Describer, nothing func() bool) error {
	return line.Wait(ctx, of, func(succeeded bool) {
		if succeeded && !nothing() {
			wakeNext(line)
		}
	})
}

// wakeNext sets the first pending waiter of the line. It removes this waiter, and the waiters
// before it, from the line.
func wakeNext(line *waiter.List) {
	for w := range line.All() {
		w.Leave()
		if w.Set() {
			return
		}
	}
}

// All returns an iterator that takes the items one by one, and yields each item with a nil error.
// It waits while the queue is empty, and ends when the queue is empty and was shut down. If the
// wait fails, the last round yields a zero T and the error of [lowlevel.Suspend]. Several tasks may
// range over one queue: each item goes to one of them.
//
//	for job, err := range jobs.All(ctx) {
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := q.Get(ctx)
			over := err == ErrShutdown && q.shutdown && q.empty() // otherwise it is the cause of the end of ctx
			if over || !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Done tells the queue that the work on one item is finished: see [Queue.Join]. If it is called
// more often than items were put, it panics, as sync.WaitGroup does.
func (q *Queue[T]) Done() {
	q.check("Done")
	if q.undone == 0 {
		panic("queue: Done called more often than items were put; call it once for each item")
	}
	q.undone--
	q.settle()
}

// Undone returns the number of items that were put and for which Done was not called.
func (q *Queue[T]) Undone() int { return q.undone }

// Join waits until Done was called once for every item that was put. If no item is undone, Join
// does not suspend. The error is the error of [lowlevel.Suspend]. Join panics if ctx does not
// belong to the running task.
func (q *Queue[T]) Join(ctx context.Context) error {
	lowlevel.Current(ctx)
	if q.undone == 0 {
		return nil
	}
	return q.joiners.Wait(ctx, (*joinInfo[T])(q), func(bool) {})
}

// settle wakes the tasks that wait in Join, if no item is undone.
func (q *Queue[T]) settle() {
	if q.undone == 0 {
		q.joiners.Set(math.MaxInt)
	}
}

// Shutdown closes the queue for Put: from now on Put returns [ErrShutdown], also in tasks that wait
// for room. Tasks can still take the items that are in the queue. When the queue is empty, Get
// returns ErrShutdown, too. If now is true, Shutdown drops the items in the queue, and they count
// as done. Shutdown may be called again.
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

// These types describe, in deadlock reports and graphs, the event for which a task waits at a
// queue: an item, room, or the end of the work.
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
