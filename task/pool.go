package task

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Pool limits how many blocking calls are under way at the same time: see [BlockingIn]. Make one
// with [NewPool]. It belongs to the loop of the first task that uses it, and is not safe for use from
// other goroutines.
type Pool struct {
	limit  int
	finish bool
	loop   *loop.Loop // nil until a task uses the pool
	calls  int        // places that are taken: by calls, and by tasks that are about to call
	line   waiter.List
}

// A PoolOption sets up a new pool.
type PoolOption func(*Pool)

// FinishCalls makes a cancellation wait for a call that has begun. If the task is canceled then, fn's
// context ends at once, and [BlockingIn] returns what fn returns, when it does. The next suspension
// delivers the cancellation. So no result is lost, and no call outlives its task; but a cancellation,
// or a limit, takes as long as fn does: fn should look at its context. If the loop is closed,
// the task does not wait, but Close does.
func FinishCalls() PoolOption { return func(p *Pool) { p.finish = true } }

// NewPool makes a pool in which at most limit calls are under way at the same time. It panics if limit is
// not positive.
//
//	files := task.NewPool(4)
//	text, err := task.BlockingIn(ctx, files, func(context.Context) ([]byte, error) { return os.ReadFile(name) })
func NewPool(limit int, opts ...PoolOption) *Pool {
	if limit < 1 {
		panic(fmt.Sprintf("task: NewPool(%d); give the number of calls that may be under way at the same time, 1 or more", limit))
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

// BlockingIn is [Blocking] in a place of pool. If all places are taken, it suspends the running task
// until one is free, first come, first served. A cancellation, or the end of ctx, ends that
// wait, and fn is not called.
//
// A call has its place until fn has returned, and the loop has noticed that, however early the task
// has stopped waiting for it. So never more than the pool's limit of calls are under way. (With a
// semaphore around Blocking they are: a task that is canceled releases its permit while its call
// goes on.) If fn never returns, its place is lost.
//
// Everything else is as in Blocking, but for a pool with [FinishCalls]. BlockingIn panics if pool or fn
// is nil, if tasks of another loop use pool, and if ctx does not belong to the running task.
// asyncio: run_in_executor with a pool of threads.
func BlockingIn[T any](ctx context.Context, pool *Pool, fn func(context.Context) (T, error)) (v T, err error) {
	if pool == nil || pool.limit < 1 || fn == nil {
		panic("task: BlockingIn a pool that NewPool has not made, or of a nil function; give it both")
	}
	if err := pool.enter(ctx); err != nil {
		return v, err
	}
	return block(ctx, pool, fn)
}

// enter takes a place. It waits while there is none.
func (p *Pool) enter(ctx context.Context) error {
	l := lowlevel.Current(ctx).Loop()
	if p.loop == nil {
		p.loop = l
	}
	if p.loop != l {
		panic("task: BlockingIn a pool that tasks of another loop use; give each loop a pool of its own")
	}
	if p.calls < p.limit { // then no task waits, as leave hands places on
		p.calls++
		return nil
	}
	return p.line.Wait(ctx, (*poolPlace)(p), func(granted bool) {
		if granted {
			p.leave()
		}
	})
}

// leave gives a place to the first task that waits, or back.
func (p *Pool) leave() {
	if p != nil && p.line.Set(1) == 0 {
		p.calls--
	}
}

func (p *Pool) finishes() bool { return p != nil && p.finish }

// poolPlace is what a task waits for.
type poolPlace Pool

func (p *poolPlace) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("a place in a pool of %d", p.limit), nil
}
