package looptest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"takt2:AAAAAAA", "takt2:AAACAAEBAQABAAEAAAE", "takt2:AAAAAQJhYgECAAE", "takt2:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again, err := looptest.Reparse(text)
		if err != nil {
			return
		}
		if once, err := looptest.Reparse(again); err != nil || once != again {
			t.Errorf("%q is written as %q, and this text is written as %q, %v", text, again, once, err)
		}
	})
}

// FuzzReplay replays any text. Replay refuses the text, or runs the body once. It never panics, and
// its messages have a bounded length.
func FuzzReplay(f *testing.F) {
	for _, text := range []string{
		"takt2:AAAAAAA", "takt2:AAACAAEBAQABAAEAAAE", "takt2:AAAAAQJhYgECAAE", "takt2:", "takt2", "", "takt1:AAA", "takt2:\x00",
		"takt2:AP___________wEBAP____8HAAEB", // large numbers
		"takt2:AwACAAEBAQABAAEAAAE",          // eager, and time may pass
		"takt2:" + strings.Repeat("A", 300), strings.Repeat("\xff", 300),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		begun, ended := 0, 0
		body := func(ctx context.Context, t *looptest.T) {
			begun++
			children := make([]part, 3)
			for i := range children {
				children[i] = func(ctx context.Context) {
					pauses(ctx, 1)
					_ = task.Sleep(ctx, time.Duration(i)*time.Millisecond)
				}
			}
			together(ctx, t, children...)
			ended++
		}
		panicked := true
		r := record(t, func(tb testing.TB) {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("Replay panics: %v", v)
				}
			}()
			looptest.Replay(tb, text, body)
			panicked = false
		})
		_, refused := looptest.Reparse(text)
		switch {
		case refused != nil && (begun != 0 || !r.Failed()):
			t.Errorf("the text is not a schedule, but the body ran %d times; failed: %v", begun, r.Failed())
		case refused == nil && (begun != 1 || ended != 1 || panicked):
			t.Errorf("the body began %d times and ended %d times; Replay returned: %v", begun, ended, !panicked)
		}
		said := r.report() + strings.Join(r.logs, "\n")
		if strings.Contains(said, "runtime error") || strings.Contains(said, "panic") || len(said) > 10_000 {
			t.Errorf("Replay says, in %d bytes: %.1000s", len(said), said)
		}
		if r.Failed() && r.report() == "" {
			t.Error("the test failed without a message")
		}
	})
}
