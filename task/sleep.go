package task

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Sleep suspends the running task until d has passed by the loop's clock. d <= 0 suspends for
// exactly one turn. If several sleeps end at the same instant, the tasks wake in the order in which
// they went to sleep. The error is nil, or it says what ended the sleep early: see [lowlevel.Await]. Sleep
// allocates nothing but the timer's place in the tree. It panics if ctx does not belong to the
// running task. asyncio: sleep.
func Sleep(ctx context.Context, d time.Duration) error {
	return lowlevel.Suspend(ctx, For(d))
}

// Yield suspends the running task for exactly one turn: everything that is in the ready queue now
// runs first. It allocates nothing. It panics if ctx does not belong to the running task. asyncio:
// sleep(0).
func Yield(ctx context.Context) error {
	return lowlevel.Yield(ctx)
}
