package source

import (
	"math"
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// An Inbox is the source of the functions that goroutines post. It stores a post as a function,
// which takes 8 bytes. A Runnable would take 16 bytes, and a post would be 20 % slower.
type Inbox struct {
	Nothing
	hub    *Hub
	to     *ready.Queue
	taken  func(n int)
	mu     sync.Mutex
	posts  []func()
	spare  []func() // the slice that the loop emptied last
	room   int      // Post looks closer if so many functions wait: it is full, or closed
	closed bool

	requests requests
}

// Init makes an inbox. Take moves the posts to the queue to, and then calls taken with the
// number of posts, unless taken is nil.
func (in *Inbox) Init(hub *Hub, to *ready.Queue, taken func(n int)) {
	in.hub, in.to, in.taken, in.room = hub, to, taken, math.MaxInt
}

// An Answer says whether an inbox has taken a function.
type Answer uint8

const (
	Taken  Answer = iota
	Full          // as many functions wait as the limit allows
	Closed        // the inbox refuses all
)

// Post takes fn, unless the inbox refuses all, or is full and fn is limited. It is safe from any
// goroutine.
func (in *Inbox) Post(fn func(), limited bool) Answer { return in.post(fn, limited, nil) }

// post is Post. If r is not nil, it joins the list of Requests together with fn.
func (in *Inbox) post(fn func(), limited bool, r *Request) Answer {
	in.mu.Lock()
	if len(in.posts) >= in.room && (limited || in.closed) {
		answer := Full
		if in.closed {
			answer = Closed
		}
		in.mu.Unlock()
		return answer
	}
	in.posts = append(in.posts, fn)
	if r != nil {
		in.requests.add(r)
	}
	in.mu.Unlock()
	in.hub.Nudge()
	return Taken
}

// SetLimit limits how many functions wait at once; 0 stands for no limit. It is safe from any
// goroutine.
func (in *Inbox) SetLimit(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.closed:
	case n == 0:
		in.room = math.MaxInt
	default:
		in.room = n
	}
}

// Len returns how many functions wait. It is safe from any goroutine.
func (in *Inbox) Len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.posts)
}

// maxSpare is the number of posts for which an inbox keeps room after a burst.
const maxSpare = 1 << 14

// Take moves the posts to the ready queue, and then the Wakers that were called: see [Wakers] for the
// reason why the Inbox takes both.
func (in *Inbox) Take() {
	if !in.hub.asked && !in.hub.News() {
		return
	}
	in.mu.Lock()
	posts := in.posts
	in.posts, in.spare = in.spare[:0], nil
	called := in.hub.takeCalled()
	in.mu.Unlock()
	for i, fn := range posts {
		in.to.Push(ready.Func(fn))
		posts[i] = nil
	}
	if cap(posts) <= maxSpare {
		in.spare = posts // only the loop touches spare outside the lock
	}
	if called != nil {
		handOver(called, in.to)
	}
	if in.taken != nil { // last, because an observer may call Goexit
		in.taken(len(posts))
	}
}

// Refuse drops the posts, and makes Post refuse every later function. It tells the senders of the Requests
// that have not ended, oldest first.
func (in *Inbox) Refuse() {
	in.mu.Lock()
	in.closed, in.posts, in.room = true, nil, 0
	in.mu.Unlock()
	for {
		// One by one, because a sender that is told, or another goroutine, may end a later Request meanwhile.
		refused := in.oldest()
		if refused == nil {
			return
		}
		refused.Run()
	}
}
