package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// A program is a random sequence of operations on a loop of its own: some by the host
// between two turns, some by callbacks in the middle of one, among tasks that were woken.
// What a model has to say is checked after every turn.
type program struct {
	*rapid.T
	l      *loop.Loop
	actors []*actor
	steps  int // operations and wake-ups so far
	turn   int
}

// An actor is a task of a program.
type actor struct {
	name     string
	t        *task.Task[struct{}]
	end      context.CancelCauseFunc // ends the context that it waits under; nil if that is its own
	canceled bool
	ended    bool
	woken    bool // by what its model is of
	due      int  // turn in which it goes on, once it was woken
}

func (a *actor) String() string { return a.name }

func newProgram(t *rapid.T) *program {
	opts := []loop.Option{
		loop.WithClock(timer.NewVirtual()),
		loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err) }),
	}
	if rapid.Bool().Draw(t, "eager") {
		opts = append(opts, loop.WithTaskFactory(factory.Eager))
	}
	if rapid.IntRange(0, 9).Draw(t, "debug") == 9 {
		opts = append(opts, inDebugMode)
	}
	return &program{T: t, l: loop.New(opts...)}
}

// run runs a program, in which every other operation is one that op makes of a number.
func (p *program) run(check func(idle bool), op func(n int)) {
	turns := rapid.IntRange(1, 25).Draw(p.T, "turns")
	for range turns {
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 199), 0, 5).Draw(p.T, "ops") {
			do := func() {
				p.steps++
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
				p.l.CallSoon(do)
			}
		}
		if rapid.IntRange(0, 3).Draw(p.T, "rest") == 0 {
			p.rest(check)
		} else {
			p.once(check)
		}
	}
}

// once runs one turn.
func (p *program) once(check func(idle bool)) (more bool) {
	more = p.l.RunOnce()
	check(false)
	p.turn++
	return more
}

// rest runs turns until nothing is ready.
func (p *program) rest(check func(idle bool)) {
	for quiet := 0; quiet < 2; quiet++ { // the end of a context shows in the second
		if p.once(check) {
			quiet = -1
		}
	}
	check(true)
}

// finish cancels everybody, and closes the loop; in half of the cases, that alone.
func (p *program) finish(check func(idle bool)) {
	p.rest(check)
	if rapid.Bool().Draw(p.T, "close with tasks left") {
		for _, a := range p.actors {
			a.canceled = true
		}
		p.l.Close()
		return
	}
	for _, a := range p.actors {
		a.canceled = a.t.Cancel(errCause)
	}
	p.rest(check)
	for left := range p.l.Tasks() {
		p.Errorf("%v was canceled and %s", left, left.Waits())
	}
}

// spawn makes an actor.
func (p *program) spawn(b func(ctx context.Context, a *actor)) *actor {
	a := &actor{name: fmt.Sprintf("A%d", len(p.actors))}
	p.actors = append(p.actors, a)
	a.t = spawn(p.l.Context(), a.name, func(ctx context.Context) error {
		p.steps++
		b(ctx, a)
		return nil
	})
	return a
}

// derive makes the context that a is going to wait under.
func (a *actor) derive(ctx context.Context) context.Context {
	ctx, a.end = context.WithCancelCause(ctx)
	return ctx
}

// pick returns the n-th of the actors that suit.
func (p *program) pick(n int, suits func(a *actor) bool) (a *actor, ok bool) {
	var some []*actor
	for _, a := range p.actors {
		if suits(a) {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		return nil, false
	}
	return some[n%len(some)], true
}

func (p *program) cancel(n int) {
	if a, ok := p.pick(n, func(a *actor) bool { return !a.t.Task().Done() }); ok {
		a.canceled = true
		a.t.Cancel(errCause)
	}
}

func (p *program) endContext(n int) {
	if a, ok := p.pick(n, func(a *actor) bool { return a.end != nil && !a.canceled && !a.ended }); ok {
		a.ended = true
		a.end(errEnded)
	}
}

func (a *actor) gaveUp() bool { return a.canceled || a.ended }

// wake notes that a is woken, and goes on in the next turn.
func (p *program) wake(a *actor) {
	a.woken, a.due = true, p.turn
	if p.l.Running() {
		a.due++
	}
}

// leave takes a out of a line, and returns those who stood before it.
func (p *program) leave(line *[]*actor, a *actor) (ahead []*actor) {
	p.steps++
	at := slices.Index(*line, a)
	ahead = slices.Clone((*line)[:at])
	*line = slices.Delete(*line, at, at+1)
	return ahead
}

// excused fails the test unless a was asked to give up in the way that err says.
func (p *program) excused(a *actor, err error) {
	var c *loop.CanceledError
	switch {
	case errors.As(err, &c):
		if !a.canceled || c.Cause != errCause && c.Cause != loop.ErrClosed {
			p.Errorf("%v was told %v, which nobody asked for", a, err)
		}
	case err != errEnded || !a.ended:
		p.Errorf("%v was told %v, which nobody asked for", a, err)
	}
}

// noneGaveUp fails the test if somebody in a line gave up.
func (p *program) noneGaveUp(line []*actor) {
	for _, a := range line {
		if a.gaveUp() {
			p.Errorf("nothing is ready, and %v, who gave up, still waits", a)
		}
	}
}
