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

// FuzzDeposits explores a program without a bug. See TestFuzz for one with a bug.
func FuzzDeposits(f *testing.F) { looptest.Fuzz(f, fixed) }

// An input is a schedule: each byte is an option. A failure is reported as that of Explore.
func TestFuzz(t *testing.T) {
	run := func(body looptest.Body, fuzzing bool, input []byte, opts ...looptest.Option) *recording {
		return record(t, func(tb testing.TB) { looptest.RunInput(tb, body, input, fuzzing, opts...) })
	}
	for _, input := range [][]byte{nil, {}, {0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if r := run(deposits, false, input); r.Failed() {
			t.Errorf("%v: %s", input, r.report())
		}
	}
	for _, fuzzing := range []bool{false, true} {
		r := run(deposits, fuzzing, []byte{255, 2, 0, 0})
		contains(t, r.report(), "the balance is 50, want 100", "It fails with 1 deviation from first in, first out (Fuzz). To replay this schedule:", "The interleaving")
		if strings.Contains(r.report(), "exactly those in which") == fuzzing || len(r.errors) != 1 {
			t.Errorf("fuzzing %v: %s", fuzzing, r.report())
		}
		again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), deposits) })
		contains(t, again.report(), "the balance is 50, want 100")
	}
	eager := func(_ context.Context, t *looptest.T) { t.Chance("x", .5) }
	if r := run(eager, false, []byte{1}, looptest.BothFactories()); r.Failed() {
		t.Error(r.report())
	}
}

// The bytes are the values of the choices, and the seed of the noise.
func TestFuzzChoices(t *testing.T) {
	type drawn struct {
		small, large int
		noise, other uint64
		chance       bool
	}
	var got drawn
	body := func(_ context.Context, t *looptest.T) {
		got = drawn{small: t.Choose("small", 7), large: t.Choose("large", 1000)}
		got.noise, got.other = t.Rand("noise").Uint64(), t.Rand("other").Uint64()
		got.chance = t.Chance("chance", .01)
		if got.chance {
			t.Error("chance")
		}
	}
	input := []byte{3 + 7, 999 & 0xff, 999 >> 8, 1, 2, 3, 4, 5, 6, 7, 8, 1}
	looptest.RunInput(t, body, input[:11], false)
	first := got
	if got.small != 3 || got.large != 999 || got.chance {
		t.Errorf("%+v", got)
	}
	looptest.RunInput(t, body, append([]byte{4, 0, 0}, input[3:11]...), false)
	if got.noise != first.noise || got.other != first.other || got.small != 4 || got.large != 0 {
		t.Errorf("the noise depends on other bytes: %+v, %+v", first, got)
	}
	looptest.RunInput(t, body, input[:3], false)
	if got.noise == first.noise || got.small != 3 || got.large != 999 {
		t.Errorf("without bytes for the seed: %+v", got)
	}
	r := record(t, func(tb testing.TB) { looptest.RunInput(tb, body, input, true, looptest.MinimiseFor(0)) })
	found := got
	if found.small != 3 || found.large != 999 || found.noise != first.noise || !found.chance {
		t.Errorf("%+v; %s", found, r.report())
	}
	// A schedule is written as the input that gives it.
	schedule := r.replay()
	if again := looptest.InputOf(t, schedule, body); string(again) != "\x03"+string(input[1:]) {
		t.Errorf("the input of %s is %v, want that of %v", schedule, again, input)
	}
	if got != found {
		t.Errorf("%+v, want %+v", got, found)
	}
}
