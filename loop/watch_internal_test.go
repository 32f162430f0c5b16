package loop

import (
	"context"
	"testing"
)

// Until the loop sleeps for the first time, a watch leaves nothing at its context. A context that ends
// between See and Take makes the next turn look again.
func TestWatchBeforeTheLoopSleeps(t *testing.T) {
	l := New()
	defer l.Close()
	inner, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctx := &counting{Context: inner}
	w := l.addWatch(&watch{ctx: ctx, task: new(Task), all: true})
	if ctx.afters != 0 {
		t.Errorf("%d functions wait for the context before the loop sleeps", ctx.afters)
	}
	for range 2 {
		l.outside.Sleep()
		l.outside.Wake()
	}
	second := l.addWatch(&watch{ctx: ctx, task: new(Task), all: true})
	l.outside.Sleep()
	l.outside.Wake()
	if ctx.afters != 2 {
		t.Errorf("%d functions wait for the context, want one for each of 2 watches", ctx.afters)
	}
	l.watches.See()
	cancel()
	l.watches.Take()
	if !w.on || !second.on || !l.outside.News() {
		t.Error("the end between See and Take was taken at once, or the next turn does not look again")
	}
	l.unwatch(w)
	l.unwatch(second)
	if ctx.afters != 0 {
		t.Errorf("%d functions wait for the context in the end", ctx.afters)
	}
}

// counting counts the functions of context.AfterFunc that wait for its end.
type counting struct {
	context.Context
	afters int
}

func (c *counting) AfterFunc(f func()) (stop func() bool) {
	c.afters++
	return func() bool { c.afters--; return true }
}

func (c *counting) Value(key any) any { return nil } // otherwise package context looks for its own type
