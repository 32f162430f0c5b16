package task_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// combined is a program with all functions that combine tasks. A Goexit may end any task of it. So
// tasks wait for each other only by a combinator.
func combined(l *loop.Loop) {
	ctx := l.Context()
	second := gives(time.Second, 1)
	task.Go(ctx, func(ctx context.Context) (int, error) {
		return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for range 2 {
				_, _ = task.GoIn(g, gives(time.Hour, 1))
			}
			_, _ = task.GoIn(g, fails(0, errBoom))
			return task.Sleep(ctx, time.Hour)
		})
	}, task.Named("group that fails"))
	task.Go(ctx, func(ctx context.Context) (int, error) {
		return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for range 2 {
				_, _ = task.GoIn(g, gives(time.Hour, 1))
			}
			g.Cancel()
			return nil
		})
	}, task.Named("group that is canceled"))
	task.Go(ctx, func(ctx context.Context) ([]int, error) {
		return task.Gather(task.Go(ctx, second), task.Go(ctx, second)).Await(ctx)
	}, task.Named("gather"))
	gather := task.Go(ctx, func(ctx context.Context) ([]int, error) {
		return task.Gather(task.Go(ctx, second), task.Go(ctx, second)).Await(ctx)
	}, task.Named("gather that is canceled"))
	l.CallLater(time.Millisecond, func() { gather.Cancel(nil) })
	task.Go(ctx, func(ctx context.Context) (int, error) {
		return task.WaitFor(ctx, task.Shield(task.Go(ctx, second)), time.Millisecond)
	}, task.Named("shield"))
	task.Go(ctx, func(ctx context.Context) (int, error) {
		_, _, err := task.Wait(ctx, task.NoLimit, task.FirstCompleted, task.Go(ctx, second), task.Go(ctx, second))
		return 0, err
	}, task.Named("wait"))
	task.Go(ctx, func(ctx context.Context) (int, error) {
		for _, err := range task.AsCompleted(ctx, time.Minute, task.Go(ctx, second), task.Go(ctx, second)) {
			if err != nil {
				return 0, err
			}
		}
		return 0, nil
	}, task.Named("as completed"))
	e, q, s := new(lock.Event), queue.New[int](0), lock.NewSemaphore(0)
	for range 3 {
		task.Go(ctx, func(ctx context.Context) (int, error) { return 0, e.Wait(ctx) })
		task.Go(ctx, q.Get)
		task.Go(ctx, func(ctx context.Context) (int, error) { return 0, s.Acquire(ctx) })
	}
	l.CallLater(time.Second, e.Set)
	l.CallLater(time.Second, func() { q.Shutdown(false) })
	for range 3 {
		l.CallLater(time.Second, s.Release)
	}
}

// An observer may call Goexit at any event. The other tasks still end: a second Run finds no
// deadlock.
func TestGoexitOfAnObserverKeepsNobodyWaiting(t *testing.T) {
	for name, start := range map[string]loop.TaskFactory{"lazy": factory.Lazy, "eager": factory.Eager} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				events, hit := 0, loop.Event{}
				var l *loop.Loop
				l = virtual(t, loop.WithTaskFactory(start), loop.WithErrorHandler(func(loop.Failure) {}),
					loop.WithObserver(func(e loop.Event) {
						if l.Running() {
							events++
						}
						if events == n {
							hit = e
							runtime.Goexit()
						}
					}))
				combined(l)
				exits := 0
				for ; exits < 3; exits++ {
					if !driverExits(func() {
						if err := l.Run(); err != nil {
							t.Errorf("Run: %v", err)
						}
					}) {
						break
					}
				}
				if left := slices.Collect(l.Tasks()); len(left) > 0 || exits > 1 || l.Elapsed() > time.Minute {
					t.Errorf("there were %d exits, the time is %v, and these tasks are left: %v", exits, l.Elapsed(), left)
				}
				l.Close()
				if events < n {
					return
				}
				if t.Failed() {
					t.Fatalf("with a Goexit at event %d: %s", n, fmt.Sprintf("%v %v by %v", hit.Kind, hit.Task, hit.By))
				}
			}
		})
	}
}

// driverExits runs fn on a goroutine of its own, and reports whether a Goexit ended that goroutine.
func driverExits(fn func()) (exits bool) {
	over := make(chan struct{})
	exits = true
	go func() {
		defer close(over)
		fn()
		exits = false
	}()
	<-over
	return exits
}

// late is a Body that wraps another one, and panics after the Step of that one.
type late struct{ lowlevel.Body }

func (b late) Step(t *loop.Task, err error) loop.Suspension {
	defer panic(errBoom)
	return b.Body.Step(t, err)
}

// If the wrapper that Wrap has set panics after the body has ended, the panic goes to the error
// handler, and the task keeps its result.
func TestWrapThatPanicsBehindTheBody(t *testing.T) {
	var told failures
	l := virtual(t, told.option(), loop.WithTaskFactory(factory.NewLazy(func(t *loop.Task, _ future.Any) {
		lowlevel.Wrap(t, func(b lowlevel.Body) lowlevel.Body { return late{b} })
	})))
	one := func(context.Context) (int, error) { return 1, nil }
	x := task.Go(l.Context(), one, task.Named("stackful"))
	y := task.GoMachine(l.Context(), task.MachineFunc[int](func(context.Context, error) (int, task.Suspension, error) {
		return 1, task.End(), nil
	}), task.Named("stackless"))
	testkit.Equal(t, "Run", l.Run(), nil)
	for _, x := range []*task.Task[int]{x, y} {
		v, err := x.Result()
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	}
	told.want(t, `a callback panicked: stackful: panic in task "stackful": boom`,
		`a callback panicked: stackless: panic in task "stackless": boom`)
}
