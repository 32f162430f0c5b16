package task

import (
	"context"
	"time"
)

// Within is [Timeout] for a body with a result: it runs body, in the running task, under the
// limit d, and returns what body returns. If the limit expires and body lets the cancellation
// through, the error is a [*TimeoutError]. The value is that of body in any case, so a body may
// return what it has got so far beside its error.
//
// Everything else is as in Timeout: scopes nest, a cancellation from outside comes out as
// itself, [NoLimit] sets no limit, and d <= 0 expires at the first suspension of body. A program
// that moves the limit, or asks whether it has expired, uses Timeout, and [WaitFor] is for a task
// or future that is there already.
//
// Within panics if body is nil, and if ctx does not belong to the running task. asyncio: an await
// inside of timeout.
func Within[T any](ctx context.Context, d time.Duration, body func(context.Context) (T, error)) (v T, err error) {
	if body == nil {
		panic("task: Within of a nil body; give it a function to limit")
	}
	err = underLimit(ctx, instant(ctx, d), d, func(ctx context.Context, _ *Deadline) (err error) {
		v, err = body(ctx)
		return err
	})
	return v, err
}
