package source

import (
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// Wakers is the source of the calls of Wake. It has the Wakers of a loop that are not stopped, in order
// of making.
//
// A Waker that was called is on a stack, until the loop takes it in. The stack is linked through the
// Wakers, so a call allocates nothing, and an idle Waker costs a turn nothing. The head of the stack is
// a word of the hub. [Inbox.Take] takes the whole stack while no goroutine can post. So the loop sees
// the posts and the calls of one moment: if a goroutine posts and then calls Wake, or does both in the
// other order, the loop never takes in the second event without the first.
type Wakers struct {
	Nothing
	hub         *Hub
	first, last *Waker
	n           int
	running     sync.WaitGroup // the goroutines of Go
}

// A Waker puts a Runnable on the ready queue when a goroutine asks for it: see Waker in package lowlevel.
type Waker struct {
	in         *Wakers
	woken      ready.Runnable
	closed     func()
	prev, next *Waker // in the list of Wakers

	// The mutex makes a second Wake wait until the first one has put the Waker on the stack, and has
	// nudged the hub. So the order of events also holds for what the second caller does next.
	mu     sync.Mutex
	called bool   // the Waker is on the stack
	over   bool   // the Waker was stopped, or closed; only the loop's goroutine changes it
	below  *Waker // the next one on the stack
}

// Init makes ws ready for use.
func (ws *Wakers) Init(hub *Hub) { ws.hub = hub }

// Len returns the number of Wakers that are not stopped.
func (ws *Wakers) Len() int { return ws.n }

// Add adds w. The loop runs woken after a Wake. closed is for End.
func (ws *Wakers) Add(w *Waker, woken ready.Runnable, closed func()) {
	w.in, w.woken, w.closed, w.prev = ws, woken, closed, ws.last
	if ws.last == nil {
		ws.first = w
	} else {
		ws.last.next = w
	}
	ws.last = w
	ws.n++
}

// Made reports whether w was given to Add.
func (w *Waker) Made() bool { return w.in != nil }

// Wake puts w on the stack, unless it is there already, or is stopped. It is safe from any goroutine.
func (w *Waker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.called || w.over {
		return
	}
	w.called = true
	head := &w.in.hub.called
	for {
		w.below = head.Load()
		if head.CompareAndSwap(w.below, w) {
			break
		}
	}
	w.in.hub.Nudge()
}

// takeCalled empties the stack, and returns what was its head.
func (h *Hub) takeCalled() *Waker {
	if h.called.Load() == nil { // the usual case
		return nil
	}
	return h.called.Swap(nil)
}

// handOver moves a stack of Wakers to the queue to. The order is that of their first calls.
func handOver(head *Waker, to *ready.Queue) {
	var first *Waker
	for head != nil { // turns the stack round
		below := head.below
		head.below = first
		first, head = head, below
	}
	for w := first; w != nil; {
		next := w.below // from now on a new Wake may change below
		w.mu.Lock()
		w.called, w.below = false, nil
		w.mu.Unlock()
		to.Push(w)
		w = next
	}
}

// Run is called from the ready queue.
func (w *Waker) Run() {
	if !w.over {
		w.woken.Run()
	}
}

// Over reports whether w was stopped, or closed.
func (w *Waker) Over() bool { return w.over }

// Stop stops w. From now on woken does not run.
func (w *Waker) Stop() {
	if w.over {
		return
	}
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	ws := w.in
	if w.prev == nil {
		ws.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		ws.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	ws.n--
}

// Go calls f on a new goroutine. Wait waits for its end.
func (w *Waker) Go(f func()) { w.in.running.Go(f) }

// End stops the Wakers that are left, oldest first, and calls run with closed of each. If run calls
// Goexit, End still stops the others.
func (ws *Wakers) End(run func(ready.Runnable)) {
	defer func() {
		if ws.first != nil {
			ws.End(run)
		}
	}()
	for ws.first != nil {
		w := ws.first
		w.Stop()
		run(ready.Func(w.closed))
	}
}

// Wait waits for the goroutines of Go. Call it after End.
func (ws *Wakers) Wait() { ws.running.Wait() }

// MayCome reports whether a Waker is not stopped.
func (ws *Wakers) MayCome() bool { return ws.n > 0 }

// Hint says what to do if a goroutine will call Wake, because a virtual clock does not wait for that.
func (ws *Wakers) Hint() string {
	if ws.n == 0 {
		return ""
	}
	return "if another goroutine will call Wake of a Waker, announce it by Loop.Hold"
}

// Close drops the stack.
func (ws *Wakers) Close() { ws.hub.called.Store(nil) }
