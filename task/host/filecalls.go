package host

import (
	"context"
	"sync"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
	"github.com/takt-go/takt/task/lock"
)

// A callPool has the places for calls to the operating system, for each loop. It is safe from any goroutine.
//
// task.BlockingIn with a pool is not enough here. It begins a call although the task was canceled before,
// and it leaves a call, together with the buffer that the call uses, when the loop is closed.
type callPool struct {
	limit  int
	mu     sync.Mutex
	places map[*loop.Loop]*lock.Semaphore // of the loops that are not closed
}

// of returns the places of l. With a virtual clock there is only one, so that the calls run in the order in
// which the tasks made them, and what they find does not depend on chance.
func (p *callPool) of(l *loop.Loop) *lock.Semaphore {
	p.mu.Lock()
	defer p.mu.Unlock()
	places := p.places[l]
	if places == nil {
		limit := p.limit
		if l.Clock().Jumps() {
			limit = 1
		}
		places = lock.NewBounded(limit)
		places.SetName("file calls")
		if p.places == nil {
			p.places = map[*loop.Loop]*lock.Semaphore{}
		}
		p.places[l] = places
		context.AfterFunc(l.Context(), func() { p.forget(l) })
	}
	return places
}

func (p *callPool) forget(l *loop.Loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.places, l)
}

// call runs work on another goroutine, in one of the places, and returns when work has returned. If call
// returns an error, work has not run. Only a cancellation, or the end of ctx, before work begins makes call
// return an error. A cancellation that comes later is delivered by the next suspension.
func call(ctx context.Context, places *lock.Semaphore, what *callInfo, work func()) error {
	t := lowlevel.Current(ctx)
	if err := canceled(ctx, t); err != nil {
		return err
	}
	if err := places.Acquire(ctx); err != nil {
		return err
	}
	defer places.Release()
	run(t, what, work)
	return nil
}

// canceled delivers a cancellation of t, or the end of ctx, without waiting for anything else.
func canceled(ctx context.Context, t *loop.Task) error {
	if lowlevel.PendingCancel(t) == nil && ctx.Err() == nil && !lowlevel.Unwinding(t) {
		return nil
	}
	return lowlevel.Yield(ctx) // if ctx belongs to a cancellation of the past, this is only a turn
}

// run runs work on another goroutine, and returns when work has returned, also if t is canceled or unwound
// meanwhile: work may use a buffer of the caller, and what it has done cannot be taken back.
func run(t *loop.Task, what *callInfo, work func()) {
	var end *waiter.Waiter
	noticed, returned := false, make(chan struct{})
	lowlevel.Offload(t.Loop(), func() {
		defer close(returned)
		work()
	}, func() {
		noticed = true
		if end != nil {
			end.Set()
		}
	})
	defer func() { <-returned }() // blocks only if the task is being unwound; then Close of the loop waits for work, too
	insist(t, func(ctx context.Context) error {
		if noticed {
			return nil
		}
		end = waiter.New(ctx, what)
		return end.Wait(ctx)
	})
}

// insist calls wait until it succeeds, and reports whether it has. It gives up only if t is being unwound.
// If t is canceled meanwhile, the next suspension after insist delivers the first cancellation.
func insist(t *loop.Task, wait func(ctx context.Context) error) bool {
	var first error
	for !lowlevel.Unwinding(t) {
		err := wait(t.Context())
		if err == nil {
			lowlevel.PutBack(t.Context(), first)
			return true
		}
		if first == nil {
			first = err
		}
	}
	return false
}

// A callInfo describes a call, in deadlock reports and graphs.
type callInfo struct{ op, name string }

func (c *callInfo) Describe() (string, []loop.Awaitable) {
	return "the file call " + c.op + " " + c.name, nil
}
