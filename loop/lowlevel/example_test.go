package lowlevel_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// An alarm is a future that is completed when a time has passed.
type alarm struct {
	future.Promise[time.Duration] // a future, and the right to complete it
	timer                         loop.Handle
}

func newAlarm(ctx context.Context, d time.Duration) *future.Future[time.Duration] {
	l := lowlevel.LoopOf(ctx)
	a := new(alarm)
	a.Init(l, a) // a is also the owner of the promise: see Cancel and Describe
	a.timer = l.CallLater(d, func() { a.Complete(l.Elapsed(), nil) })
	return &a.Future
}

// Cancel is called when code cancels the future. This owner completes it at once.
func (a *alarm) Cancel(cause error) bool {
	a.timer.Cancel()
	a.Complete(0, &loop.CanceledError{Cause: cause})
	return true
}

// Describe says what the future is, for deadlock reports and graphs.
func (a *alarm) Describe() (string, []loop.Awaitable) { return "an alarm", nil }

// A small awaitable: it is done when its time has come, or when it is canceled.
func Example() {
	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		now, err := newAlarm(ctx, time.Second).Await(ctx)
		fmt.Println("the alarm rings at", now, err)

		other := newAlarm(ctx, time.Hour)
		fmt.Println(other.Explain())
		other.Cancel(nil)
		_, err = other.Await(ctx)
		fmt.Println("the other alarm is", err)
		return 0, nil
	}, loop.WithVirtualTime())
	fmt.Println(err)
	// Output:
	// the alarm rings at 1s <nil>
	// an alarm []
	// the other alarm is canceled
	// <nil>
}
