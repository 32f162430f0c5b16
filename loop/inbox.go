package loop

import (
	"sync"
	"sync/atomic"
)

// inbox takes functions from other goroutines.
type inbox struct {
	some   atomic.Bool   // whether posts is worth a look
	wake   chan struct{} // of size 1: a token for a loop that sleeps
	owed   atomic.Int64  // what Hold announced
	mu     sync.Mutex
	posts  []func()
	spare  []func() // the slice that the loop emptied last
	closed bool
}

// Post runs fn on the loop, from any goroutine. It wakes the loop if it sleeps;
// if the loop is not running, fn waits until it does. Functions of one poster run
// in the order in which it posted them, in the next turn, behind what is ready and
// before the timers that are due.
// A panic in fn goes to the error handler.
//
// Post returns [ErrClosed], and fn never runs, if the loop is closed. A nil error
// says that fn was taken; should the loop be closed before it runs again, fn is
// dropped.
func (l *Loop) Post(fn func()) error {
	l.mustBeMade("Post")
	call := callback("Post", fn)
	in := &l.inbox
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return ErrClosed
	}
	in.posts = append(in.posts, call)
	in.mu.Unlock()
	l.nudge()
	return nil
}

// nudge makes the loop look around at the beginning of its next turn, and wakes
// it if it sleeps. It is safe from any goroutine: the loop says that it is going
// to sleep before it looks at some for the last time.
func (l *Loop) nudge() {
	l.inbox.some.Store(true)
	if !l.waiting.Load() {
		return
	}
	select {
	case l.inbox.wake <- struct{}{}:
	default:
	}
}

// Hold announces that something outside the loop is going to Post: until
// release is called, the loop does not take itself for deadlocked, and a virtual
// clock does not jump. Both are safe from any goroutine; releasing again does
// nothing.
//
// So what is posted before release runs at the instant at which Hold was called, or at a
// later one only if the loop's own code has moved a virtual clock. Its place among what
// else is ready at that instant is that of real time: it runs in the turn after the one
// in which it comes, and the posts of several goroutines run in the order in which they
// come, not in the order of Hold. Where several results shall come in an order that
// follows from the program, use [Loop.Offload] or task.Blocking, or let one goroutine post
// all of them.
func (l *Loop) Hold() (release func()) {
	l.mustBeMade("Hold")
	l.inbox.owed.Add(1)
	return sync.OnceFunc(func() {
		l.inbox.owed.Add(-1)
		l.nudge()
	})
}

// maxSpare is how much room for posts is kept after a burst.
const maxSpare = 1 << 14

// drain moves what was posted to the ready queue.
func (l *Loop) drain() {
	in := &l.inbox
	in.mu.Lock()
	posts := in.posts
	in.posts, in.spare = in.spare[:0], nil
	in.mu.Unlock()
	for i, fn := range posts {
		l.ready.Push(Func(fn))
		posts[i] = nil
	}
	if cap(posts) <= maxSpare {
		in.spare = posts // only the loop touches spare outside the lock
	}
	if l.observer != nil {
		for range posts {
			l.observe(Event{Kind: Posted})
		}
	}
}
