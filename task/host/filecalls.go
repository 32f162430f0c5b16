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
	limit  int // with the system's clock
	mu     sync.Mutex
	places map[*loop.Loop]*lock.Semaphore // of the loops that are not closed
}

// limitOf returns how many places l has. With a virtual clock there is only one, so that the calls run in the order in
// which the tasks made them, and what they find does not depend on chance.
func (p *callPool) limitOf(l *loop.Loop) int {
	if l.Clock().Jumps() {
		return 1
	}
	return p.limit
}

// of returns the places of l.
func (p *callPool) of(l *loop.Loop) *lock.Semaphore {
	p.mu.Lock()
	defer p.mu.Unlock()
	places := p.places[l]
	if places == nil {
		places = lock.NewBounded(p.limitOf(l))
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

// places returns the places of l, or nil if there is no limit.
func (s *files) places(l *loop.Loop) *lock.Semaphore {
	if s.pool == nil {
		return nil
	}
	return s.pool.of(l)
}

// do makes a call on the disk, and returns the error of work. If the task is canceled, or ctx ends, before the call begins,
// the call is not made, and do returns the reason. A cancellation that comes later is delivered by the next suspension. If
// f, the file of the call, is not nil, it may refuse the call when it has its place.
func (s *files) do(ctx context.Context, f *file, op, name string, work func() error) error {
	t := lowlevel.Current(ctx)
	if err := canceled(ctx, t); err != nil {
		return err
	}
	if places := s.places(t.Loop()); places != nil {
		if err := places.Acquire(ctx); err != nil {
			return err
		}
		defer places.Release()
	}
	if f != nil {
		if err := f.refusal(op); err != nil {
			return err
		}
	}
	c := &diskCall{op: op, name: name, work: work}
	s.run(t, c)
	if !c.made {
		return lowlevel.Yield(t.Context()) // the task is being unwound, so this fails
	}
	return c.err
}

// canceled delivers a cancellation of t, or the end of ctx, without waiting for anything else.
func canceled(ctx context.Context, t *loop.Task) error {
	if lowlevel.PendingCancel(t) == nil && ctx.Err() == nil && !lowlevel.Unwinding(t) {
		return nil
	}
	return lowlevel.Yield(ctx) // if ctx belongs to a cancellation of the past, this is only a turn
}

// A diskCall is a call on a disk.
type diskCall struct {
	op, name string
	work     func() error
	made     bool // work has returned
	err      error
	ended    bool // the loop knows that work has returned
	end      *waiter.Waiter
}

func (c *diskCall) begin() {
	c.err = c.work()
	c.made = true
}

func (c *diskCall) done() {
	c.ended = true
	if c.end != nil {
		c.end.Set()
	}
}

// Describe describes a call, in deadlock reports and graphs.
func (c *diskCall) Describe() (string, []loop.Awaitable) {
	return "the file call " + c.op + " " + c.name, nil
}

// run makes the call, and returns when it has ended, also if t is canceled meanwhile: work may use a buffer of the
// caller, and what it has done cannot be taken back. If t is unwound meanwhile, the disk decides whether the call is made.
func (s *files) run(t *loop.Task, c *diskCall) {
	abandon := s.disk.Begin(t.Loop(), c.op, c.name, c.begin, c.done)
	defer func() {
		if !c.ended {
			abandon()
		}
	}()
	insist(t, func(ctx context.Context) error {
		if c.ended {
			return nil
		}
		c.end = waiter.New(ctx, c)
		return c.end.Wait(ctx)
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
