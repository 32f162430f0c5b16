package lock_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// A printer is a machine that prints for a second while it holds the mutex.
type printer struct {
	name    string
	mu      *lock.Mutex
	locking *future.Future[struct{}]
	locked  bool
}

func (p *printer) Resume(ctx context.Context, err error) (struct{}, task.Suspension, error) {
	switch {
	case p.locking == nil && err == nil:
		p.locking = p.mu.Locking(ctx)
		return struct{}{}, task.On(p.locking), nil
	case !p.locked && err == nil:
		p.locked = true
		fmt.Println(p.name, "prints")
		return struct{}{}, task.For(time.Second), nil
	}
	// The printer has printed, or was canceled. It may have the mutex in both cases.
	if p.locking != nil && !p.locking.Cancel(nil) && p.locking.Err() == nil {
		fmt.Println(p.name, "unlocks")
		p.mu.Unlock()
	}
	return struct{}{}, task.End(), err
}

// Three machines share a mutex. B is canceled while it waits, and A while it prints.
func ExampleMutex_Locking() {
	play(func(ctx context.Context) error {
		var mu lock.Mutex
		start := func(name string) *task.Task[struct{}] {
			return task.GoMachine(ctx, task.Machine[struct{}](&printer{name: name, mu: &mu}))
		}
		a, b, c := start("A"), start("B"), start("C")
		if err := task.Sleep(ctx, time.Second/2); err != nil {
			return err
		}
		b.Cancel(nil)
		a.Cancel(nil)
		err := c.Wait(ctx)
		fmt.Println("locked:", mu.Locked())
		return err
	})
	// Output:
	// A prints
	// A unlocks
	// C prints
	// C unlocks
	// locked: false
}
