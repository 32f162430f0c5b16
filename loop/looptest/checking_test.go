package looptest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// What a check may do wrong is a failure of its property.
func TestAPropertyThatPanics(t *testing.T) {
	for name, c := range map[string]struct {
		holds func(ctx context.Context, t *looptest.T) error
		want  []string
	}{
		"panic":         {func(context.Context, *looptest.T) error { panic("ouch") }, []string{"Always(\"p\") does not hold after step 1 of main: it panicked: ouch\n\tat checking_test.go:"}},
		"panic(nil)":    {func(context.Context, *looptest.T) error { panic(nil) }, []string{`: it panicked: panic called with nil argument`}},
		"await":         {func(ctx context.Context, _ *looptest.T) error { return task.Yield(ctx) }, []string{`Always("p") does not hold after step 1 of main: it panicked: `}},
		"Fatal":         {func(_ context.Context, t *looptest.T) error { t.Fatal("no way"); return nil }, []string{": no way\n", `Always("p") does not hold after step 1 of main: it called FailNow`}},
		"Error":         {func(_ context.Context, t *looptest.T) error { t.Error("no way"); return nil }, []string{": no way\n"}},
		"Goexit":        {func(context.Context, *looptest.T) error { runtime.Goexit(); return nil }, []string{"runtime.Goexit ended the body"}},
		"a second name": {func(_ context.Context, t *looptest.T) error { t.Always("p", nil2); return nil }, []string{`it panicked: looptest: Always("p") in a run that has Always("p"); give`}},
	} {
		t.Run(name, func(t *testing.T) {
			body := func(ctx context.Context, t *looptest.T) {
				t.Always("p", func() error { return c.holds(ctx, t) })
				pauses(ctx, 2)
			}
			r := explore(t, few, body)
			contains(t, r.report(), append(c.want, "It fails first in, first out")...)
			atEnd := explore(t, few, func(ctx context.Context, t *looptest.T) {
				t.Eventually("p", func() error { return c.holds(ctx, t) })
			})
			for _, want := range c.want {
				contains(t, atEnd.report(), strings.NewReplacer(`Always("p") does not hold after step 1 of main`, `Eventually("p") does not hold in the end`, `has Always`, `has Eventually`).Replace(want))
			}
		})
	}
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		t.Always("p", func() error { t.Skip("not here"); return nil })
		pauses(ctx, 2)
		t.Error("not skipped")
	})
	if r.Failed() {
		t.Error(r.report())
	}
	r = explore(t, few, func(ctx context.Context, t *looptest.T) {
		t.Error("failed before")
		t.Always("p", func() error { t.Skip("not here"); return nil })
	})
	contains(t, r.report(), "failed before")
	if strings.Contains(r.report(), "does not hold") {
		t.Error(r.report())
	}
}

// A panic of the body is the failure, and not what it leaves behind.
func TestAPanicComesBeforeAProperty(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		broken := false
		t.Always("p", func() error { return not(broken, "broken") })
		t.Eventually("q", func() error { return not(broken, "broken") })
		task.Yield(ctx)
		broken = true
		panic("ouch")
	}
	r := explore(t, few, body)
	contains(t, r.report(), "panic in task \"main\": ouch")
	if strings.Contains(r.report(), "does not hold") {
		t.Error(r.report())
	}
}

// last is a strategy with one schedule, which takes the last option at every choice point.
type last struct{ done bool }

func (s *last) Begin(looptest.Exploration) looptest.Search { return s }
func (s *last) String() string                             { return "last" }
func (s *last) Pick(p *looptest.ChoicePoint) int           { return p.Len() - 1 }
func (s *last) Ran(looptest.Walk, looptest.Outcome)        {}
func (s *last) Next() looptest.Walk {
	if s.done {
		return nil
	}
	s.done = true
	return s
}

// If a callback breaks a property, and then time passes, the callback is named, and comes first.
func TestACallbackBeforeTimePasses(t *testing.T) {
	r := explore(t, &last{}, func(ctx context.Context, t *looptest.T) {
		broken := false
		t.Always("p", func() error { return not(broken, "broken") })
		l := lowlevel.LoopOf(ctx)
		defer l.CallLater(time.Second, func() {}).Cancel()
		l.CallSoon(func() { broken = t.Choose("break", 2) == 1 })
		together(ctx, t, func(ctx context.Context) { pauses(ctx, 3) })
	}, looptest.TimePasses(), looptest.MinimiseFor(0))
	contains(t, r.report(), `Always("p") does not hold after a callback at 0s, checked at 1s: broken`,
		"\t   2   0s        a callback\n\t       ! Always(\"p\"): broken\n\t   3 * 1s        time passes before the ready tasks run")
}
