package looptest_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// The text, and that the exploration ends, with Parallel too. TestMain finds goroutines that are left.
func TestAnOutsideStrategyThatFails(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		together(ctx, t, func(ctx context.Context) { pauses(ctx, 2) }, func(ctx context.Context) { pauses(ctx, 2) })
		t.Choose("site", 3)
	}
	among := func(site string, do func()) func(p *looptest.ChoicePoint) int {
		return func(p *looptest.ChoicePoint) int {
			if p.Site() == site {
				do()
			}
			return 0
		}
	}
	for _, c := range []struct {
		name string
		s    *outside
		want string
	}{
		{"an option too large", &outside{n: 10, pick: func(p *looptest.ChoicePoint) int { return p.Len() }},
			"looptest: the strategy outside panicked in Pick: looptest: a looptest_test.walkFunc picked option "},
		{"a negative option", &outside{n: 10, pick: func(p *looptest.ChoicePoint) int { return -1 }},
			"looptest: the strategy outside panicked in Pick: looptest: a looptest_test.walkFunc picked option -1 of "},
		{"a panic at a pick", &outside{n: 10, pick: among("", func() { panic(errors.New("ouch")) })},
			"looptest: the strategy outside panicked in Pick: ouch\n\tat strategy_fails_test.go:"},
		{"a panic at a choice", &outside{n: 10, pick: among("site", func() { panic("ouch") })},
			"looptest: the strategy outside panicked in Pick: ouch\n\tat strategy_fails_test.go:"},
		{"a Goexit at a pick", &outside{n: 10, pick: among("", runtime.Goexit)},
			"looptest: the strategy outside called runtime.Goexit in Pick; only the body may call FailNow"},
		{"a Goexit at a choice", &outside{n: 10, pick: among("site", runtime.Goexit)},
			"looptest: the strategy outside called runtime.Goexit in Pick; only the body may call FailNow"},
		{"a panic in Next", &outside{n: 10, next: func() looptest.Walk { panic("ouch") }},
			"looptest: the strategy outside panicked in Next: ouch\n\tat strategy_fails_test.go:"},
		{"a Goexit in Next", &outside{n: 10, next: func() looptest.Walk { runtime.Goexit(); return nil }},
			"looptest: the strategy outside called runtime.Goexit in Next"},
		{"a panic in Ran", &outside{n: 10, ran: func(looptest.Walk, looptest.Outcome) { panic("ouch") }},
			"looptest: the strategy outside panicked in Ran: ouch\n\tat strategy_fails_test.go:"},
		{"a Goexit in Ran", &outside{n: 10, ran: func(looptest.Walk, looptest.Outcome) { runtime.Goexit() }},
			"looptest: the strategy outside called runtime.Goexit in Ran"},
	} {
		for _, opts := range [][]looptest.Option{nil, {looptest.Parallel()}, {looptest.Eager(), looptest.TimePasses()}} {
			r := explore(t, c.s, body, opts...)
			if len(r.errors) != 1 || !strings.HasPrefix(r.report(), c.want) {
				t.Errorf("%s: %q, want %q", c.name, r.errors, c.want)
			}
		}
	}
	panics(t, "ouch", func() {
		looptest.Explore(&recording{TB: t}, &outside{begin: func(looptest.Exploration) { panic("ouch") }}, body)
	})
	panics(t, "looptest: Begin of the strategy nothing returned nil; return a Search", func() {
		looptest.Explore(&recording{TB: t}, nothing{}, body)
	})
}

// nothing is a strategy that forgets its search.
type nothing struct{}

func (nothing) String() string                             { return "nothing" }
func (nothing) Begin(looptest.Exploration) looptest.Search { return nil }
