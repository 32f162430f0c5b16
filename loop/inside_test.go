package loop_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

func TestInside(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"": nil, "in debug mode": {loop.WithSlowStep(time.Hour)}} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, append(opts, loop.WithVirtualTime())...)
			var log looptest.Journal
			is := func(where string) { log.Add("%s: %t", where, lowlevel.Inside()) }
			is("host")
			l.CallSoon(func() { is("callback") })
			_ = l.Post(func() { is("post") })
			spawn(l.Context(), "task", func(ctx context.Context) error {
				is("body")
				err := task.Yield(ctx)
				var deep func(n int)
				deep = func(n int) {
					if n > 0 {
						deep(n - 1)
						return
					}
					is("deep down in a body")
				}
				deep(1000)
				_, _ = task.Blocking(ctx, func(context.Context) (none, error) {
					is("blocking call")
					return none{}, nil
				})
				return err
			})
			script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) {
				is("machine")
				return task.End(), nil
			})
			run(t, l)
			is("host")
			log.Want(t, "host: false", "callback: true", "body: true", "machine: true", "post: true",
				"deep down in a body: true", "blocking call: false", "host: false")
		})
	}
}

// A goroutine that was outside is inside while it drives a loop.
func TestInsideChangesForADriver(t *testing.T) {
	l := newLoop(t, loop.WithVirtualTime())
	var log looptest.Journal
	is := func(where string) { log.Add("%s: %t", where, lowlevel.Inside()) }
	for range 2 {
		is("host")
		l.CallSoon(func() { is("callback") })
		run(t, l)
	}
	is("host")
	log.Want(t, "host: false", "callback: true", "host: false", "callback: true", "host: false")
}

// The runtime uses the memory of goroutines that were outside for the goroutines of stacks.
func TestInsideOnTheGoroutinesOfOthers(t *testing.T) {
	const n = 200
	var over sync.WaitGroup
	hold := make(chan none)
	for range n {
		over.Go(func() {
			<-hold
			if lowlevel.Inside() {
				t.Error("a goroutine without a loop is inside")
			}
		})
	}
	close(hold)
	over.Wait()
	l := newLoop(t, loop.WithVirtualTime())
	in := 0
	for range n {
		spawn(l.Context(), "", func(ctx context.Context) error {
			err := task.Yield(ctx) // so each body needs a stack
			if lowlevel.Inside() {
				in++
			}
			return err
		})
	}
	run(t, l)
	if in != n {
		t.Errorf("%d of %d bodies are inside", in, n)
	}
}
