package task

import "context"

// Void makes a body with a result of one that returns only an error. So every function that
// takes a body, such as [Go], [GoIn], [Run], [Blocking] and [Submit], takes one without a
// result too:
//
//	t := task.Go(ctx, task.Void(serve))
//	err := t.Wait(ctx)
//
// The result is an empty struct, and the error is that of body. Void panics if body is nil. It
// allocates once, for the function that it returns.
func Void(body func(context.Context) error) func(context.Context) (struct{}, error) {
	if body == nil {
		panic("task: Void of a nil body; give it a function to run")
	}
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, body(ctx) }
}
