package main

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
)

// work is the work of one task: to compute the factorial of n >= 0.
type work struct {
	name string
	n    int
}

// demo is the program that the loop runs.
type demo struct {
	out   io.Writer
	work  []work
	step  time.Duration
	tasks []*task.Task[*big.Int] // the tasks that main has made, one for each work
}

// main starts a task for each work and gathers the results.
func (d *demo) main(ctx context.Context) ([]*big.Int, error) {
	var results []future.Awaitable[*big.Int]
	for _, w := range d.work {
		t := task.Go(ctx, d.factorial(w), task.Named(w.name))
		d.tasks = append(d.tasks, t)
		results = append(results, t)
	}
	return task.Gather(results...).Await(ctx)
}

// factorial returns the body of the task that does w.
func (d *demo) factorial(w work) func(context.Context) (*big.Int, error) {
	return func(ctx context.Context) (*big.Int, error) {
		f := big.NewInt(1)
		for i := 2; i <= w.n; i++ {
			_, err := fmt.Fprintf(d.out, "Task %s: Compute factorial(%d), currently i=%d...\n", w.name, w.n, i)
			if err != nil {
				return nil, err
			}
			if err := task.Sleep(ctx, d.step); err != nil {
				return nil, err
			}
			f.Mul(f, big.NewInt(int64(i)))
		}
		_, err := fmt.Fprintf(d.out, "Task %s: factorial(%d) = %d\n", w.name, w.n, f)
		return f, err
	}
}

// cutOff says which tasks were canceled before they had their result.
func (d *demo) cutOff() string {
	var names []string
	for _, t := range d.tasks {
		if t.Canceled() {
			names = append(names, t.Name())
		}
	}
	switch {
	case len(d.tasks) == 0:
		return "no task had begun"
	case len(names) == 0:
		return "no task was cut off"
	}
	return "cut off: " + strings.Join(names, ", ")
}

// list formats results as Python formats a list: [2, 6, 24].
func list(results []*big.Int) string {
	var texts []string
	for _, r := range results {
		texts = append(texts, r.String())
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
