package task

import (
	"context"
	"time"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Sleep suspends the running task, which ctx must belong to, until d has passed
// by the loop's clock. d <= 0 suspends for exactly one turn. Sleepers due at the
// same instant wake in the order in which they went to sleep. The error is nil,
// or what ended the sleep: see [lowlevel.Suspend]. It allocates nothing but the
// timer's place in the tree.
func Sleep(ctx context.Context, d time.Duration) error {
	return lowlevel.Suspend(ctx, For(d))
}

// Yield suspends the running task for exactly one turn, so that everything else
// that is ready runs first. asyncio: sleep(0). It allocates nothing.
func Yield(ctx context.Context) error {
	return lowlevel.Yield(ctx)
}
