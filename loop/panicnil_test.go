package loop_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// wantPanicOfNil checks that err is the PanicError of a panic(nil), with GODEBUG=panicnil=1:
// there recover returns nil, as it does in a Goexit.
func wantPanicOfNil(t *testing.T, err error) {
	t.Helper()
	var p *loop.PanicError
	if !errors.As(err, &p) || p.Value != nil || p.At == "" {
		t.Errorf("the error is %v", err)
	}
}

func TestPanicOfNilInACallback(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	var failures []loop.Failure
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { failures = append(failures, f) }))
	bystander := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return 7, task.Sleep(ctx, time.Second) // the callback runs on top of this
	})
	l.CallSoon(func() { panic(nil) })
	run(t, l)
	if v, err := bystander.Result(); v != 7 || err != nil {
		t.Errorf("the bystander: %v, %v", v, err)
	}
	if len(failures) != 1 || failures[0].Kind != loop.CallbackFailed {
		t.Fatalf("failures: %v", failures)
	}
	wantPanicOfNil(t, failures[0].Err)
}

func TestPanicOfNilInABody(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	body := func(context.Context) error { panic(nil) }
	machine := func(ctx context.Context, _ error) (task.Suspension, error) { return task.End(), body(ctx) }
	later := func(context.Context, error) (task.Suspension, error) { return task.Turn(), nil }
	for name, start := range map[string]loop.TaskFactory{"lazy": factory.Lazy, "eager": factory.Eager} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, loop.WithTaskFactory(start))
			maker := spawn(l.Context(), "maker", func(ctx context.Context) error {
				made := []*task.Task[none]{
					spawn(ctx, "body", body),
					spawn(ctx, "body, later", func(ctx context.Context) error {
						_ = task.Yield(ctx)
						return body(ctx)
					}),
					script(ctx, "machine", machine),
					script(ctx, "machine, later", later, machine),
				}
				for _, made := range made {
					wantPanicOfNil(t, made.Wait(ctx))
				}
				return nil
			})
			run(t, l) // which returns: no Goexit came out
			if err := maker.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPanicOfNilWhileTheLoopIsClosed(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	l := newLoop(t)
	body := spawn(l.Context(), "body", func(ctx context.Context) error {
		defer panic(nil)
		return task.Sleep(ctx, time.Second)
	})
	machine := script(l.Context(), "machine",
		func(context.Context, error) (task.Suspension, error) { return task.For(time.Second), nil },
		func(context.Context, error) (task.Suspension, error) { panic(nil) })
	l.RunUntilIdle()
	if !inGoroutine(l.Close) {
		t.Error("a Goexit came out of Close")
	}
	wantPanicOfNil(t, body.Err())
	wantPanicOfNil(t, machine.Err())
}

// A Goexit in a deferred call of a panic takes the panic's place, and the other way
// round the panic does not stop the Goexit.
func TestGoexitAndPanicOfNilNested(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	for name, c := range map[string]struct {
		body func()
		want func(t *testing.T, err error)
	}{
		"Goexit in a panic": {
			func() { defer runtime.Goexit(); panic(nil) },
			func(t *testing.T, err error) {
				if err != loop.ErrGoexit {
					t.Errorf("the error is %v", err)
				}
			},
		},
		"panic in a Goexit": {func() { defer panic(nil); runtime.Goexit() }, wantPanicOfNil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			tk := spawn(l.Context(), "t", func(context.Context) error { c.body(); return nil })
			if inGoroutine(func() { _ = l.Run() }) {
				t.Error("the driver goes on")
			}
			c.want(t, tk.Err())
		})
	}
}
