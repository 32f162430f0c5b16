package factory_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

type none = struct{}

// newLoop makes a loop with a virtual clock, and a journal of its events, without the events
// of timers and of idleness. The loop is closed at the end of the test.
func newLoop(t *testing.T, f loop.TaskFactory) (*loop.Loop, *looptest.Journal) {
	log := new(looptest.Journal)
	l := loop.New(loop.WithVirtualTime(), loop.WithTaskFactory(f), loop.WithObserver(func(e loop.Event) {
		if e.Kind < loop.TimerArmed {
			log.Add("[%v %s]", e.Kind, e.Task.Name())
		}
	}))
	t.Cleanup(l.Close)
	return l, log
}

func run(t *testing.T, l *loop.Loop) {
	t.Helper()
	if err := l.Run(); err != nil {
		t.Fatalf("Run: %v", err)
	}
}

func spawn(ctx context.Context, name string, body func(context.Context) error) *task.Task[none] {
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Named(name))
}

// machine makes a stackless task that calls body and ends.
func machine(ctx context.Context, name string, body func(context.Context) error) *task.Task[none] {
	return task.GoMachine(ctx, task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
		return none{}, task.End(), body(ctx)
	}), task.Named(name))
}
