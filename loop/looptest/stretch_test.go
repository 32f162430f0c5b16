package looptest

import (
	"context"

	"github.com/takt-go/takt/task"
)

// stretch is how many turns a yield takes in a program that is stretched.
const stretch = 6

type stretchedKey struct{}

// Stretched returns body with more turns: every Yield suspends for six turns in place of one. Such a
// program needs deviations in longer rows to fail.
func Stretched(body Body) Body {
	return func(ctx context.Context, t *T) { body(context.WithValue(ctx, stretchedKey{}, true), t) }
}

// Yield suspends for one turn, and for six turns in a body of Stretched. It belongs to this package, so
// reports name the line that calls it.
func Yield(ctx context.Context) error {
	if ctx.Value(stretchedKey{}) != nil {
		for range stretch - 1 {
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
	}
	return task.Yield(ctx)
}
