package task

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Runner runs a loop on its own goroutine: see [Start]. It is for programs that also have other
// goroutines, such as servers. All methods are safe from any goroutine.
type Runner struct {
	loop   *loop.Loop
	done   chan struct{}
	err    error                 // the error of Wait; set before done is closed
	gaveUp atomic.Pointer[error] // the cause of the first context of Stop that has ended, or nil
}

// Start makes a loop and runs it on a new goroutine, until [Runner.Stop] is called. When Start
// returns, the loop runs. Other goroutines use it by [Submit] or [loop.Loop.Post].
//
//	r := task.Start()
//	defer r.Stop(context.Background())
//	v, err := task.Submit(ctx, r.Loop(), body).Wait(ctx)
//
// When the loop has nothing to do, it waits for more, even with [loop.WithDeadlockDetection]. It
// ends in one of these ways:
//   - The program calls Stop of the Runner. If a task or callback calls [loop.Loop.Stop], this has
//     the same effect as Stop with a context that never ends.
//   - A task or callback calls runtime.Goexit. This ends the goroutine of the loop. The other tasks
//     are unwound, and the error of Wait says so.
//
// If a program has no goroutines besides its tasks, use [Run]. If a program has its own rhythm,
// such as a game with its frames, it should drive a loop itself. Start panics if the options set a
// virtual clock: the virtual time would pass before another goroutine submits anything. In tests,
// use [Run] with [loop.WithVirtualTime], or Start inside testing/synctest. Start costs a goroutine.
func Start(opts ...loop.Option) *Runner {
	l := loop.New(opts...)
	if l.Clock().Jumps() {
		l.Close()
		panic("task: Start with a virtual clock, whose time would pass before another goroutine submits anything; use task.Run, or Start inside of testing/synctest without a clock")
	}
	r := &Runner{loop: l, done: make(chan struct{})}
	release := l.Hold()
	go r.run(release)
	for !l.Running() && !r.ended() {
		runtime.Gosched() // until the loop runs: before, code on any goroutine might use the loop as its host
	}
	return r
}

// ended reports whether the goroutine of the loop has ended.
func (r *Runner) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// run is the function of the loop's goroutine. A Goexit in a task or callback ends it.
func (r *Runner) run(release func()) {
	l, over, closed := r.loop, false, false
	defer func() {
		if !closed && over { // a Goexit has ended Close; otherwise r.err is set already
			r.err = join(r.err, errRunnerExits)
		}
		close(r.done)
	}()
	defer func() {
		if !over {
			r.err = r.unwinds(errRunnerExits)
		}
		release()
		l.Close()
		closed = true
	}()
	_ = l.Run() // there is no deadlock, since the loop is held
	gaveUp := func() bool { return r.gaveUp.Load() != nil }
	for !gaveUp() && l.Stats().Tasks > 0 {
		_ = shutdown(l, gaveUp)
	}
	if cause := r.gaveUp.Load(); cause != nil {
		r.err = r.unwinds(*cause)
	}
	over = true
}

var errRunnerExits = fmt.Errorf("task: a task or callback has ended the runner: %w", loop.ErrGoexit)

// unwinds returns the error that names the tasks that Close will unwind, and has the given cause.
// If there are no such tasks, it returns cause if that is a Goexit, and nil otherwise.
func (r *Runner) unwinds(cause error) error {
	left := slices.Collect(r.loop.Tasks())
	if len(left) == 0 {
		if errors.Is(cause, loop.ErrGoexit) {
			return cause
		}
		return nil // all have ended in time
	}
	const most = 50
	var b strings.Builder
	b.WriteString("task: the loop was closed before these tasks had ended:")
	for at, t := range left {
		if at == most {
			fmt.Fprintf(&b, "\n\tand %d more", len(left)-most)
			break
		}
		fmt.Fprintf(&b, "\n\t%s %s", loop.Internals.OneLine(t.Name()), t.Status())
	}
	return &unwoundError{b.String(), cause}
}

// unwoundError is the error of a runner that has closed its loop before all tasks had ended.
type unwoundError struct {
	text  string
	cause error
}

func (e *unwoundError) Error() string { return fmt.Sprintf("%s\n%v", e.text, e.cause) }
func (e *unwoundError) Unwrap() error { return e.cause }

// Loop returns the loop, for Submit, Post and the like. Do not call Run or Close of this loop: the
// Runner does that.
func (r *Runner) Loop() *loop.Loop {
	r.mustBeMade("Loop")
	return r.loop
}

// Stop ends the runner, as http.Server.Shutdown ends a server. It cancels all tasks, in order of
// creation, and lets them clean up. When they have ended, it cancels the tasks that were made
// meanwhile. If a task fails, the loop reports the error to its error handler
// ([loop.ShutdownFailed]). When all tasks have ended, or when ctx ends, Stop closes the loop, and
// then returns.
//
// If ctx ends first, Stop unwinds the unfinished tasks: each further await of their bodies fails at
// once. Then the error names these tasks and the event that each of them was waiting for, and
// matches context.Cause(ctx). Stop may return later than ctx ends, because [loop.Loop.Close] waits
// for blocking calls, and because it cannot unwind a body that does not suspend. A server should
// stop accepting requests before it calls Stop.
//
// Stop may be called several times. The loop is closed when the first of the contexts ends, and all
// calls return the same error, the error of [Runner.Wait]. Stop panics if ctx is nil. It also
// panics in a body or callback, where it would wait for itself: call [loop.Loop.Stop] there.
func (r *Runner) Stop(ctx context.Context) error {
	r.mustBeMade("Stop")
	if ctx == nil {
		panic("task: Stop of a Runner with a nil context; context.Background() sets no limit")
	}
	r.mustBeOutside("Stop")
	r.stopLoop()
	select {
	case <-r.done:
	case <-ctx.Done():
		cause := context.Cause(ctx)
		r.gaveUp.CompareAndSwap(nil, &cause)
		r.stopLoop()
		<-r.done
	}
	return r.err
}

// stopLoop makes the loop's Run return.
func (r *Runner) stopLoop() { lowlevel.Deliver(r.loop, r.loop.Stop) }

// Wait blocks until the loop is closed. The error is nil if all tasks have ended, by themselves or
// because they were canceled. Otherwise the error names the tasks that were unwound. If a
// runtime.Goexit has ended the runner, the error matches [loop.ErrGoexit]. Wait panics in a body or
// callback, where it would block a loop.
func (r *Runner) Wait() error {
	r.mustBeMade("Wait")
	r.mustBeOutside("Wait")
	<-r.done
	return r.err
}

// Done returns a channel that is closed when the loop is closed. From then on, Wait does not block.
func (r *Runner) Done() <-chan struct{} {
	r.mustBeMade("Done")
	return r.done
}

func (r *Runner) mustBeMade(what string) {
	if r == nil || r.loop == nil {
		panic("task: " + what + " of a Runner that Start has not made")
	}
}

func (r *Runner) mustBeOutside(what string) {
	if lowlevel.Inside() {
		panic("task: " + what + " of a Runner in a body or callback would block its loop, for ever if the runner has made that loop; call Stop of the loop there")
	}
}
