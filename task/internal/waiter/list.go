package waiter

import (
	"context"
	"fmt"
	"iter"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A List is a line of waiters: first come, first served. The zero List is empty. When a List has
// got its first waiter, it belongs to the loop of that waiter.
type List struct {
	loop        *loop.Loop
	first, last *Waiter
	pending     *Waiter // all waiters before this one are done (set or canceled); nil if all waiters are done
	size        int
	canceled    int // canceled waiters that are still in the line
}

// Wait puts a new waiter in the line, suspends the running task until the waiter is set, and takes
// the waiter out of the line. of describes the event that the task waits for. If the waiting ends
// with an error, a panic or a Goexit, Wait then calls giveUp. The argument succeeded says whether
// the waiter was set nevertheless.
func (l *List) Wait(ctx context.Context, of Describer, giveUp func(succeeded bool)) (err error) {
	w := New(ctx, of)
	l.Join(w)
	returned := false
	defer func() {
		w.Leave()
		if !returned || err != nil {
			w.Cancel(nil) // in case w is still pending
			giveUp(w.Succeeded())
		}
	}()
	if err = lowlevel.Await(ctx, w); err == nil { // w.Wait, written out: it would be one more frame on the stack
		err = w.err
	}
	returned = true
	return err
}

// Join puts w at the end of the line. w must be in no line.
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

// Leave takes w out of its line. If w is in no line, Leave does nothing.
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

// Check panics if the calling goroutine must not change the list: see [lowlevel.CheckGoroutine].
// what names the operation in the message. If the list has had no waiter yet, it belongs to no
// loop, and Check does nothing.
func (l *List) Check(what string) {
	if l.loop != nil {
		lowlevel.CheckGoroutine(l.loop, what)
	}
}

// Len returns the number of waiters in the line.
func (l *List) Len() int { return l.size }

// First returns the first waiter in the line, or nil.
func (l *List) First() *Waiter { return l.first }

// All ranges over the waiters in the line, in order. The yielded waiter may leave the line.
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

// Set sets up to n pending waiters, in order, and returns the number of waiters that it has set. It
// sets them even if an observer of the loop calls Goexit meanwhile.
func (l *List) Set(n int) (set int) {
	if l.pending != nil && l.loop.Closed() {
		l.dropOrphans()
	}
	if l.pending == nil || n <= 0 {
		return 0
	}
	lowlevel.Check(l.loop, "completing a future, or Schedule,") // panics here, before anything has changed
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

// Waiting reports whether the line has a waiter that was not canceled.
func (l *List) Waiting() bool { return l.size > l.canceled }
