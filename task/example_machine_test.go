package task_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A countdown keeps in a field what an ordinary body keeps on its stack.
type countdown struct{ left int }

func (c *countdown) Resume(ctx context.Context, err error) (string, task.Suspension, error) {
	if err != nil { // for example a cancellation
		return "", task.End(), err
	}
	if c.left == 0 {
		return "lift-off", task.End(), nil
	}
	fmt.Println(c.left, "at", lowlevel.LoopOf(ctx).Elapsed())
	c.left--
	return "", task.For(time.Second), nil
}

// A countdown in a machine. It has no stack, so a program can have a million of them suspended.
func ExampleMachine() {
	v, err := task.Run(context.Background(), func(ctx context.Context) (string, error) {
		return task.GoMachine(ctx, &countdown{left: 3}).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(v, err)
	// Output:
	// 3 at 0s
	// 2 at 1s
	// 1 at 2s
	// lift-off <nil>
}

// A machine that awaits a task, and reads the result of the task when it is called again.
func ExampleGoMachine() {
	v, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		price := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 20, task.Sleep(ctx, time.Second)
		})
		return task.GoMachine(ctx, task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
			if err != nil || !price.Done() {
				return 0, task.On(price), err
			}
			v, err := price.Result()
			return v + 1, task.End(), err
		})).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(v, err)
	// Output: 21 <nil>
}

// A function as a machine. Its state is in a variable that it captures.
func ExampleMachineFunc() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		rounds := 0
		polite := task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
			if err != nil || rounds == 3 {
				return rounds, task.End(), err
			}
			rounds++
			return 0, task.Turn(), nil // let other tasks run
		})
		v, err := task.GoMachine(ctx, polite).Await(ctx)
		fmt.Println(v, err)
		return nil
	}), loop.WithVirtualTime())
	// Output: 3 <nil>
}

// The four values that Resume can return.
func ExampleSuspension() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		other := task.GoMachine(ctx, &countdown{left: 1})
		steps := []task.Suspension{task.Turn(), task.For(5 * time.Second), task.On(other), task.End()}
		at := -1
		_, err := task.GoMachine(ctx, task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			at++
			fmt.Println("step", at, "at", lowlevel.LoopOf(ctx).Elapsed())
			return 0, steps[at], err
		})).Await(ctx)
		return err
	}), loop.WithVirtualTime())
	// Output:
	// 1 at 0s
	// step 0 at 0s
	// step 1 at 0s
	// step 2 at 5s
	// step 3 at 5s
}

// A machine that waits for a gather of two other machines.
func ExampleOn() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		both := task.Gather(task.GoMachine(ctx, &countdown{left: 1}), task.GoMachine(ctx, &countdown{left: 2}))
		_, err := task.GoMachine(ctx, task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
			if err != nil || !both.Done() {
				return 0, task.On(both), err
			}
			fmt.Println(both.Result())
			return 0, task.End(), nil
		})).Await(ctx)
		return err
	}), loop.WithVirtualTime())
	// Output:
	// 1 at 0s
	// 2 at 0s
	// 1 at 1s
	// [lift-off lift-off] <nil>
}

// A machine that sleeps for a minute.
func ExampleFor() {
	_, _ = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		slept := false
		return task.GoMachine(ctx, task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			if err != nil || slept {
				fmt.Println(lowlevel.LoopOf(ctx).Elapsed())
				return 0, task.End(), err
			}
			slept = true
			return 0, task.For(time.Minute), nil
		})).Await(ctx)
	}, loop.WithVirtualTime())
	// Output: 1m0s
}

// Two machines that let each other run.
func ExampleTurn() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		count := func(name string) *task.Task[int] {
			n := 0
			return task.GoMachine(ctx, task.MachineFunc[int](func(_ context.Context, err error) (int, task.Suspension, error) {
				if err != nil || n == 2 {
					return n, task.End(), err
				}
				fmt.Print(name, n, " ")
				n++
				return 0, task.Turn(), nil
			}))
		}
		return task.Gather(count("a"), count("b")).Wait(ctx)
	}), loop.WithVirtualTime())
	// Output: a0 b0 a1 b1
}

// A machine that ends in its first step.
func ExampleEnd() {
	v, err := task.Run(context.Background(), func(ctx context.Context) (string, error) {
		return task.GoMachine(ctx, task.MachineFunc[string](func(context.Context, error) (string, task.Suspension, error) {
			return "at once", task.End(), nil
		})).Await(ctx)
	}, loop.WithVirtualTime())
	fmt.Println(v, err)
	// Output: at once <nil>
}

// A machine in a group.
func ExampleGoMachineIn() {
	_, err := task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			m, err := task.GoMachineIn(g, &countdown{left: 2})
			if err != nil {
				return err
			}
			fmt.Println(m.Await(ctx))
			return nil
		})
	}), loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// 2 at 0s
	// 1 at 1s
	// lift-off <nil>
	// <nil>
}
