package task

import (
	"context"
	"sync"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A remote is a body that code outside of a loop has posted to the loop, to run there as a task,
// and later the outcome of that task. [Call] and [Submit] use it.
//
//	pending ──▶ settled
//
// A remote is settled once: when its body has ended, when the task cannot be made, or when the loop
// begins to close. When the body ends, it settles the remote itself, without another turn of the
// loop: perhaps there is no other turn, for example after a Goexit.
type remote[T any] struct {
	ctx     context.Context // when it ends, the task is canceled
	stop    func() bool     // stops watching for the loop's end
	then    func()          // called when the remote is settled, on any goroutine
	made    bool            // the task was spawned, and its factory has returned
	task    *Task[T]        // nil until made; only the loop's goroutine uses it
	mu      sync.Mutex
	settled bool
	waiting int // callers that wait, and will return the outcome if it comes
	v       T
	err     error
	untaken bool // the task has failed, and no code has taken its error
	gaveUp  bool // the task was canceled because ctx has ended
}

// start posts body to l, to run there as a task that is canceled when ctx ends. If the post fails,
// start returns the error, and r stays pending.
func (r *remote[T]) start(ctx context.Context, l *loop.Loop, body func(context.Context) (T, error), opts []Option, then func()) error {
	r.mu.Lock() // until stop is set: another goroutine may settle r at once, and needs stop
	defer r.mu.Unlock()
	r.ctx, r.then = ctx, then
	if err := l.Post(func() { r.spawn(l, body, opts) }); err != nil {
		return err
	}
	r.stop = context.AfterFunc(l.Context(), func() { r.settle(nil, loop.ErrClosed) })
	return nil
}

// spawn makes the task, on the loop.
func (r *remote[T]) spawn(l *loop.Loop, body func(context.Context) (T, error), opts []Option) {
	defer func() {
		if !r.made { // an option or the task factory has panicked or called Goexit
			r.settle(nil, lowlevel.Recovered(recover(), nil))
		}
	}()
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	lowlevel.Spawn(l.Bind(r.ctx), &t.strand, lowlevel.Stackful, &remoteBody[T]{body, r}, t, o.name, o.start)
	r.made, r.task = true, t
	if t.Done() { // in its eager first step
		r.ended(t)
	}
}

// ended settles r with the outcome of its task.
func (r *remote[T]) ended(t *Task[T]) {
	switch {
	case !r.made: // spawn settles r
	case t.Loop().Closed(): // the task was unwound
		r.settle(nil, loop.ErrClosed)
	default:
		r.settle(t, future.Peek(t))
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
	if r.stop != nil { // nil if the post was refused
		r.stop()
	}
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
	r.then()
}

// remoteBody is the body of a remote.
type remoteBody[T any] struct {
	body func(context.Context) (T, error)
	of   *remote[T]
}

func (b *remoteBody[T]) Step(t *loop.Task, _ error) loop.Suspension {
	v, err := b.body(t.Context())
	finish(taskOf[T](t), v, err)
	b.of.ended(taskOf[T](t))
	return End()
}

func (b *remoteBody[T]) Fail(t *loop.Task, err error) {
	fail[T](t, err)
	b.of.ended(taskOf[T](t))
}

// wait is called when a caller begins to wait for the outcome.
func (r *remote[T]) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
}

// take takes the error of the task, if the task has failed and no code has taken the error.
func (r *remote[T]) take(l *loop.Loop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.untaken {
		r.untaken = false
		lowlevel.Deliver(l, func() { _ = r.task.Err() }) // if the loop is closed, it has reported the error
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
