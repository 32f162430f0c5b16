package source

import (
	"sync"

	"github.com/takt-go/takt/loop/internal/ready"
)

// An Inbox takes functions that other goroutines post. It keeps them as functions of 8 bytes:
// Runnables, of 16, made a post 20 % slower.
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

// Init makes an inbox. Take moves the posts to the queue to, and then calls taken with the
// number of posts.
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
