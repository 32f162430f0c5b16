package task

import (
	"context"
	"io"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Current returns the running task. It panics if ctx does not belong to the running task, or if no
// task is running. Outside of tasks use lowlevel.LoopOf(ctx).Current(), which returns nil there.
// asyncio: current_task.
func Current(ctx context.Context) *loop.Task { return lowlevel.Current(ctx) }

// All returns the unfinished tasks of the loop that ctx belongs to, in order of creation. asyncio:
// all_tasks.
func All(ctx context.Context) []*loop.Task {
	return slices.Collect(lowlevel.LoopOf(ctx).Tasks())
}

// PrintGraph writes to w, for each task of the loop that ctx belongs to, which tasks it awaits, and
// at which place in the source code it is suspended: see [loop.Loop.WriteGraph]. asyncio:
// print_call_graph.
func PrintGraph(ctx context.Context, w io.Writer) error {
	return lowlevel.LoopOf(ctx).WriteGraph(w, true)
}
