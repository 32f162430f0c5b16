// Package waiter has what the primitives wait on: a small awaitable that one task
// waits for and that is nobody's but that task's, so that canceling the task
// cancels its waiter and nothing else; and the line in which waiters stand.
package waiter

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Describer says what a waiter waits for, to those who ask.
type Describer interface {
	Describe() (string, []loop.Awaitable)
}

// A Waiter is pending until it is set or canceled. It is a [loop.Awaitable] for one
// task, and a [loop.Runnable] that sets it.
type Waiter struct {
	loop       *loop.Loop
	of         Describer
	task       loop.Runnable // that waits
	err        error         // once it is canceled
	done       bool
	promised   bool // it is that of a promise: see promise.go
	inline     bool // task runs inside Set and Cancel
	in         *List
	prev, next *Waiter
}

// New makes a pending waiter of the loop that ctx belongs to.
func New(ctx context.Context, of Describer) *Waiter {
	return &Waiter{loop: lowlevel.LoopOf(ctx), of: of}
}

// Wait suspends the running task, which ctx must belong to, until w is set. The error
// is that of [lowlevel.Suspend], or a cancellation; w may have been set all the same, as Set tells.
func (w *Waiter) Wait(ctx context.Context) error {
	if !w.done {
		if err := lowlevel.Await(ctx, w); err != nil {
			return err
		}
	}
	return w.err
}

// Set wakes the task that waits. It reports false, and does nothing, if w was set or
// canceled before. It takes w out of the line, and reports false, if w is left over from a
// loop that is closed.
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
		return fmt.Errorf("%w: nothing to take yet", future.ErrInvalidState)
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
		panic("waiter: a second task waits")
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
