package task

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Pool limits the number of blocking calls that run at the same time: see [BlockingIn]. Make a
// Pool with [NewPool]. It belongs to the loop of the first task that uses it, and is not safe for
// use from other goroutines.
type Pool struct {
	limit  int
	finish bool
	loop   *loop.Loop // nil until a task uses the pool
	calls  int        // the places that are taken, by calls and by tasks that are about to call
	line   waiter.List
}

// A PoolOption is a setting for a new pool.
type PoolOption func(*Pool)

// FinishCalls makes [BlockingIn] wait for fn even if the task is canceled. When the task is
// canceled during the call, the context of fn ends at once. BlockingIn returns when fn returns,
// with the results of fn, and the next suspension delivers the cancellation. So no result is lost,
// and no call goes on after its task has ended. But a cancellation, or a time limit, takes as long
// as fn takes: fn should look at its context. If the loop is closed, the task does not wait for fn,
// but Close does.
func FinishCalls() PoolOption { return func(p *Pool) { p.finish = true } }

// NewPool makes a pool in which at most limit calls run at the same time. It panics if limit is not
// positive.
//
//	files := task.NewPool(4)
//	text, err := task.BlockingIn(ctx, files, func(context.Context) ([]byte, error) { return os.ReadFile(name) })
func NewPool(limit int, opts ...PoolOption) *Pool {
	if limit < 1 {
		panic(fmt.Sprintf("task: NewPool(%d); give it the number of calls that may run at the same time, 1 or more", limit))
	}
	p := &Pool{limit: limit}
	for _, opt := range opts {
		if opt == nil {
			panic("task: NewPool with a nil PoolOption; leave it out")
		}
		opt(p)
	}
	return p
}

// BlockingIn is [Blocking] with a limit: it calls fn in a place of pool. If all places are taken,
// it suspends the running task until a place is free. Tasks get places in the order in which they
// began to wait. If the task is canceled in this wait, or ctx ends, BlockingIn returns the error
// and does not call fn.
//
// A call keeps its place until fn has returned and the loop has noticed that. This is so even if
// the task has stopped waiting for fn long before. So there are never more calls at the same time
// than the limit of the pool. (With a semaphore around Blocking there can be more: a task that is
// canceled releases its permit while its call goes on.) If fn never returns, its place is lost.
//
// Everything else is as in Blocking, except in a pool with [FinishCalls]. BlockingIn panics if pool
// or fn is nil, if tasks of another loop use pool, or if ctx does not belong to the running task.
// asyncio: run_in_executor with a pool of threads.
func BlockingIn[T any](ctx context.Context, pool *Pool, fn func(context.Context) (T, error)) (v T, err error) {
	if pool == nil || pool.limit < 1 || fn == nil {
		panic("task: BlockingIn with a pool that NewPool did not make, or with a nil function; give it a pool of NewPool and a function to call")
	}
	if err := pool.enter(ctx); err != nil {
		return v, err
	}
	return block(ctx, pool, fn)
}

// enter takes a place. If none is free, it waits for one.
func (p *Pool) enter(ctx context.Context) error {
	l := lowlevel.Current(ctx).Loop()
	if p.loop == nil {
		p.loop = l
	}
	if p.loop != l {
		panic("task: BlockingIn with a pool that tasks of another loop use; give each loop a pool of its own")
	}
	if p.calls < p.limit { // then no task waits, since leave gives a place to a waiting task first
		p.calls++
		return nil
	}
	return p.line.Wait(ctx, (*poolPlace)(p), func(granted bool) {
		if granted {
			p.leave()
		}
	})
}

// leave gives the place to the first task that waits. If no task waits, the place is free.
func (p *Pool) leave() {
	if p != nil && p.line.Set(1) == 0 {
		p.calls--
	}
}

func (p *Pool) finishes() bool { return p != nil && p.finish }

// poolPlace describes a place that a task waits for, in deadlock reports and graphs.
type poolPlace Pool

func (p *poolPlace) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("a place in a pool of %d", p.limit), nil
}
