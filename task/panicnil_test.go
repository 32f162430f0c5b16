package task_test

import (
	"context"
	"errors"
	"testing"

	"github.com/takt-go/takt/task"
)

// With GODEBUG=panicnil=1, recover returns nil after panic(nil), as it does in a Goexit. The panic
// must not be taken for a Goexit.
func TestPanicOfNilGoesOn(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	for name, body := range map[string]func(context.Context) error{
		"Blocking": func(ctx context.Context) error {
			_, err := task.Blocking(ctx, func(context.Context) (int, error) { panic(nil) })
			return err
		},
		"WithGroup": func(ctx context.Context) error {
			return task.WithGroup(ctx, func(context.Context, *task.Group) error { panic(nil) })
		},
		"Timeout": func(ctx context.Context) error {
			return task.Timeout(ctx, task.NoLimit, func(context.Context, *task.Deadline) error { panic(nil) })
		},
		"a child": func(ctx context.Context) error {
			return task.Go(ctx, func(context.Context) (int, error) { panic(nil) }).Wait(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := virtual(t)
			tk := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 0, body(ctx) })
			if err := l.Run(); err != nil { // Run returns, so there was no Goexit
				t.Error(err)
			}
			var p *task.PanicError
			if err := tk.Err(); !errors.As(err, &p) || p.Value != nil {
				t.Errorf("the error is %v, want a PanicError of nil", err)
			}
		})
	}
}
