package looptest_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// told is a writer that passes each text to a function.
type told func(text string)

func (h told) Write(text []byte) (int, error) { h(string(text)); return len(text), nil }

// If a body blocks, the watchdog of debug mode logs where, before the time limit of the test binary
// ends all tests. In a synctest bubble the watchdog's time passes at once.
func TestRunOfABodyThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan none)
		var text string
		testkit.LogTo(t, slog.NewTextHandler(told(func(line string) {
			text += line
			close(free)
		}), nil))
		looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
			worker := spawn(ctx, "worker", func(context.Context) error { <-free; return nil })
			_ = task.Yield(ctx)
			_ = worker.Wait(ctx)
		})
		for _, want := range []string{`task \"worker\" blocks the loop`, "TestRunOfABodyThatBlocks"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log has no %q: %s", want, text)
			}
		}
	})
}

// A busy machine makes a step slow, or the body does much. A replay, and the run for the report of Explore,
// do not log that.
func TestReplayOfASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		testkit.LogTo(t, slog.NewTextHandler(told(func(line string) { t.Errorf("logged: %s", line) }), nil))
		slow := func(ctx context.Context, t *looptest.T) {
			time.Sleep(time.Second) // of the bubble
			t.Error("slow")
		}
		r := record(t, func(tb testing.TB) {
			looptest.Explore(tb, looptest.Sample(1, 1), slow)
		})
		contains(t, r.report(), ": slow\n")
		again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), slow) })
		contains(t, again.report(), ": slow\n")
	})
}
