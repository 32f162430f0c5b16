package lowlevel_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A realm has a clock that is slow, and ends while one of its tasks sleeps. The deferred call of the task runs.
func ExampleNewRealm() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	realm := lowlevel.NewRealm(l.Context())
	realm.SetClock(0, 0.5)
	worker := task.Go(realm.Context(), func(ctx context.Context) (int, error) {
		defer func() { fmt.Println("the worker cleans up at", l.Elapsed()) }()
		for {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return 0, err
			}
			fmt.Println("the worker works at", l.Elapsed())
		}
	})
	l.CallLater(5*time.Second, realm.End)
	_ = l.Run()

	var e *loop.CanceledError
	fmt.Println(errors.As(worker.Err(), &e) && e.Cause == lowlevel.ErrRealmEnded)
	// Output:
	// the worker works at 2s
	// the worker works at 4s
	// the worker cleans up at 5s
	// true
}
