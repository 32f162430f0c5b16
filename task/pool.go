package task

import (
	"context"
	"fmt"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A Pool limits the number of blocking calls that run at the same time: see [BlockingIn]. Make one
// with [NewPool]. It belongs to the loop of the first task that uses it, and is not safe for use from
// other goroutines.
type Pool struct {
	limit  int
	finish bool
	loop   *loop.Loop // nil until a task uses the pool
	calls  int        // places that are taken, by calls or by tasks that are about to call
	line   waiter.List
}

// A PoolOption is a setting for a new pool.
type PoolOption func(*Pool)

// FinishCalls makes a canceled task wait for its call, if the call has begun. If the task is canceled,
// the context of fn ends at once. [BlockingIn] waits until fn has returned, and returns the results
// of fn. The next suspension delivers the cancellation. So no result is lost, and no call lives
// longer than its task. But a cancellation or a time limit takes as long as fn does, so fn should
// check its context. If the loop is closed, the task does not wait for fn, but Close does.
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

// BlockingIn is [Blocking] with a limit: the call takes a place in pool. If all places are taken,
// BlockingIn suspends the running task until a place is free: first come, first served. If the task
// is canceled in that wait, or ctx ends, fn is not called.
//
// A call keeps its place until fn has returned and the loop has noticed that, even if the task has
// stopped waiting earlier. So the number of calls that run never exceeds the limit of the pool. (A
// semaphore around Blocking does not ensure that: a canceled task releases its permit while its call
// goes on.) If fn never returns, its place is lost.
//
// In everything else BlockingIn behaves like Blocking, unless the pool has [FinishCalls]. BlockingIn
// panics if pool or fn is nil, if tasks of another loop use pool, or if ctx does not belong to the
// running task. asyncio: run_in_executor with a pool of threads.
func BlockingIn[T any](ctx context.Context, pool *Pool, fn func(context.Context) (T, error)) (v T, err error) {
	if pool == nil || pool.limit < 1 || fn == nil {
		panic("task: BlockingIn with a pool that NewPool did not make, or with a nil function; give it a pool of NewPool and a function to call")
	}
	if err := pool.enter(ctx); err != nil {
		return v, err
	}
	return block(ctx, pool, fn)
}

// enter takes a place. If all places are taken, it waits for one.
func (p *Pool) enter(ctx context.Context) error {
	l := lowlevel.Current(ctx).Loop()
	if p.loop == nil {
		p.loop = l
	}
	if p.loop != l {
		panic("task: BlockingIn with a pool that tasks of another loop use; give each loop a pool of its own")
	}
	if p.calls < p.limit { // no task waits in this case, since leave gives places to waiting tasks
		p.calls++
		return nil
	}
	return p.line.Wait(ctx, (*poolPlace)(p), func(granted bool) {
		if granted {
			p.leave()
		}
	})
}

// leave gives a place to the first task that waits. If no task waits, the place is free.
func (p *Pool) leave() {
	if p != nil && p.line.Set(1) == 0 {
		p.calls--
	}
}

func (p *Pool) finishes() bool { return p != nil && p.finish }

// poolPlace describes what a task waits for: a place in the pool.
type poolPlace Pool

func (p *poolPlace) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("a place in a pool of %d", p.limit), nil
}
