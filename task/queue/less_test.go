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

// These tests are about a less that does not return, because it panics or calls Goexit.

var misdeeds = map[string]func(){
	"panic":  func() { panic("less") },
	"Goexit": runtime.Goexit,
}

// picky is a priority queue with a less that misbehaves when the test says so.
type picky struct {
	*queue.Queue[int]
	in int // less misbehaves in its in-th call from now; 0: never
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

// If less does not return, in any of its calls, TryPut and TryGet have changed nothing.
func TestLessThatMisbehavesChangesNothing(t *testing.T) {
	for what, misdeed := range misdeeds {
		t.Run(what, func(t *testing.T) {
			for n := 1; n <= 40; n++ {
				q := newPicky(0, misdeed)
				var want []int
				failed := 0
				for i := range 60 {
					v := i * 37 % 60
					q.in = n * (1 - i%2) // less misbehaves in every second TryPut
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

// less does not return in the call of a getter, or of a putter. The turn of that task is
// passed on to the next.
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
			// Three of the four getters are woken, and one of the two putters.
			testkit.NoError(t, errors.Join(items.TryPut(1), items.TryPut(2), items.TryPut(3)))
			_, err := room.TryGet()
			testkit.NoError(t, err)
			items.in, room.in = 1, 1
			for testkit.Goexits(l.RunUntilIdle) { // each Goexit ends one call
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

// Shutdown drops the items without a call of less.
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

// If less returns, no turn is passed on, and the waiting tasks keep their order.
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
