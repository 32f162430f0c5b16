package task

import "context"

// Void makes a body with a result from a body that returns only an error. The new body can
// be given to every function that takes a body, such as [Go], [GoIn], [Run], [Blocking] and [Submit]:
//
//	t := task.Go(ctx, task.Void(serve))
//	err := t.Wait(ctx)
//
// The result is an empty struct, and the error is the error of body. Void panics if body is nil. It
// makes one allocation, for the function that it returns.
func Void(body func(context.Context) error) func(context.Context) (struct{}, error) {
	if body == nil {
		panic("task: Void of a nil body; give it a function to run")
	}
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, body(ctx) }
}
