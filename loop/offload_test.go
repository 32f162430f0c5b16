package loop_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A Post of a goroutine comes before the next thing that the same goroutine does, also if both happen
// while the loop takes in events.
func TestPostComesBeforeWhatThePosterDoesNext(t *testing.T) {
	for name, test := range map[string]func(l *loop.Loop, log *looptest.Journal) (next func()){
		"the end of an offloaded call": func(l *loop.Loop, log *looptest.Journal) func() {
			gate := make(chan none)
			lowlevel.Offload(l, func() {
				<-gate
				_ = l.Post(log.Callback("second post"))
			}, log.Callback("next"))

			return func() { close(gate) }
		},
		"the end of a context": func(l *loop.Loop, log *looptest.Journal) func() {
			var cancel context.CancelFunc
			spawn(l.Context(), "waiter", func(ctx context.Context) error {
				ctx, cancel = context.WithCancel(ctx)
				err := future.New[int](ctx).Wait(ctx)
				log.Add("next")
				return err
			})
			return func() {
				go func() {
					_ = l.Post(log.Callback("second post"))
					cancel()
				}()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log looptest.Journal
				var after func()
				l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithObserver(func(e loop.Event) {
					if e.Kind == loop.Posted && after != nil { // the loop takes in the first post
						next := after
						after = nil
						next()
						synctest.Wait()
					}
				}))
				next := test(l, &log)
				l.RunUntilIdle()
				after = next
				_ = l.Post(log.Callback("first post"))
				l.RunUntilIdle()
				log.Want(t, "first post", "second post", "next")
			})
		})
	}
}

// While the loop is being closed, Offload panics in a done function. So Close ends, and no done runs
// before its work has ended.
func TestCloseEndsAChainOfOffloads(t *testing.T) {
	var told []loop.Failure
	l := loop.New(toldTo(&told))
	works, dones := 0, 0
	var offload func()
	offload = func() {
		lowlevel.Offload(l, func() { works++ }, func() {
			if dones++; dones < 100 {
				offload()
			}
		})

	}
	offload()
	l.Close()
	if works != 1 || dones != 1 {
		t.Errorf("work ran %d times and done %d times, want once each", works, dones)
	}
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed {
		t.Errorf("the error handler got %v, want CallbackFailed", told)
	}
}

// While the loop is being closed, a task that a done function makes never runs, as a task that a body
// makes then.
func TestCloseEndsTheTaskThatADoneMakes(t *testing.T) {
	l := loop.New()
	var made *task.Task[none]
	lowlevel.Offload(l, func() {}, func() {
		made = spawn(l.Context(), "made", func(context.Context) error { t.Error("the task ran"); return nil })
	})

	l.Close()
	if !made.Done() || !errors.Is(made.Err(), future.ErrCanceled) {
		t.Errorf("the task %s, with the error %v", made.Task().Status(), made.Err())
	}
}
