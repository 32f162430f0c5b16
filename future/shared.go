package future

import (
	"context"
	"sync"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// NewShared makes a pending future that many tasks await at once, such as the next frame of a
// game, or the end of a start-up. Canceling a task that awaits it takes that task out, and the
// future and the other tasks go on: no task.Shield is needed. The task that was canceled goes on in
// the next turn.
//
// Only SetResult and SetError end the future; SetError with [ErrCanceled] cancels it. Its Cancel
// does nothing and reports false, so that a task.Gather of it cannot end it for the others. (A gather
// that is canceled waits for it, as for a child that refuses.) In all else it is as other futures
// are: all waiters are woken in the turn after it is done, in the order in which they came.
//
// It costs one allocation. A task that awaits it costs none, once a shared future has had as many
// waiters before: the list of waiters is used again. NewShared panics if ctx belongs to no loop.
// asyncio: a Future, of which each task awaits a shield.
func NewShared[T any](ctx context.Context) *Future[T] {
	l := lowlevel.LoopOf(ctx)
	list, _ := lists.Get().(*sharedList)
	if list == nil {
		list = &sharedList{waiters: make([]loop.Runnable, 0, 8)}
	}
	s := &shared[T]{own: rest{owner: list, more: list.waiters}}
	if list.crowd != nil {
		s.own.Runnable = list.crowd
	}
	s.core = core{home: lowlevel.HomeOfLoop(l), waits: &s.own}
	list.waiters, list.crowd = nil, nil
	return &s.Future
}

// shared is a Future and its rest, which it is going to need.
type shared[T any] struct {
	Future[T]
	own rest
}

// Shared reports whether [NewShared] has made the future. The loop asks when it cancels a task that
// awaits the future.
func (c *core) Shared() bool {
	_, shared := c.owner().(*sharedList)
	return shared
}

// A sharedList is the owner of a shared future. When the future is done, it takes the list of
// the waiters, and serves for the next one: a list of many waiters costs more than all else.
type sharedList struct {
	waiters []loop.Runnable
	crowd   *crowd // in place of waiters if there were many
}

// lists are those that serve no future.
var lists sync.Pool // of *sharedList

// Cancel refuses.
func (*sharedList) Cancel(error) bool { return false }

// Describe is that of a future that tells nothing of itself.
func (*sharedList) Describe() (string, []loop.Awaitable) { return "a shared future", nil }

// scheduleAll wakes the waiters, which were taken from r.
func (r *rest) scheduleAll(l *loop.Loop, waiters []loop.Runnable) {
	if len(waiters) > 0 {
		lowlevel.ScheduleAll(l, waiters)
	}
	if list, shared := r.owner.(*sharedList); shared {
		clear(waiters)
		list.waiters = waiters[:0]
		lists.Put(list)
	}
}

// scheduleCrowd wakes the waiters in c, which was taken from r.
func (r *rest) scheduleCrowd(l *loop.Loop, c *crowd) {
	if !c.empty() {
		loop.Internals.ScheduleCrowd(l, c.tasks.parts, c.others.parts)
	}
	if list, shared := r.owner.(*sharedList); shared {
		c.tasks.empty()
		c.others.empty()
		list.crowd = c
		lists.Put(list)
	}
}
