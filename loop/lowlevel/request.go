package lowlevel

import (
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/source"
)

// A Request is a post of a goroutine that waits for an answer from the loop. If the loop is closed, the
// goroutine must not wait for ever, so the Request tells it. The zero Request is ready to use, for one Post.
// A Request is a part of the object that gets the answer, so it allocates nothing. It must not be copied
// after Post.
type Request struct {
	loop *loop.Loop
	r    source.Request
}

// Post hands fn to l, as [loop.Loop.Post] does, and returns the same errors. If Post returns nil, and the loop is
// closed before End is called, [loop.Loop.Close] runs closed, on its own goroutine, before it unwinds the
// tasks. fn may have run before that, or else never runs. closed must not block, and must not use the
// loop. Several Requests are told in the order of their posts. Post is safe from any goroutine.
func (r *Request) Post(l *loop.Loop, fn func(), closed loop.Runnable) error {
	if r.loop != nil || fn == nil || closed == nil {
		panic("loop: Post of a Request that was posted before, or without a function for the loop, or without a Runnable for its end; give each new Request both")
	}
	r.loop = l
	return loop.Internals.Request(l, &r.r, fn, closed)
}

// Loop returns the loop that Post was given, or nil before Post.
func (r *Request) Loop() *loop.Loop { return r.loop }

// End ends the Request: the answer is there. From then on closed does not begin to run any more. A second End does
// nothing, and neither does End of a Request that the loop has refused. End is safe from any goroutine.
func (r *Request) End() {
	if r.loop != nil {
		loop.Internals.EndRequest(r.loop, &r.r)
	}
}
