package sim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// Three small programs: a store on a write-ahead log, a two-phase commit, and a lock service with leases. They use
// package host alone, so they would run on real machines. Each has bugs to switch on, which the faults of a world find.

// A flaw is a bug of a program. The empty flaw is none.
type flaw string

// A hunt explores a program with a flaw, which must be found within bar schedules.
type hunt struct {
	flaw flaw
	want string // in the report
}

// bar is more than ten times as much as most flaws need, with any seed.
const bar = 1000

// huntAll explores the program without a flaw, in a number of schedules, and then with each flaw. Under the race detector
// it runs few schedules, and only that detector's verdict counts.
func huntAll(t *testing.T, correct int, body func(ctx context.Context, t *looptest.T, w *sim.World, f flaw), hunts ...hunt) {
	with := func(f flaw) looptest.Body {
		return func(ctx context.Context, t *looptest.T) { body(ctx, t, sim.New(ctx, t), f) }
	}
	t.Run("correct", func(t *testing.T) {
		t.Parallel()
		if testkit.Race {
			correct /= 10
		}
		looptest.Explore(t, looptest.Sample(1, correct), with(""))
	})
	for _, h := range hunts {
		t.Run(string(h.flaw), func(t *testing.T) {
			t.Parallel()
			n := bar
			if testkit.Race {
				n = 20
			}
			r := record(t, func(tb testing.TB) {
				looptest.Explore(tb, looptest.Sample(1, n), with(h.flaw), looptest.MinimiseFor(0))
			})
			switch {
			case r.Failed():
				contains(t, r.report(), h.want)
			case n == bar:
				t.Fatalf("%d schedules do not find it", bar)
			}
		})
	}
}

// call sends a line to a server, and returns the line that it answers, all within a limit.
func call(ctx context.Context, h *host.Host, addr string, limit time.Duration, format string, args ...any) (string, error) {
	return task.Within(ctx, limit, func(ctx context.Context) (string, error) {
		c, err := h.Net.Dial(ctx, "tcp", addr)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, format+"\n", args...); err != nil {
			return "", err
		}
		return host.NewReader(c).ReadLine(ctx)
	})
}

// answers serves lines at port 7000, until ctx ends, or answer fails.
func answers(ctx context.Context, h *host.Host, answer func(ctx context.Context, command string, args []string) (string, error)) error {
	ln, err := h.Net.Listen(ctx, "tcp", ":7000")
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	report := func(err error) { h.Log.Info("failed", "err", err) }
	return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
		line, err := host.NewReader(c).ReadLine(ctx)
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		text, err := answer(ctx, words[0], words[1:])
		if err != nil {
			end(err)
			return err
		}
		_, err = fmt.Fprintln(c, text)
		return err
	}, host.WithGrace(0), host.WithErrorHandler(report))
}
