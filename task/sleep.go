package task

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Sleep suspends the running task until d has passed by the loop's clock. d <= 0 suspends for
// exactly one turn. Tasks whose sleeps end at the same instant wake in the order in which they
// called Sleep. If the task is canceled, Sleep ends early with a [*loop.CanceledError]. If ctx is a
// standard context derived from the task's, and ends, Sleep returns [context.Cause] of it. Sleep allocates nothing, except that the tree of timers may grow. It panics if
// ctx does not belong to the running task. asyncio: sleep.
func Sleep(ctx context.Context, d time.Duration) error {
	return lowlevel.Sleep(ctx, d)
}

// Yield suspends the running task for exactly one turn: all entries that are in the ready queue now
// run first. The error is as for [Sleep]. Yield allocates nothing. It panics if ctx does not belong
// to the running task. asyncio: sleep(0).
func Yield(ctx context.Context) error {
	return lowlevel.Yield(ctx)
}
