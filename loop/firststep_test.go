package loop_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// clumsy is a body that panics when it is asked to fail.
type clumsy struct{ lowlevel.Body }

func (clumsy) Fail(*loop.Task, error) { panic("on purpose") }

// A task was taken from the ready queue for its first step, but it is canceled before that step begins: by the error
// handler, or by the host, after the error handler has called Goexit. Then its body never runs.
func TestCancelJustBeforeTheFirstStep(t *testing.T) {
	for name, byHost := range map[string]bool{"by the error handler": false, "by the host": true} {
		t.Run(name, func(t *testing.T) {
			var next *task.Task[int]
			l := loop.New(loop.WithVirtualTime(), loop.WithErrorHandler(func(loop.Failure) {
				if byHost {
					runtime.Goexit()
				}
				next.Cancel(nil)
			}))
			defer l.Close()
			later := task.Go(l.Context(), func(ctx context.Context) (int, error) { return 7, task.Yield(ctx) })
			l.SetTaskFactory(func(t *loop.Task) {
				lowlevel.Wrap(t, func(b lowlevel.Body) lowlevel.Body { return clumsy{b} })
				t.Enqueue()
			})
			task.Go(l.Context(), func(context.Context) (int, error) { return 0, nil }).Cancel(nil) // fails when later yields
			l.SetTaskFactory(nil)
			next = task.Go(l.Context(), func(context.Context) (int, error) {
				t.Error("the body of a canceled task runs")
				return 0, nil
			})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				l.RunUntilIdle()
			}()
			<-ended
			next.Cancel(nil)
			l.RunUntilIdle()
			if !next.Canceled() {
				t.Error("the task is not canceled")
			}
			if v, err := later.Result(); v != 7 || err != nil {
				t.Errorf("the task that has yielded has the result %d and the error %v, want 7", v, err)
			}
		})
	}
}
