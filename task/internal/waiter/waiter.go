// Package waiter has the Waiter, a small awaitable for one task, and the List, a line of waiters.
// Packages task, lock and queue wait with them.
//
// Every waiting task has its own Waiter. So canceling a task cancels the Waiter of this task, and
// does not affect the other waiting tasks.
package waiter

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Describer describes the event that a waiter waits for, in deadlock reports and graphs.
type Describer interface {
	Describe() (string, []loop.Awaitable)
}

// A Waiter is pending until it is set or canceled. It is a [loop.Awaitable] for one
// task, and a [loop.Runnable] that sets it.
type Waiter struct {
	loop       *loop.Loop
	of         Describer
	task       loop.Runnable // runs when the waiter is done: the waiting task, or the turn of a promise
	err        error         // not nil if the waiter was canceled
	done       bool
	promised   bool // the waiter is for a promise: see promise.go
	inline     bool // the field task runs inside Set and Cancel, and not in the next turn
	in         *List
	prev, next *Waiter
}

// New makes a pending waiter of the loop that ctx belongs to.
func New(ctx context.Context, of Describer) *Waiter {
	return &Waiter{loop: lowlevel.LoopOf(ctx), of: of}
}

// Wait suspends the running task until w is set. ctx must belong to that task. The error is the
// error of [lowlevel.Await], or a cancellation of w. Even if Wait returns an error, w may have been
// set: Succeeded reports that.
func (w *Waiter) Wait(ctx context.Context) error {
	if !w.done {
		if err := lowlevel.Await(ctx, w); err != nil {
			return err
		}
	}
	return w.err
}

// Set wakes the waiting task, and returns true. If w was set or canceled before, Set does nothing
// and returns false. If w is for a promise of a closed loop, Set takes w out of the line and
// returns false.
func (w *Waiter) Set() bool {
	if w.done {
		return false
	}
	if w.orphaned() {
		w.Leave()
		return false
	}
	w.finish(nil)
	return true
}

// Run is Set.
func (w *Waiter) Run() { w.Set() }

// Rearm makes w pending again if it was set. w keeps its place in the line. Use it if the event that
// woke the task was not the one that the task waits for.
func (w *Waiter) Rearm() {
	if !w.Succeeded() {
		return
	}
	w.done = false
	if w.in != nil {
		w.in.pending = w.in.first
	}
}

// Succeeded reports whether w was set.
func (w *Waiter) Succeeded() bool { return w.done && w.err == nil }

// Canceled reports whether w was canceled.
func (w *Waiter) Canceled() bool { return w.err != nil }

func (w *Waiter) finish(err error) {
	w.done, w.err = true, err
	if err != nil && w.in != nil {
		w.in.canceled++
	}
	task := w.task
	w.task = nil
	switch {
	case task == nil:
	case w.inline:
		task.Run()
	default:
		lowlevel.Schedule(w.loop, task)
	}
}

// The methods of [loop.Awaitable].

func (w *Waiter) Loop() *loop.Loop   { return w.loop }
func (w *Waiter) Done() bool         { return w.done }
func (w *Waiter) Unretrieved() error { return nil }

func (w *Waiter) Err() error {
	if !w.done {
		return fmt.Errorf("%w: the waiter is still pending", future.ErrInvalidState)
	}
	return w.err
}

func (w *Waiter) Cancel(cause error) bool {
	if w.done {
		return false
	}
	w.finish(&loop.CanceledError{Cause: cause})
	return true
}

func (w *Waiter) AddWaiter(r loop.Runnable) {
	switch {
	case w.done:
		lowlevel.Schedule(w.loop, r)
	case w.task != nil:
		panic("waiter: another task waits already; each task needs a Waiter of its own")
	default:
		w.task = r
	}
}

func (w *Waiter) RemoveWaiter(r loop.Runnable) bool {
	if w.task != r {
		return false
	}
	w.task = nil
	return true
}

func (w *Waiter) TaskOf() *loop.Task                  { return nil }
func (w *Waiter) Explain() (string, []loop.Awaitable) { return w.of.Describe() }
