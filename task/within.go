package task

import (
	"context"
	"time"
)

// Within is [Timeout] for a body with a result. It runs body, in the running task, under the limit
// d, and returns the results of body. If the limit expires and body lets the cancellation through,
// the error is a [*TimeoutError]. The value is the value of body in any case: so body may return a
// part of its result together with an error.
//
// In everything else Within behaves like Timeout: scopes nest, Within returns a cancellation from
// outside unchanged, [NoLimit] sets no limit, and with d <= 0 the limit expires at the first
// suspension of body. Use Timeout to move the limit, or to ask whether it has expired. Use
// [WaitFor] for a task or future that exists already.
//
// Within panics if body is nil, or if ctx does not belong to the running task. asyncio: an await
// inside timeout.
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
