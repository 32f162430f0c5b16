package lowlevel_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// First returns a future that gets the result of the first of several tasks and futures that is
// done. Then the others are canceled. If code cancels the future that First has returned, all of
// them are canceled.
func First[T any](ctx context.Context, of ...future.Awaitable[T]) *future.Future[T] {
	l, ok := loop.FromContext(ctx)
	if !ok {
		panic("First needs the context of a task, or of a loop")
	}
	r := &race[T]{of: of}
	r.Init(l, r)
	for _, a := range of {
		w := &runner[T]{r, a}
		r.waiters = append(r.waiters, w)
		a.AddWaiter(w)
	}
	return &r.Future
}

// race is the future that First returns, and its owner.
type race[T any] struct {
	future.Promise[T]
	of      []future.Awaitable[T]
	waiters []loop.Runnable
}

// Cancel passes the request on. The future is done when the first of the children has ended.
func (r *race[T]) Cancel(cause error) bool {
	taken := false
	for _, a := range r.of {
		taken = a.Cancel(cause) || taken
	}
	return taken
}

func (r *race[T]) Describe() (what string, on []loop.Awaitable) {
	for _, a := range r.of {
		if !a.Done() {
			on = append(on, a)
		}
	}
	return fmt.Sprintf("the first of %d", len(r.of)), on
}

// runner is the waiter of one child.
type runner[T any] struct {
	in *race[T]
	a  future.Awaitable[T]
}

// Run is called on the loop when a is done.
func (w *runner[T]) Run() {
	if w.in.Done() {
		return
	}
	for at, a := range w.in.of {
		if a != w.a {
			a.RemoveWaiter(w.in.waiters[at])
			a.Cancel(nil)
		}
	}
	w.in.Complete(w.a.Result()) // Result takes the error, if there is one
}

// A combinator that package task does not have: the first result wins, and the other tasks are
// canceled.
func Example_combinator() {
	after := func(d time.Duration, name string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			defer fmt.Println(name, "ends")
			return name, task.Sleep(ctx, d)
		}
	}
	_, err := task.Run(context.Background(), func(ctx context.Context) (string, error) {
		slow, fast := task.Go(ctx, after(time.Hour, "slow")), task.Go(ctx, after(time.Second, "fast"))
		first := First[string](ctx, slow, fast)
		fmt.Println(first.Explain())
		name, err := first.Await(ctx)
		fmt.Println("the first is", name)
		_ = slow.Wait(ctx)
		return name, err
	}, loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// the first of 2 [task "Task-2" task "Task-3"]
	// fast ends
	// slow ends
	// the first is fast
	// <nil>
}
