package task

import (
	"context"
	"fmt"
	"reflect"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A signal is what a combinator waits on: a waiter that something else, a future that
// completes or a timer, sets by running it.
type signal = waiter.Waiter

// newSignal makes a signal. what it stands for, and what that waits for, are told to
// those who ask what a task awaits; on may be nil.
func newSignal(ctx context.Context, what string, on func() []loop.Awaitable) *signal {
	return waiter.New(ctx, &purpose{what, on})
}

type purpose struct {
	what string
	on   func() []loop.Awaitable
}

func (p *purpose) Describe() (string, []loop.Awaitable) {
	if p.on == nil {
		return p.what, nil
	}
	return p.what, p.on()
}

// mustBeGiven panics if one of the awaitables that a function is given is nil.
func mustBeGiven[A any](of []A) {
	for at, a := range of {
		if isNil(a) {
			panic(fmt.Sprintf("task: argument %d is a nil %T; give it a task or future", at+1, a))
		}
	}
}

// isNil reports whether a is nil, or a nil pointer in an interface.
func isNil(a any) bool {
	v := reflect.ValueOf(a)
	return a == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

// pendingOf returns those of the awaitables that are not done.
func pendingOf[A future.Any](of []A) func() []loop.Awaitable {
	return func() []loop.Awaitable {
		var all []loop.Awaitable
		for _, a := range of {
			if !a.Done() {
				all = append(all, a.Self())
			}
		}
		return all
	}
}
