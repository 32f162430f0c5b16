package host

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/internal/waiter"
	"github.com/takt-go/takt/task/lock"
)

// turns keeps the calls on one file in order. A call runs alone, or shares the file with others that share
// it. Calls begin in the order in which their tasks ask: a call does not overtake one that it could not run
// beside.
type turns struct {
	gate    lock.Mutex     // held by the call that runs alone or is next to run, and by others for a moment
	sharing int            // the calls that share the file
	idle    *waiter.Waiter // of the call that holds the gate and waits for sharing to be 0
}

func (o *turns) share(ctx context.Context) error {
	if err := o.gate.Lock(ctx); err != nil {
		return err
	}
	o.sharing++
	o.gate.Unlock()
	return nil
}

func (o *turns) endShare() {
	o.sharing--
	if o.sharing == 0 && o.idle != nil {
		o.idle.Set()
	}
}

func (o *turns) alone(ctx context.Context) error {
	if err := o.gate.Lock(ctx); err != nil {
		return err
	}
	if o.sharing == 0 {
		return nil
	}
	granted := false
	defer func() {
		if !granted {
			o.gate.Unlock()
		}
	}()
	o.idle = waiter.New(ctx, o)
	if err := o.idle.Wait(ctx); err != nil {
		return err
	}
	granted = true
	return nil
}

func (o *turns) endAlone() { o.gate.Unlock() }

// Describe describes what idle waits for.
func (o *turns) Describe() (string, []loop.Awaitable) { return "the end of other calls on a file", nil }
