package task

import (
	"context"
	"sync"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A remote is a body that code outside of a loop has posted to the loop, to run there as a task,
// and later the outcome of that task. [Call] and [Submit] use it. The task is a part of the remote,
// so that both are one allocation.
//
//	pending ──▶ settled
//
// A remote is settled once: when its body has ended, when the task cannot be made, or when the loop
// begins to close. When the body ends, it settles the remote itself, without another turn of the
// loop: perhaps there is no other turn, for example after a Goexit.
type remote[T any] struct {
	ctx     context.Context // when it ends, the task is canceled
	request lowlevel.Request
	done    chan struct{} // closed when the remote is settled; nil if nothing waits for it
	then    func()        // called when the remote is settled, on any goroutine; may be nil

	// Only the loop's goroutine uses these fields, after start.
	body func(context.Context) (T, error) // nil once it has started
	opts []Option                         // nil once the task is being made
	made bool                             // the task was spawned, and its factory has returned
	task Task[T]

	mu      sync.Mutex
	settled bool
	untaken bool // the task has failed, and no code has taken its error
	gaveUp  bool // the task was canceled because ctx has ended
	waiting int  // callers that wait, and will return the outcome if it comes
	v       T    // v and err are set when the remote is settled, and do not change after that
	err     error
}

// start posts the body of r to l, to run there as a task that is canceled when ctx ends. If the post
// fails, start returns the error, and r stays pending.
func (r *remote[T]) start(l *loop.Loop) error {
	return r.request.Post(l, r.spawn, (*remoteClosed[T])(r))
}

// loop returns the loop that runs the task.
func (r *remote[T]) loop() *loop.Loop { return r.request.Loop() }

// remoteClosed is a remote as the Runnable that settles it when the loop begins to close.
type remoteClosed[T any] remote[T]

func (r *remoteClosed[T]) Run() { (*remote[T])(r).settle(nil, loop.ErrClosed) }

// spawn makes the task, on the loop.
func (r *remote[T]) spawn() {
	defer func() {
		if !r.made { // an option or the task factory has panicked or called Goexit
			r.settle(nil, lowlevel.Recovered(recover(), nil))
		}
	}()
	t, o := &r.task, chosen(r.opts)
	r.opts = nil
	t.promise().InitOutcome(&t.strand)
	lowlevel.Spawn(r.loop().Bind(r.ctx), &t.strand, lowlevel.Stackful, (*remoteBody[T])(r), t, o.name, o.start)
	r.made = true
	if t.Done() { // in its eager first step
		r.ended()
	}
}

// ended settles r with the outcome of its task.
func (r *remote[T]) ended() {
	switch {
	case !r.made: // spawn settles r
	case r.loop().Closed(): // the task was unwound
		r.settle(nil, loop.ErrClosed)
	default:
		r.settle(&r.task, future.Peek(&r.task))
	}
}

// settle gives r its outcome: err, or the result of t. It takes the error of t if a caller waits,
// and otherwise notes that no code has taken the error.
func (r *remote[T]) settle(t *Task[T], err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		return
	}
	r.settled = true
	r.request.End()
	switch {
	case err == nil:
		r.v, _ = t.Result()
	case endedBy(r.ctx, err):
		r.gaveUp, err = true, context.Cause(r.ctx)
	case t == nil || t.Canceled():
	case r.waiting > 0:
		_ = t.Err()
	default:
		r.untaken = true
	}
	r.err = err
	if r.done != nil {
		close(r.done)
	}
	if r.then != nil {
		r.then()
	}
}

// remoteBody is a remote as the body of its task.
type remoteBody[T any] remote[T]

func (b *remoteBody[T]) Step(t *loop.Task, _ error) loop.Suspension {
	body := b.body
	b.body = nil
	v, err := body(t.Context())
	finish(taskOf[T](t), v, err)
	(*remote[T])(b).ended()
	return End()
}

func (b *remoteBody[T]) Fail(t *loop.Task, err error) {
	b.body = nil
	fail[T](t, err)
	(*remote[T])(b).ended()
}

// wait is called when a caller begins to wait for the outcome. It reports whether r is settled.
func (r *remote[T]) wait() (settled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.settled {
		r.waiting++
	}
	return r.settled
}

// take takes the error of the task, if the task has failed and no code has taken the error. r is settled.
func (r *remote[T]) take() {
	if r.err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.untaken {
		r.untaken = false
		lowlevel.Deliver(r.loop(), func() { _ = r.task.Err() }) // if the loop is closed, it has reported the error
	}
}

// leave is called when a caller stops waiting. It reports whether r is settled: if so, the caller
// returns the outcome.
func (r *remote[T]) leave() (settled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.settled {
		r.waiting--
	}
	return r.settled
}
