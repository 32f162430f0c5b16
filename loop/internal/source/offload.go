package source

import (
	"slices"
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// Offloads is the source of calls that run on goroutines of their own. When a call has returned, its
// follow-up, a Runnable, goes to the ready queue.
type Offloads struct {
	Nothing
	// If Ordered is true, Take does nothing. Then only [Offloads.TakeOldest] hands over the
	// follow-ups, in the order in which the calls were made.
	Ordered bool

	hub     *Hub
	to      *ready.Queue
	calls   []*offload
	working sync.WaitGroup
}

// An offload is one call.
type offload struct {
	then     ready.Runnable // the follow-up
	finished chan struct{}
	seen     bool // See has found that the call has finished
}

// Init makes o ready for use. The follow-ups go to the queue to.
func (o *Offloads) Init(hub *Hub, to *ready.Queue) { o.hub, o.to = hub, to }

// Len returns the number of calls with a follow-up that was not handed over yet.
func (o *Offloads) Len() int { return len(o.calls) }

// Go calls work on a new goroutine. then is the follow-up. work must not panic.
func (o *Offloads) Go(work func(), then ready.Runnable) {
	call := &offload{then: then, finished: make(chan struct{})}
	o.calls = append(o.calls, call)
	o.hub.Expect(1)
	o.working.Add(1)
	go func() {
		defer o.working.Done()
		defer o.hub.Nudge()
		defer close(call.finished)
		work()
	}()
}

// See notes which calls have finished. Everything that such a call did before its end, such as a
// Post, is visible to the hub now. From now on the call also counts as watched, until Take or
// TakeOldest hands its follow-up over. This is necessary because the nudge of the call is used up,
// and Take may leave the call for later, or a panic may keep the hub from calling Take.
func (o *Offloads) See() {
	if !o.hub.asked { // each call nudges at its end
		return
	}
	for _, call := range o.calls {
		select {
		case <-call.finished:
			if !call.seen {
				call.seen = true
				o.hub.Watch(1)
			}
		default:
		}
	}
}

// forget updates the hub's counts for a call that leaves calls.
func (o *Offloads) forget(call *offload) {
	o.hub.Expect(-1)
	if call.seen {
		o.hub.Watch(-1)
	}
}

// Take moves the follow-ups of the calls that See has found finished to the queue.
func (o *Offloads) Take() {
	if o.Ordered {
		return
	}
	o.calls = slices.DeleteFunc(o.calls, func(call *offload) bool {
		if call.seen {
			o.forget(call)
			o.to.Push(call.then)
		}
		return call.seen
	})
}

// TakeOldest moves the follow-up of the oldest call to the queue, if See has found that call finished. It
// reports whether it has moved one.
func (o *Offloads) TakeOldest() bool {
	if len(o.calls) == 0 || !o.calls[0].seen {
		return false
	}
	o.forget(o.calls[0])
	o.to.Push(o.calls[0].then)
	o.calls = slices.Delete(o.calls, 0, 1)
	return true
}

// Await waits until all calls have returned, and then calls run with each follow-up. If run calls
// Goexit, Await still calls run with the other follow-ups.
func (o *Offloads) Await(run func(ready.Runnable)) {
	o.working.Wait()
	defer func() {
		if len(o.calls) > 0 {
			o.Await(run)
		}
	}()
	for len(o.calls) > 0 {
		call := o.calls[0]
		o.calls = o.calls[1:]
		o.forget(call)
		run(call.then)
	}
}
