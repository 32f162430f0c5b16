package future

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// An Owner completes a future that is not for others to set: a task, a gather, a
// shield. It decides what canceling the future means.
type Owner interface {
	// Cancel is called by the future's Cancel while the future is pending, and
	// reports whether the request was taken.
	Cancel(cause error) bool
}

// Own makes f a pending future of l that only owner completes, by [Complete].
// It is for those who build awaitables of their own.
func Own[T any](f *Future[T], l *loop.Loop, owner Owner) {
	f.core = core{loop: l, owner: owner}
}

// Complete gives a future its outcome, in the name of its owner: err if that is
// not nil, else v. A cancellation as err makes the future canceled. It panics if
// f is done or belongs to somebody else.
func Complete[T any](f *Future[T], owner Owner, v T, err error) {
	if f.owner != owner || f.state != pending {
		panic(fmt.Sprintf("future: Complete of a future that is done or not owned by the %T that completes it", owner))
	}
	if err != nil {
		f.fail(err)
		return
	}
	f.value = v
	f.complete(valued, nil)
}
