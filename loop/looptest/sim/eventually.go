package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// Eventually waits until holds returns nil, at most for limit of the world's time. If holds still returns an error
// then, the test fails with this error, and ends as by Fatal. holds is called at once, and again and again: after
// one millisecond, and then after pauses that become longer, up to a hundredth of limit. It runs in the task of ctx,
// and may await. Call Quiet first.
//
// While Eventually runs, no time passes while a task is ready, also with [looptest.TimePasses]. So limit is the time that
// the program itself takes to recover, and the time limits in holds do not expire early.
//
// Eventually panics if holds is nil, limit is negative, or ctx does not belong to the running task.
func (w *World) Eventually(ctx context.Context, limit time.Duration, holds func() error) {
	if holds == nil || limit < 0 {
		panic(fmt.Sprintf("sim: Eventually with the limit %v; give it a function, and a limit that is not negative", limit))
	}
	w.t.Helper()
	lowlevel.Current(ctx)
	defer w.run.Prompt()()
	deadline := w.loop.Elapsed() + limit
	for pause := time.Millisecond; ; pause = min(2*pause, max(time.Millisecond, limit/100)) {
		err := holds()
		if err == nil {
			return
		}
		left := deadline - w.loop.Elapsed()
		if left <= 0 {
			w.t.Fatalf("sim: it does not hold after %v: %v", limit, err)
		}
		if err := task.Sleep(ctx, min(pause, left)); err != nil {
			w.t.Fatalf("sim: Eventually was canceled: %v", err)
		}
	}
}
