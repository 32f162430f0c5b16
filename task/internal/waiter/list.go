package waiter

import (
	"context"
	"fmt"
	"iter"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A List is a line of waiters, first come, first served. The zero List is empty. It
// belongs to one loop from the first waiter on.
type List struct {
	loop        *loop.Loop
	first, last *Waiter
	pending     *Waiter // those before it are set or canceled; nil: all are
	size        int
	canceled    int // of those in the line
}

// Wait stands in line until it is set, and leaves. Where it ends in another way, by an
// error, a panic or a Goexit, giveUp is called after leaving, with whether its turn had
// come all the same.
func (l *List) Wait(ctx context.Context, of Describer, giveUp func(succeeded bool)) (err error) {
	w := New(ctx, of)
	l.Join(w)
	returned := false
	defer func() {
		w.Leave()
		if !returned || err != nil {
			w.Cancel(nil) // in case it is still pending
			giveUp(w.Succeeded())
		}
	}()
	err = w.Wait(ctx)
	returned = true
	return err
}

// Join puts w, which stands in no line, at the end of this one.
func (l *List) Join(w *Waiter) {
	if l.loop == nil {
		l.loop = w.loop
	}
	if l.loop != w.loop {
		what, _ := w.of.Describe()
		panic(fmt.Sprintf("takt: %s is used by tasks of two loops; give each loop its own", what))
	}
	w.in = l
	if w.prev = l.last; w.prev == nil {
		l.first = w
	} else {
		w.prev.next = w
	}
	l.last = w
	if l.pending == nil {
		l.pending = w
	}
	l.size++
}

// Leave takes w out of the line that it stands in, if any.
func (w *Waiter) Leave() {
	l := w.in
	if l == nil {
		return
	}
	if l.pending == w {
		l.pending = w.next
	}
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
	l.size--
	if w.Canceled() {
		l.canceled--
	}
}

// Check panics where the list must not be changed: see [lowlevel.CheckGoroutine]. A list
// in which nobody has stood yet knows of no loop.
func (l *List) Check(what string) {
	if l.loop != nil {
		lowlevel.CheckGoroutine(l.loop, what)
	}
}

// Len returns how many stand in the line.
func (l *List) Len() int { return l.size }

// First returns the first in the line, nil if nobody is there.
func (l *List) First() *Waiter { return l.first }

// All returns those in the line, in order; the one that is yielded may leave.
func (l *List) All() iter.Seq[*Waiter] {
	return func(yield func(*Waiter) bool) {
		for w := l.first; w != nil; {
			next := w.next
			if !yield(w) {
				return
			}
			w = next
		}
	}
}

// Set sets up to n of those that are pending, in order, and returns how many. All are set
// also where an observer of the loop calls Goexit.
func (l *List) Set(n int) (set int) {
	if l.pending != nil && l.loop.Closed() {
		l.dropOrphans()
	}
	if l.pending == nil || n <= 0 {
		return 0
	}
	lowlevel.Check(l.loop, "completing a future, or Schedule,") // so that Set does not panic
	defer func() {
		if l.pending != nil && set < n {
			l.Set(n - set)
		}
	}()
	for l.pending != nil && set < n {
		w := l.pending
		l.pending = w.next
		if !w.done {
			set++
			w.Set()
		}
	}
	return set
}

// Waiting reports whether anybody in the line has not been canceled.
func (l *List) Waiting() bool { return l.size > l.canceled }
