package factory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// On js the runtime has a goroutine of its own, which waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

type none = struct{}

// newLoop makes a loop with a virtual clock and a journal of its events, those of
// timers and of idleness left out, that the end of the test closes.
func newLoop(t *testing.T, f loop.TaskFactory) (*loop.Loop, *journal) {
	log := new(journal)
	l := loop.New(loop.WithClock(timer.NewVirtual()), loop.WithTaskFactory(f), loop.WithObserver(func(e loop.Event) {
		if e.Kind < loop.TimerArmed {
			log.add("[%v %s]", e.Kind, e.Task.Name())
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
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Name(name))
}

// machine makes a stackless task that calls body and ends.
func machine(ctx context.Context, name string, body func(context.Context) error) *task.Task[none] {
	return task.GoMachine(ctx, task.MachineFunc[none](func(ctx context.Context, err error) (none, task.Suspension, error) {
		return none{}, task.End(), body(ctx)
	}), task.Name(name))
}

// journal is what a program wrote down, in order.
type journal []string

func (j *journal) add(format string, args ...any) { *j = append(*j, fmt.Sprintf(format, args...)) }

func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := *j; !slices.Equal(got, want) {
		t.Errorf("wrong order of events\n got: %s\nwant: %s", strings.Join(got, " | "), strings.Join(want, " | "))
	}
	*j = nil
}
