package source

import (
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// An Inbox takes functions that other goroutines post: 8 bytes each, and not the 16 of a Runnable,
// which made a post a fifth dearer.
type Inbox struct {
	Nothing
	hub    *Hub
	to     *ready.Queue
	taken  func(n int)
	mu     sync.Mutex
	posts  []func()
	spare  []func() // the slice that the loop emptied last
	closed bool
}

// Init makes an inbox whose posts go to the queue to. taken is called behind that, with
// their number.
func (in *Inbox) Init(hub *Hub, to *ready.Queue, taken func(n int)) {
	in.hub, in.to, in.taken = hub, to, taken
}

// Post takes fn, and reports whether it did: not if the inbox refuses. It is safe from any
// goroutine.
func (in *Inbox) Post(fn func()) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.posts = append(in.posts, fn)
	in.mu.Unlock()
	in.hub.Nudge()
	return true
}

// maxSpare is how much room for posts is kept after a burst.
const maxSpare = 1 << 14

// Take moves what was posted to the queue.
func (in *Inbox) Take() {
	if !in.hub.asked && !in.hub.News() {
		return
	}
	in.mu.Lock()
	posts := in.posts
	in.posts, in.spare = in.spare[:0], nil
	in.mu.Unlock()
	for i, fn := range posts {
		in.to.Push(ready.Func(fn))
		posts[i] = nil
	}
	if cap(posts) <= maxSpare {
		in.spare = posts // only the loop touches spare outside the lock
	}
	in.taken(len(posts))
}

// Refuse drops what was posted, and refuses what is posted from now on.
func (in *Inbox) Refuse() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed, in.posts = true, nil
}
