package task

import (
	"errors"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Gather returns a future of the results of all its arguments, the children. The results are in the
// order of the arguments. The same awaitable may be given more than once.
//
// The future is called a gather. If a child fails or is canceled, the gather fails at once with
// that child's error. The other children go on. If one of them fails later, and no code awaits it
// or calls its Result or Err, the loop reports the error ([loop.ErrorUnretrieved]); asyncio hides
// it. Use [WithGroup] to cancel the other tasks, and [Collect] to get every outcome.
//
// Canceling the gather cancels every child that is not done. Canceling a gather that is done has no
// effect, even if it has failed while some children go on. If one request reaches the gather by
// several paths, the gather passes the request on once.
//
// A gather of no children is done at once, with no results. Gather panics if a child is nil, or if
// the children belong to different loops. If the arguments have different types, name the type that
// they share: Gather[future.Awaitable[int]](t, f). If their results have different types, use
// [future.Untyped]. Gather makes three allocations, and one for the results. asyncio: gather.
func Gather[A future.Awaitable[T], T any](of ...A) *future.Future[[]T] {
	return gather(of, func(child A) (v T, err error) {
		if err := future.Peek(child); err != nil {
			return v, err
		}
		return child.Result()
	})
}

// An Outcome is the result of one child of [Collect]: a value or an error.
type Outcome[T any] struct {
	Value T
	Err   error // not nil if the child failed or was canceled
}

// Collect is [Gather] for every outcome: the error of a child becomes part of the child's outcome.
// The future that Collect returns fails only if it is canceled itself, and then not before every
// child has ended. asyncio: gather(return_exceptions=True).
func Collect[A future.Awaitable[T], T any](of ...A) *future.Future[[]Outcome[T]] {
	return gather(of, func(child A) (Outcome[T], error) {
		v, err := child.Result()
		return Outcome[T]{v, err}, nil
	})
}

// gathering is the promise of a gather. take reads the result of a child that is done. If take
// returns an error, the gather ends.
type gathering[A future.Any, R any] struct {
	future.Promise[[]R]
	of       []A
	children []gathered[A, R] // the waiters of the children
	take     func(A) (R, error)
	results  []R                 // of the children that are done
	left     int                 // children that are not done
	failed   future.Any          // the child whose error the gather has failed with
	canceled *loop.CanceledError // nil until the gather was asked to cancel
	swept    uint64              // the number of the last sweep (see lowlevel.Sweep) that has reached the gather
	goesOn   bool                // in that sweep, a child took the request and was not done afterwards
}

// gathered is the waiter of one child.
type gathered[A future.Any, R any] struct {
	in *gathering[A, R]
	at int
}

func (c *gathered[A, R]) Run() { c.in.childDone(c.at) }

func gather[A future.Any, R any](of []A, take func(A) (R, error)) *future.Future[[]R] {
	g := &gathering[A, R]{of: of, take: take, left: len(of), results: make([]R, len(of))}
	g.Init(commonLoop(of), (*gatherOwner[A, R])(g))
	if len(of) == 0 {
		g.succeed()
		return &g.Future
	}
	children := make([]gathered[A, R], len(of))
	g.children = children
	for at, child := range of {
		if !child.Done() {
			children[at] = gathered[A, R]{g, at}
			child.AddWaiter(&children[at])
		}
	}
	// Count the children that are done already. If all children are done, the gather is done at
	// once.
	for at := range of {
		if children[at].in == nil {
			g.childDone(at)
		}
	}
	return &g.Future
}

// commonLoop returns the loop of all awaitables, or nil if no awaitable has a loop.
func commonLoop[A interface{ Loop() *loop.Loop }](of []A) *loop.Loop {
	mustBeGiven(of)
	var common *loop.Loop
	for at, child := range of {
		switch l := child.Loop(); {
		case common == nil:
			common = l
		case l != nil && l != common:
			panic(fmt.Sprintf("task: argument %d belongs to another loop than the arguments before it; hand results between loops with Post", at+1))
		}
	}
	return common
}

func (g *gathering[A, R]) childDone(at int) {
	g.left--
	if g.Done() {
		return
	}
	result, err := g.take(g.of[at])
	if err != nil {
		g.failed = g.of[at]
		g.fail(err)
		return
	}
	g.results[at] = result
	switch {
	case g.left > 0:
	case g.canceled != nil:
		if last := g.of[len(g.of)-1]; last.Canceled() {
			errors.As(future.Peek(last), &g.canceled) // the cause of the last child, as in asyncio
		}
		g.fail(g.canceled)
	default:
		g.succeed()
	}
}

// fail ends the gather with an error. The gather stops waiting for its other children.
func (g *gathering[A, R]) fail(err error) {
	for at := range g.children {
		g.of[at].RemoveWaiter(&g.children[at])
	}
	g.children, g.results = nil, nil
	g.Fail(err)
}

func (g *gathering[A, R]) succeed() {
	g.children = nil
	g.Complete(g.results, nil)
}

// gatherOwner is the owner of the gather's future: see [future.Owner].
type gatherOwner[A future.Any, R any] gathering[A, R]

func (g *gatherOwner[A, R]) Cancel(cause error) bool {
	sweep := lowlevel.Sweeps(g.Loop())
	if g.swept == sweep {
		return g.goesOn // the answer of the children, if the gather asked them again
	}
	taken, goesOn := false, false
	for _, child := range g.of {
		if !child.Done() && child.Cancel(cause) {
			taken = true
			goesOn = goesOn || !child.Done()
		}
	}
	g.swept, g.goesOn = sweep, goesOn
	if taken {
		g.canceled = &loop.CanceledError{Cause: cause}
	}
	return taken
}

func (g *gatherOwner[A, R]) Take() {
	if g.failed != nil {
		_ = g.failed.Err()
	}
}

func (g *gatherOwner[A, R]) Describe() (string, []loop.Awaitable) {
	return fmt.Sprintf("a gather of %d", len(g.of)), pendingOf(g.of)()
}
