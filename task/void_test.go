package task_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// By Void, each function that takes a body with a result takes a body without one, and passes its
// error on.
func TestVoid(t *testing.T) {
	for _, want := range []error{nil, errBoom} {
		ran := 0
		body := task.Void(func(ctx context.Context) error {
			ran++
			return want
		})
		_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
			testkit.Equal(t, "the error of Go", task.Go(ctx, body).Wait(ctx), want)
			_, err := task.Blocking(ctx, body)
			testkit.Equal(t, "the error of Blocking", err, want)
			err = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				_, err := task.GoIn(g, body)
				return err
			})
			testkit.ErrorIs(t, err, want)
			return body(ctx)
		}, loop.WithVirtualTime())
		testkit.Equal(t, "the error of Run", err, want)
		testkit.Equal(t, "calls of the body", ran, 4)
	}
}

func TestVoidAllocates(t *testing.T) {
	body := func(context.Context) error { return nil }
	kept := task.Void(body)
	testkit.Allocs(t, "Void", 1, func() { kept = task.Void(body) })
	_, _ = kept(t.Context())
}
