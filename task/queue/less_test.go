package queue_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// What holds where less does not return.

var misdeeds = map[string]func(){
	"panic":  func() { panic("less") },
	"Goexit": runtime.Goexit,
}

// picky is a priority queue whose less misbehaves at its next calls, once it is told to.
type picky struct {
	*queue.Queue[int]
	in int // calls; 0: never
}

func newPicky(max int, misdeed func()) *picky {
	p := new(picky)
	p.Queue = queue.NewPriority(max, func(a, b int) bool {
		if p.in > 0 {
			if p.in--; p.in == 0 {
				misdeed()
			}
		}
		return a < b
	})
	return p
}

// attempt runs fn on a goroutine of its own, and reports whether it returned.
func attempt(fn func()) (returned bool) {
	testkit.Goexits(func() {
		defer func() { _ = recover() }()
		fn()
		returned = true
	})
	return returned
}

// A Put or Get in which less does not return, at whichever call, has done nothing.
func TestLessThatMisbehavesChangesNothing(t *testing.T) {
	for what, misdeed := range misdeeds {
		t.Run(what, func(t *testing.T) {
			for n := 1; n <= 40; n++ {
				q := newPicky(0, misdeed)
				var want []int
				failed := 0
				for i := range 60 {
					v := i * 37 % 60
					q.in = n * (1 - i%2) // every second time
					length, undone := q.Len(), q.Undone()
					if attempt(func() { testkit.NoError(t, q.TryPut(v)) }) {
						want = append(want, v)
						continue
					}
					failed++
					testkit.Equal(t, "Len", q.Len(), length)
					testkit.Equal(t, "Undone", q.Undone(), undone)
				}
				slices.Sort(want)
				var got []int
				for i := 0; q.Len() > 0; i++ {
					q.in = n * (1 - i%2)
					length := q.Len()
					if attempt(func() { v, err := q.TryGet(); testkit.NoError(t, err); got = append(got, v) }) {
						continue
					}
					failed++
					testkit.Equal(t, "Len", q.Len(), length)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("with a failure in call %d: got %v, want %v", n, got, want)
				}
				if n == 1 && failed < 50 {
					t.Errorf("only %d calls failed", failed)
				}
			}
		})
	}
}

// The turn of a getter or putter in whose call less does not return is passed on.
func TestLessThatMisbehavesPassesTheTurnOn(t *testing.T) {
	for what, misdeed := range misdeeds {
		t.Run(what, func(t *testing.T) {
			l := testkit.NewLoop(t)
			items, room := newPicky(0, misdeed), newPicky(2, misdeed)
			testkit.NoError(t, errors.Join(room.TryPut(1), room.TryPut(2)))
			var getters, putters []*task.Task[struct{}]
			for i := range 4 {
				getters = append(getters, testkit.Spawn(l.Context(), fmt.Sprint("getter ", i), func(ctx context.Context) error {
					_, err := items.Get(ctx)
					return err
				}))
				if i < 2 {
					putters = append(putters, testkit.Spawn(l.Context(), fmt.Sprint("putter ", i), func(ctx context.Context) error {
						return room.Put(ctx, 3+i)
					}))
				}
			}
			l.RunUntilIdle()
			testkit.NoError(t, errors.Join(items.TryPut(1), items.TryPut(2), items.TryPut(3))) // which wakes three of four
			_, err := room.TryGet()                                                            // one of two
			testkit.NoError(t, err)
			items.in, room.in = 1, 1
			for testkit.Goexits(l.RunUntilIdle) { // once for each Goexit
			}
			for _, tasks := range [][]*task.Task[struct{}]{getters, putters} {
				failed := 0
				for _, x := range tasks {
					if !x.Done() {
						t.Errorf("%v %s", x, x.Task().Status())
					} else if x.Err() != nil {
						failed++
					}
				}
				testkit.Equal(t, "calls that failed", failed, 1)
			}
		})
	}
}

// Shutdown drops what is in the queue, and compares nothing.
func TestShutdownNowDoesNotAskLess(t *testing.T) {
	q := newPicky(0, func() { panic("less") })
	for v := range 10 {
		testkit.NoError(t, q.TryPut(v))
	}
	q.in = 1
	q.Shutdown(true)
	testkit.Equal(t, "Len", q.Len(), 0)
	testkit.Equal(t, "Undone", q.Undone(), 0)
}

// Where less returns, the turn is not passed on: those that wait keep their order.
func TestPriorityQueueServesThoseThatWaitInOrder(t *testing.T) {
	l := testkit.NewLoop(t)
	items, room := newPicky(0, nil), newPicky(2, nil)
	testkit.NoError(t, errors.Join(room.TryPut(1), room.TryPut(1)))
	var served []string
	wait := func(name string, wait func(context.Context) error) {
		testkit.Spawn(l.Context(), name, func(ctx context.Context) error {
			defer func() { served = append(served, name) }()
			return wait(ctx)
		})
	}
	const n = 4
	var want []string
	for i := range n {
		put, get := fmt.Sprint("putter ", i), fmt.Sprint("getter ", i)
		wait(put, func(ctx context.Context) error { return room.Put(ctx, 1) })
		wait(get, func(ctx context.Context) error { _, err := items.Get(ctx); return err })
		want = append(want, put, get)
	}
	l.RunUntilIdle()
	for range n {
		_, err := room.TryGet()
		testkit.NoError(t, errors.Join(err, items.TryPut(1)))
		l.RunUntilIdle()
	}
	if !slices.Equal(served, want) {
		t.Errorf("served in the order %q", served)
	}
}
