package loop_test

import (
	"context"
	"syscall/js"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// JavaScript's event loop gets its turn while the loop sleeps, and while the loop is busy: a callback
// of JavaScript runs, and posts.
func TestJavaScriptHasItsTurn(t *testing.T) {
	for name, main := range map[string]func(l *loop.Loop){
		"asleep without a timer": func(*loop.Loop) {},
		"asleep until a timer":   func(l *loop.Loop) { l.CallLater(time.Hour, func() { t.Error("the Post did not wake the loop") }) },
		"a task that yields": func(l *loop.Loop) {
			spawn(l.Context(), "busy", func(ctx context.Context) error {
				for {
					if err := task.Yield(ctx); err != nil {
						return err
					}
				}
			})
		},
		"callbacks that keep themselves busy": func(l *loop.Loop) {
			var again func()
			again = func() { l.CallSoon(again) }
			again()
			again()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for what, opts := range map[string][]loop.Option{
				"real clock":          {loop.WithClock(timer.NewSystem())},
				"virtual clock, held": nil,
			} {
				l := newLoop(t, opts...)
				if opts == nil {
					defer l.Hold()()
				}
				main(l)
				posted := false
				call := js.FuncOf(func(js.Value, []js.Value) any {
					_ = l.Post(func() { posted = true; l.Stop() })
					return nil
				})
				defer call.Release()
				js.Global().Call("setTimeout", call, 1)
				run(t, l)
				if !posted {
					t.Errorf("%s: Run returned before a function was posted", what)
				}
			}
		})
	}
}
