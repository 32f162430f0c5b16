package source

import (
	"slices"
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// Offloads are calls that run on goroutines of their own. When a call has returned, what
// follows on it goes to the ready queue.
type Offloads struct {
	Nothing
	// Ordered makes Take leave the calls to [Offloads.TakeOldest], by which they end in
	// the order in which they were made.
	Ordered bool

	hub     *Hub
	to      *ready.Queue
	calls   []*offload
	working sync.WaitGroup
}

// An offload is one call.
type offload struct {
	then     ready.Runnable
	finished chan struct{}
	seen     bool // to have finished, by the loop
}

// Init makes offloads. What follows on a call goes to the queue to.
func (o *Offloads) Init(hub *Hub, to *ready.Queue) { o.hub, o.to = hub, to }

// Len is the number of calls that have not been followed up.
func (o *Offloads) Len() int { return len(o.calls) }

// Go calls work on a goroutine of its own; then is what follows. work must not panic.
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

// See notes which calls have finished. What they did before, such as a Post, is there to
// be seen from now on. Such a call is watched until what follows on it goes to the queue:
// the news of it is taken, and Take may leave it, or not be reached.
func (o *Offloads) See() {
	if !o.hub.asked { // the end of a call nudges
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

// forget is for a call that leaves calls: nothing comes of it any more.
func (o *Offloads) forget(call *offload) {
	o.hub.Expect(-1)
	if call.seen {
		o.hub.Watch(-1)
	}
}

// Take moves what follows on the calls that were seen to have finished to the queue.
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

// TakeOldest does that for the oldest call, if that was seen to have finished, and reports
// whether it was.
func (o *Offloads) TakeOldest() bool {
	if len(o.calls) == 0 || !o.calls[0].seen {
		return false
	}
	o.forget(o.calls[0])
	o.to.Push(o.calls[0].then)
	o.calls = slices.Delete(o.calls, 0, 1)
	return true
}

// Await waits for all calls to return, and gives run what follows on each. A Goexit in one
// of these keeps none of the others from being run.
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
