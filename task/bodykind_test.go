package task_test

import (
	"context"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A bodyKind makes tasks with one of the two kinds of bodies.
type bodyKind struct {
	name string
	// yields makes a task that yields n times.
	yields func(ctx context.Context, n int) *task.Task[int]
	// sleeps makes a task that sleeps n times for d.
	sleeps func(ctx context.Context, n int, d time.Duration) *task.Task[int]
	// awaits makes a task that awaits the results of next, until next returns nil.
	awaits func(ctx context.Context, next func(context.Context) loop.Awaitable) *task.Task[int]
	// waits makes a task that awaits gate, as programs do, and then adds 1 to woken.
	waits func(ctx context.Context, gate *future.Future[int], woken *int) *task.Task[int]
}

var bodyKinds = []bodyKind{
	{
		name: "stackful",
		yields: func(ctx context.Context, n int) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				for range n {
					if err := task.Yield(ctx); err != nil {
						return 0, err
					}
				}
				return 1, nil
			})
		},
		sleeps: func(ctx context.Context, n int, d time.Duration) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				for range n {
					if err := task.Sleep(ctx, d); err != nil {
						return 0, err
					}
				}
				return 1, nil
			})
		},
		awaits: func(ctx context.Context, next func(context.Context) loop.Awaitable) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				for a := next(ctx); a != nil; a = next(ctx) {
					if a.Done() {
						continue
					}
					if err := lowlevel.Await(ctx, a); err != nil {
						return 0, err
					}
				}
				return 1, nil
			})
		},
		waits: func(ctx context.Context, gate *future.Future[int], woken *int) *task.Task[int] {
			return task.Go(ctx, func(ctx context.Context) (int, error) {
				v, err := gate.Await(ctx)
				if err == nil {
					*woken++
				}
				return v, err
			})
		},
	},
	{
		name: "stackless",
		yields: func(ctx context.Context, n int) *task.Task[int] {
			return task.GoMachine(ctx, &yieldMachine{n})
		},
		sleeps: func(ctx context.Context, n int, d time.Duration) *task.Task[int] {
			return task.GoMachine(ctx, &sleepMachine{n, d})
		},
		awaits: func(ctx context.Context, next func(context.Context) loop.Awaitable) *task.Task[int] {
			return task.GoMachine(ctx, &awaitMachine{next})
		},
		waits: func(ctx context.Context, gate *future.Future[int], woken *int) *task.Task[int] {
			return task.GoMachine(ctx, &waitMachine{gate, woken})
		},
	},
}

var stackful, stackless = bodyKinds[0], bodyKinds[1]

type yieldMachine struct{ left int }

func (m *yieldMachine) Resume(_ context.Context, err error) (int, task.Suspension, error) {
	if m.left == 0 || err != nil {
		return 1, task.End(), err
	}
	m.left--
	return 0, task.Turn(), nil
}

type sleepMachine struct {
	left int
	d    time.Duration
}

func (m *sleepMachine) Resume(_ context.Context, err error) (int, task.Suspension, error) {
	if m.left == 0 || err != nil {
		return 1, task.End(), err
	}
	m.left--
	return 0, task.For(m.d), nil
}

type awaitMachine struct {
	next func(context.Context) loop.Awaitable
}

func (m *awaitMachine) Resume(ctx context.Context, err error) (int, task.Suspension, error) {
	if err != nil {
		return 0, task.End(), err
	}
	if a := m.next(ctx); a != nil {
		return 0, task.On(a), nil
	}
	return 1, task.End(), nil
}

type waitMachine struct {
	gate  *future.Future[int]
	woken *int
}

func (m *waitMachine) Resume(_ context.Context, err error) (int, task.Suspension, error) {
	if err != nil {
		return 0, task.End(), err
	}
	if !m.gate.Done() {
		return 0, task.On(m.gate), nil
	}
	*m.woken++
	return 1, task.End(), nil
}
