package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// heavy skips a test of very many tasks under go test -short, which make platforms uses on emulated
// machines.
func heavy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs very many tasks")
	}
}

// play runs body as the main task of a loop with a virtual clock. The test fails if Run returns an
// error, such as a deadlock, or if the loop reports a failure to its error handler. opts come last,
// so they can change all of this.
func play(t *testing.T, body func(ctx context.Context), opts ...loop.Option) {
	t.Helper()
	if err := playToEnd(t, body, opts...); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// playToEnd is play for tests that expect an error of Run, which it returns.
func playToEnd(t *testing.T, body func(ctx context.Context), opts ...loop.Option) error {
	t.Helper()
	var told failures
	defer func() {
		t.Helper()
		if p := recover(); p != nil {
			t.Errorf("Run panicked: %v\n%s", p, panicStack(p))
		}
	}()
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	}, append([]loop.Option{loop.WithVirtualTime(), told.option()}, opts...)...)
	told.want(t)
	return err
}

// panicStack returns the original stack of a panic that goes on in Run.
func panicStack(p any) []byte {
	if p, ok := p.(*task.PanicError); ok {
		return p.Stack
	}
	return nil
}

// virtual makes a loop with a virtual clock, for tests that drive the loop themselves. It closes
// the loop at the end of the test.
func virtual(t *testing.T, opts ...loop.Option) *loop.Loop {
	l := loop.New(append([]loop.Option{loop.WithVirtualTime()}, opts...)...)
	t.Cleanup(l.Close)
	return l
}

// failures are the failures that a loop has reported to its error handler.
type failures []loop.Failure

func (f *failures) option() loop.Option {
	return loop.WithErrorHandler(func(one loop.Failure) { *f = append(*f, one) })
}

// want compares the failures, written as "kind: task: error".
func (f *failures) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, one := range *f {
		name := "no task"
		if one.Task != nil {
			name = one.Task.Name()
		}
		got = append(got, fmt.Sprintf("%v: %s: %v", one.Kind, name, one.Err))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the error handler got\n\t%s\nwant\n\t%s",
			strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Bodies fail with errBoom, and are canceled with errCause.
var (
	errBoom  = errors.New("boom")
	errCause = errors.New("the cause")
)

// gives makes a body that sleeps for d and returns v.
func gives[T any](d time.Duration, v T) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return v, task.Sleep(ctx, d) }
}

// fails makes a body that sleeps for d and returns err.
func fails(d time.Duration, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if e := task.Sleep(ctx, d); e != nil {
			return 0, e
		}
		return 0, err
	}
}

// hangs is a body that only a cancellation ends.
func hangs(ctx context.Context) (int, error) { return future.New[int](ctx).Await(ctx) }

// stubborn makes a body that waits for a cancellation and swallows it. Then it sleeps for d, and
// returns v and err.
func stubborn(d time.Duration, v int, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		_, _ = hangs(ctx)
		if e := task.Sleep(ctx, d); e != nil {
			return 0, e
		}
		return v, err
	}
}

// elapsed returns the time by the loop's clock.
func elapsed(ctx context.Context) time.Duration { return lowlevel.LoopOf(ctx).Elapsed() }

// yields suspends for n turns.
func yields(t *testing.T, ctx context.Context, n int) {
	t.Helper()
	for range n {
		if err := task.Yield(ctx); err != nil {
			t.Fatalf("Yield: %v", err)
		}
	}
}

// causeOf returns the cause of err, which must be a cancellation.
func causeOf(t *testing.T, err error) error {
	t.Helper()
	var c *loop.CanceledError
	if !errors.As(err, &c) {
		t.Fatalf("the error is %v, want a cancellation", err)
	}
	return c.Cause
}

// wantText fails the test unless err has the text want.
func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); got != want {
		t.Errorf("the error is\n\t%s\nwant\n\t%s", got, want)
	}
}

// wantTime fails the test unless the loop's clock shows at.
func wantTime(t *testing.T, ctx context.Context, at time.Duration) {
	t.Helper()
	testkit.Equal(t, "the time", elapsed(ctx), at)
}

// place returns a line of a file as file:line.
func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// lastLine returns site as file:line, without the directories.
func lastLine(site string) string { return site[strings.LastIndex(site, "/")+1:] }

// belongs reports whether ctx belongs to a loop.
func belongs(ctx context.Context) bool {
	_, ok := loop.FromContext(ctx)
	return ok
}
