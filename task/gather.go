package task

import (
	"errors"
	"fmt"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Gather returns a future of all results, in the order of the arguments,
// whichever ends first. The same awaitable may be given more than once.
//
// The first child that fails or is canceled fails the gather with its error, at
// once; the others go on. Where asyncio hides what becomes of them, an error of
// theirs that no code takes is reported ([loop.ErrorUnretrieved]). Use [WithGroup] to
// have them canceled, [Collect] to see every outcome. Canceling the gather cancels every
// child that is not done; it takes no effect once the gather is done, also if that was by
// an error. Of a request that reaches the gather in several ways it passes on one.
//
// Gather of nothing is done, with no results. It panics if the children belong to
// different loops. For awaitables of different types, say which they share:
// Gather[future.Awaitable[int]](t, f), or [future.Untyped] for results of different
// types. asyncio: gather. It costs three allocations and one for results.
func Gather[A future.Awaitable[T], T any](of ...A) *future.Future[[]T] {
	return gather(of, func(child A) (v T, err error) {
		if err := future.Peek(child); err != nil {
			return v, err
		}
		return child.Result()
	})
}

// An Outcome is what became of one child of [Collect].
type Outcome[T any] struct {
	Value T
	Err   error // not nil if it failed or was canceled
}

// Collect is [Gather] for every outcome: an error of a child is in its place
// among the outcomes, and the future fails only when it is itself canceled, once
// every child has ended. asyncio: gather(return_exceptions=True).
func Collect[A future.Awaitable[T], T any](of ...A) *future.Future[[]Outcome[T]] {
	return gather(of, func(child A) (Outcome[T], error) {
		v, err := child.Result()
		return Outcome[T]{v, err}, nil
	})
}

// gathering is the promise of a gather. take reads what a child that is done
// contributes: an error there ends the gather.
type gathering[A future.Any, R any] struct {
	future.Promise[[]R]
	of       []A
	children []gathered[A, R] // by which it waits for them
	take     func(A) (R, error)
	results  []R // of those that are done
	left     int
	failed   future.Any          // the child whose error is the gather's
	canceled *loop.CanceledError // once that was asked for
	swept    uint64              // the last sweep of requests to cancel that has passed
	goesOn   bool                // and it has left children that go on
}

// gathered is one child of a gathering, as it waits for that child.
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
	// Those done already count last, so that a gather of them is done at once.
	for at := range of {
		if children[at].in == nil {
			g.childDone(at)
		}
	}
	return &g.Future
}

// commonLoop returns the loop of all awaitables, nil if none has one.
func commonLoop[A interface{ Loop() *loop.Loop }](of []A) *loop.Loop {
	mustBeGiven(of)
	var common *loop.Loop
	for at, child := range of {
		switch l := child.Loop(); {
		case common == nil:
			common = l
		case l != nil && l != common:
			panic(fmt.Sprintf("task: argument %d belongs to another loop than those before it", at+1))
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
			errors.As(future.Peek(last), &g.canceled) // which says why, as in asyncio
		}
		g.fail(g.canceled)
	default:
		g.succeed()
	}
}

// fail ends the gather by an error. What its other children come to is nothing to it.
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

// gatherOwner is a gathering as the owner of its future.
type gatherOwner[A future.Any, R any] gathering[A, R]

func (g *gatherOwner[A, R]) Cancel(cause error) bool {
	sweep := lowlevel.Sweeps(g.Loop())
	if g.swept == sweep {
		return g.goesOn // what children would answer a second time
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
