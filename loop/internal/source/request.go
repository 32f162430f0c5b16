package source

import "github.com/takt-go/takt/loop/internal/ready"

// A Request is a post of a sender that waits for what comes of it. If the inbox begins to refuse all
// before the Request has ended, the inbox tells the sender.
//
// The inbox has the Requests that have not ended, in order of posting, in a list that is linked through
// them. So a Request allocates nothing.
type Request struct {
	prev, next *Request
	refused    ready.Runnable // nil unless the Request is in the list
}

// requests is the list of an inbox, guarded by its mutex.
type requests struct{ first, last *Request }

// Request is Post of a limited fn for r, a new Request. If the inbox has taken fn, and begins to refuse
// all before End, Refuse runs refused.
func (in *Inbox) Request(r *Request, fn func(), refused ready.Runnable) Answer {
	r.refused = refused
	answer := in.post(fn, true, r)
	if answer != Taken {
		r.refused = nil
	}
	return answer
}

// End ends r. It is safe from any goroutine. If r is not in the list, nothing happens.
func (in *Inbox) End(r *Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.refused != nil {
		in.requests.remove(r)
	}
}

// oldest ends the oldest Request, and returns what Refuse must run for it, or nil if the list is empty.
func (in *Inbox) oldest() (refused ready.Runnable) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if r := in.requests.first; r != nil {
		refused = r.refused
		in.requests.remove(r)
	}
	return refused
}

func (rs *requests) add(r *Request) {
	r.prev = rs.last
	if r.prev == nil {
		rs.first = r
	} else {
		r.prev.next = r
	}
	rs.last = r
}

func (rs *requests) remove(r *Request) {
	if r.prev == nil {
		rs.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		rs.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	*r = Request{}
}
