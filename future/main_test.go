package future_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

type none = struct{}

// newLoop makes a loop with a virtual clock.
func newLoop(opts ...loop.Option) *loop.Loop {
	return loop.New(append([]loop.Option{loop.WithVirtualTime()}, opts...)...)
}

// testLoop makes a loop with a virtual clock, which is closed at the end of the test.
func testLoop(t *testing.T, opts ...loop.Option) *loop.Loop {
	l := newLoop(opts...)
	t.Cleanup(l.Close)
	return l
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

func mustPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, want) {
			t.Errorf("panic %q; want one with %q", text, want)
		}
	}()
	fn()
}
