package task

import (
	"context"
	"fmt"
	"reflect"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/internal/waiter"
)

// A signal is a waiter for which a combinator waits, such as [Wait]. A completed future or a timer
// runs the signal, and so sets it.
type signal = waiter.Waiter

// newSignal makes a signal. Deadlock reports and graphs describe the wait by the text what, and by
// the awaitables that on returns. on may be nil.
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

// mustBeGiven panics if one of the awaitables is nil.
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

// pendingOf returns a function that lists the awaitables that are not done.
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
