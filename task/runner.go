package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Runner runs a loop on a goroutine of its own, inside a program of goroutines such as a server:
// see [Start]. All methods are safe from any goroutine.
type Runner struct {
	loop   *loop.Loop
	done   chan struct{}
	err    error // there when done is closed
	gaveUp atomic.Pointer[error]
}

// Start makes a loop and runs it on a new goroutine, until [Runner.Stop] is called. Other goroutines
// use it at once, by [Submit] or [loop.Loop.Post]: nothing has to be waited for.
//
//	r := task.Start()
//	defer r.Stop(context.Background())
//	v, err := task.Submit(ctx, r.Loop(), body).Wait(ctx)
//
// The loop stays alive while it has nothing to do, also with [loop.WithDeadlockDetection]. It ends in
// one of these ways:
//   - Stop ends it, or a task or callback that calls [loop.Loop.Stop], which is Stop without a limit.
//   - A runtime.Goexit in a task or callback ends the goroutine: the other tasks are unwound, and the
//     error of Wait says so.
//
// Start is for programs that have goroutines besides. A program that is made of tasks uses [Run], and a host
// that has a rhythm of its own drives a loop itself. Start panics for a loop with a virtual clock: its
// time would pass before another goroutine comes to submit anything. In tests, use [Run] with
// [loop.WithVirtualTime], or Start inside of testing/synctest. It costs a goroutine.
func Start(opts ...loop.Option) *Runner {
	l := loop.New(opts...)
	if l.Clock().Jumps() {
		l.Close()
		panic("task: Start with a virtual clock, whose time would pass before another goroutine submits anything; use task.Run, or Start inside of testing/synctest without a clock")
	}
	r := &Runner{loop: l, done: make(chan struct{})}
	release := l.Hold()
	go r.run(release)
	return r
}

// run is the goroutine of the loop. It ends by a Goexit where a task or callback does.
func (r *Runner) run(release func()) {
	l, over, closed := r.loop, false, false
	defer func() {
		if !closed && over { // else it is told already
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
	_ = l.Run() // it holds, so it is not deadlocked
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

// unwinds returns the error that says which tasks Close will unwind, and why; cause alone if there
// are none and it is no limit.
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
		fmt.Fprintf(&b, "\n\t%s %s", t.Name(), t.Status())
	}
	return &unwoundError{b.String(), cause}
}

// unwoundError is the error of a runner that has closed its loop on tasks.
type unwoundError struct {
	text  string
	cause error
}

func (e *unwoundError) Error() string { return fmt.Sprintf("%s\n%v", e.text, e.cause) }
func (e *unwoundError) Unwrap() error { return e.cause }

// Loop returns the loop, for Submit, Post and the like. Run and Close of it are the runner's.
func (r *Runner) Loop() *loop.Loop {
	r.mustBeMade("Loop")
	return r.loop
}

// Stop ends the runner as http.Server.Shutdown ends a server. It cancels all tasks, in order of
// creation, and lets them clean up; tasks that are made meanwhile are canceled when those have ended. The
// errors of those that fail go to the error handler ([loop.ShutdownFailed]). When all have ended, or ctx
// has, the loop is closed, and Stop returns when that is done.
//
// If ctx ends first, the tasks that are left are unwound: each further await fails at once. The error
// names them, and what each was waiting for, and matches context.Cause(ctx). As [loop.Loop.Close] waits for
// blocking calls, and a body that does not suspend cannot be unwound, Stop may return later than ctx
// ends. A server stops accepting requests before it calls Stop.
//
// Stop may be called several times: the loop is closed when the first ctx ends, and all calls return the
// same error, that of [Runner.Wait]. Stop panics if ctx is nil, and in a body or callback, where it would wait for
// itself: call [loop.Loop.Stop] there.
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

// Wait blocks until the loop is closed. The error is nil if all tasks have ended by themselves or after
// they were canceled. Otherwise it says which were unwound, and whether a runtime.Goexit has ended the
// runner: then it matches [loop.ErrGoexit]. Wait panics in a body or callback, where it would
// block a loop.
func (r *Runner) Wait() error {
	r.mustBeMade("Wait")
	r.mustBeOutside("Wait")
	<-r.done
	return r.err
}

// Done returns a channel that is closed when the loop is closed, so that Wait does not block.
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
		panic("task: " + what + " of a Runner in a body or callback would block its loop, for ever if that is the runner's; call Stop of the loop there")
	}
}
