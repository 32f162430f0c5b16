package testkit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// Programs cancel tasks with ErrCause, and end contexts with ErrEnded. Other tests use them, too.
var (
	ErrCause = errors.New("the cause")
	ErrEnded = errors.New("the context has ended")
)

// A Program is a random sequence of operations on a loop of its own. The host does some operations
// between two turns. Callbacks do others in the middle of a turn, between steps of tasks that were
// woken. A test embeds a Program in its model, and the model's check is called after every turn.
type Program struct {
	*rapid.T
	Loop   *loop.Loop
	Actors []*Actor
	Steps  int // operations and wake-ups so far
	Turn   int
}

// An Actor is a task of a program.
type Actor struct {
	Task     *task.Task[struct{}]
	Canceled bool
	Ended    bool // the context under which it waits has ended
	Woken    bool // the lock or queue under test has woken it
	Due      int  // turn in which it goes on, if it was woken
	name     string
	told     *future.Future[struct{}] // tells it to go on, while it holds something
	end      context.CancelCauseFunc  // ends the context under which it waits; nil for its own context
}

func (a *Actor) String() string { return a.name }

// NewProgram makes a program without tasks. The test must close the program's loop.
func NewProgram(t *rapid.T) *Program {
	opts := []loop.Option{
		loop.WithVirtualTime(),
		loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err) }),
	}
	if rapid.Bool().Draw(t, "eager") {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	if rapid.IntRange(0, 9).Draw(t, "debug") == 9 {
		opts = append(opts, DebugMode)
	}
	return &Program{T: t, Loop: loop.New(opts...)}
}

// Run runs the program. In one of five operations it cancels a task or ends a context. The other
// operations are those that op derives from a random number.
func (p *Program) Run(check func(idle bool), op func(n int)) {
	turns := rapid.IntRange(1, 25).Draw(p.T, "turns")
	for range turns {
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 199), 0, 5).Draw(p.T, "ops") {
			do := func() {
				p.Steps++
				switch which := n / 2; {
				case n%10 == 1:
					p.cancel(which)
				case n%10 == 3:
					p.endContext(which)
				default:
					op(which)
				}
			}
			if n%3 == 0 {
				do()
			} else {
				p.Loop.CallSoon(do)
			}
		}
		if rapid.IntRange(0, 3).Draw(p.T, "rest") == 0 {
			p.Rest(check)
		} else {
			p.once(check)
		}
	}
}

// once runs one turn.
func (p *Program) once(check func(idle bool)) (more bool) {
	more = p.Loop.RunOnce()
	check(false)
	p.Turn++
	return more
}

// Rest runs turns until nothing is ready.
func (p *Program) Rest(check func(idle bool)) {
	for quiet := 0; quiet < 2; quiet++ { // the end of a context takes effect in the second turn
		if p.once(check) {
			quiet = -1
		}
	}
	check(true)
}

// Finish tells every task that holds something to go on, until only tasks are left that wait for
// ever. It cancels these tasks, or, in half of the programs, closes the loop.
func (p *Program) Finish(check func(idle bool)) {
	p.Rest(check)
	for p.Tell(0) {
		for p.Tell(0) { // all told actors go on in the same turn
		}
		p.Rest(check)
	}
	if rapid.Bool().Draw(p.T, "close with tasks left") {
		for _, a := range p.Actors {
			a.Canceled = true
		}
		p.Loop.Close()
		return
	}
	for _, a := range p.Actors {
		a.Canceled = a.Task.Cancel(ErrCause)
	}
	p.Rest(check)
	for left := range p.Loop.Tasks() {
		p.Errorf("%v was canceled, but it %s", left, left.Status())
	}
}

// Spawn makes an actor that runs b.
func (p *Program) Spawn(b func(ctx context.Context, a *Actor)) *Actor {
	a := &Actor{name: fmt.Sprintf("A%d", len(p.Actors))}
	p.Actors = append(p.Actors, a)
	a.Task = Spawn(p.Loop.Context(), a.name, func(ctx context.Context) error {
		p.Steps++
		b(ctx, a)
		return nil
	})
	return a
}

// Derive makes the context under which a will wait.
func (a *Actor) Derive(ctx context.Context) context.Context {
	ctx, a.end = context.WithCancelCause(ctx)
	return ctx
}

// Hold waits until Tell tells a to go on, or a is canceled.
func (a *Actor) Hold(ctx context.Context) {
	a.told = future.New[struct{}](ctx)
	_, _ = a.told.Await(ctx)
	a.told = nil
}

// pick returns the n-th actor for which suits is true. It counts round and round.
func (p *Program) pick(n int, suits func(a *Actor) bool) (a *Actor, ok bool) {
	var some []*Actor
	for _, a := range p.Actors {
		if suits(a) {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		return nil, false
	}
	return some[n%len(some)], true
}

// Tell tells the n-th actor that holds something to go on, and reports whether there is one.
func (p *Program) Tell(n int) bool {
	a, ok := p.pick(n, func(a *Actor) bool { return a.told != nil && !a.told.Done() })
	if ok {
		_ = a.told.SetResult(struct{}{})
	}
	return ok
}

func (p *Program) cancel(n int) {
	if a, ok := p.pick(n, func(a *Actor) bool { return !a.Task.Task().Done() }); ok {
		a.Canceled = true
		a.Task.Cancel(ErrCause)
	}
}

func (p *Program) endContext(n int) {
	if a, ok := p.pick(n, func(a *Actor) bool { return a.end != nil && !a.Canceled && !a.Ended }); ok {
		a.Ended = true
		a.end(ErrEnded)
	}
}

// GaveUp reports whether a was canceled, or the context under which it waits has ended.
func (a *Actor) GaveUp() bool { return a.Canceled || a.Ended }

// Wake records that a is woken, and that it goes on in the next turn.
func (p *Program) Wake(a *Actor) {
	a.Woken, a.Due = true, p.Turn
	if p.Loop.Running() {
		a.Due++
	}
}

// Leave takes a out of a line, and returns the actors before it.
func (p *Program) Leave(line *[]*Actor, a *Actor) (ahead []*Actor) {
	p.Steps++
	at := slices.Index(*line, a)
	ahead = slices.Clone((*line)[:at])
	*line = slices.Delete(*line, at, at+1)
	return ahead
}

// Excused fails the test unless err fits: a was canceled, or its context was ended.
func (p *Program) Excused(a *Actor, err error) {
	var c *loop.CanceledError
	switch {
	case errors.As(err, &c):
		if !a.Canceled || c.Cause != ErrCause && c.Cause != loop.ErrClosed {
			p.Errorf("%v got the error %v, but was not canceled with this cause", a, err)
		}
	case err != ErrEnded || !a.Ended:
		p.Errorf("%v got the error %v, but its context was not ended with it", a, err)
	}
}

// NoneGaveUp fails the test if an actor in a line gave up.
func (p *Program) NoneGaveUp(line []*Actor) {
	for _, a := range line {
		if a.GaveUp() {
			p.Errorf("nothing is ready, but %v still waits, although it was canceled or its context has ended", a)
		}
	}
}
