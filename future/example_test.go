package future_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A callback sets the result of a future one second later, and the main task awaits it.
func Example() {
	v, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		answer := future.New[int](ctx)
		lowlevel.CallLater(ctx, time.Second, func() {
			_ = answer.SetResult(42)
		})
		return answer.Await(ctx) // suspends the task for one second
	}, loop.WithVirtualTime())
	fmt.Println(v, err)
	// Output:
	// 42 <nil>
}

// A future gets its outcome once: SetResult returns an error if the future is done.
func ExampleFuture() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	answer := future.New[int](l.Context())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		v, err := answer.Await(ctx)
		fmt.Println("got", v, err, "after", l.Elapsed())
		return v, err
	})
	l.CallLater(time.Second, func() {
		fmt.Println("first: ", answer.SetResult(42))
		fmt.Println("second:", answer.SetResult(43))
	})
	fmt.Println(l.Run())
	// Output:
	// first:  <nil>
	// second: future: invalid state: SetResult on a future that is done
	// got 42 <nil> after 1s
	// <nil>
}

// A canceled future cannot be canceled again. Its error has the cause, and matches both
// future.ErrCanceled and context.Canceled.
func ExampleFuture_Cancel() {
	l := loop.New()
	defer l.Close()

	f := future.New[int](l.Context())
	fmt.Println(f.Cancel(io.EOF), f.Cancel(nil))
	fmt.Println(f.Err(), errors.Is(f.Err(), future.ErrCanceled), errors.Is(f.Err(), context.Canceled))
	// Output:
	// true false
	// canceled: EOF true true
}

// Callbacks run in later turns, in the order of registration.
func ExampleCallback() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	f := future.New[string](l.Context())
	f.OnDone(func() { fmt.Println("first") })
	second := f.OnDone(func() { fmt.Println("second") })
	f.OnDone(func() { fmt.Println("third") })

	fmt.Println("removed:", second.Remove())
	_ = f.SetResult("done")
	fmt.Println("set")
	_ = l.Run()
	// Output:
	// removed: true
	// set
	// first
	// third
}

// Code that does not depend on the types of the results uses Any.
func ExampleAny() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	number, text := future.New[int](l.Context()), future.New[string](l.Context())
	all := []future.Any{number, text}
	for _, f := range all {
		f.OnDone(func() {
			v, err := f.AnyResult()
			fmt.Printf("%T %v %v\n", v, v, err)
		})
	}
	_ = text.SetResult("seven")
	_ = number.SetResult(7)
	_ = l.Run()
	// Output:
	// string seven <nil>
	// int 7 <nil>
}

// A function that takes an Awaitable takes a future as well as a task.
func ExampleAwaitable() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	double := func(ctx context.Context, a future.Awaitable[int]) {
		v, err := a.Await(ctx)
		fmt.Println(2*v, err)
	}
	f := future.New[int](l.Context())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		double(ctx, f)
		double(ctx, task.Go(ctx, func(context.Context) (int, error) { return 21, nil }))
		return 0, nil
	})
	_ = f.SetResult(3)
	_ = l.Run()
	// Output:
	// 6 <nil>
	// 42 <nil>
}

// Untyped makes it possible to gather futures of different types.
func ExampleUntyped() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	number, text := future.New[int](l.Context()), future.New[string](l.Context())
	_ = number.SetResult(7)
	_ = text.SetResult("seven")
	task.Go(l.Context(), func(ctx context.Context) ([]any, error) {
		all, err := task.Gather(future.Untyped(number), future.Untyped(text)).Await(ctx)
		fmt.Println(all, err)
		return all, err
	})
	_ = l.Run()
	// Output:
	// [7 seven] <nil>
}

// unstoppable is the owner of a future that cannot be canceled.
type unstoppable struct{}

func (unstoppable) Cancel(error) bool                    { return false }
func (unstoppable) Describe() (string, []loop.Awaitable) { return "an answer", nil }

// Only the promise can complete its future, and the owner decides what Cancel does.
func ExamplePromise() {
	l := loop.New()
	defer l.Close()

	var p future.Promise[int]
	p.Init(l, unstoppable{})
	f := &p.Future // for other code
	fmt.Println(f.SetResult(1))
	fmt.Println(f.Cancel(nil), f.Done())
	p.Complete(42, nil)
	fmt.Println(f.Result())
	// Output:
	// future: invalid state: SetResult on a future that only its task or promise can complete
	// false false
	// 42 <nil>
}

// countdown is an awaitable that is done after n calls of count. If it is canceled, it ends
// at once, with the number of calls so far.
type countdown struct {
	future.Promise[int]
	left, counted int
}

func newCountdown(l *loop.Loop, n int) *countdown {
	c := &countdown{left: n}
	c.Init(l, countdownOwner{c})
	return c
}

func (c *countdown) count() {
	if c.counted++; c.counted == c.left {
		c.end()
	}
}

func (c *countdown) end() { c.Complete(c.counted, nil) }

// countdownOwner has the methods of the owner. They are on a type of their own, because the
// future inside countdown has a method Cancel, too.
type countdownOwner struct{ c *countdown }

func (o countdownOwner) Cancel(error) bool                    { o.c.end(); return true }
func (o countdownOwner) Describe() (string, []loop.Awaitable) { return "a countdown", nil }

// The owner of a countdown ends it with a value when it is canceled.
func ExampleOwner() {
	l := loop.New()
	defer l.Close()

	c := newCountdown(l, 3)
	c.count()
	fmt.Println("set from outside:", c.SetResult(0))
	fmt.Println("canceled:", c.Cancel(nil))
	fmt.Println(c.Result())
	// Output:
	// set from outside: future: invalid state: SetResult on a future that only its task or promise can complete
	// canceled: true
	// 1 <nil>
}
