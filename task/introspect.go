package task

import (
	"context"
	"io"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Current returns the running task. ctx must belong to that task. Current panics if it does not,
// and outside of tasks; lowlevel.LoopOf(ctx).Current() returns nil there. asyncio: current_task.
func Current(ctx context.Context) *loop.Task { return lowlevel.Current(ctx) }

// All returns the unfinished tasks of the loop that ctx belongs to, in order of
// creation. asyncio: all_tasks.
func All(ctx context.Context) []*loop.Task {
	return slices.Collect(lowlevel.LoopOf(ctx).Tasks())
}

// PrintGraph writes which task awaits which, for all tasks of the loop that ctx belongs to, and the
// place in the source where each task is suspended: see [loop.Loop.WriteGraph]. asyncio:
// print_call_graph.
func PrintGraph(ctx context.Context, w io.Writer) error {
	return lowlevel.LoopOf(ctx).WriteGraph(w, true)
}
