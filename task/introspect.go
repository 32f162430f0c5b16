package task

import (
	"context"
	"io"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Current returns the running task, which ctx must belong to. It panics if ctx
// does not, and outside of tasks; lowlevel.LoopOf(ctx).Current() is nil there.
// asyncio: current_task.
func Current(ctx context.Context) *loop.Task { return lowlevel.Current(ctx) }

// All returns the unfinished tasks of the loop that ctx belongs to, in order of
// creation. asyncio: all_tasks.
func All(ctx context.Context) []*loop.Task {
	return slices.Collect(lowlevel.LoopOf(ctx).Tasks())
}

// PrintGraph writes who awaits whom in the loop that ctx belongs to, with where each
// task stands: see [loop.Loop.WriteGraph]. asyncio: print_call_graph.
func PrintGraph(ctx context.Context, w io.Writer) error {
	return lowlevel.LoopOf(ctx).WriteGraph(w, true)
}
