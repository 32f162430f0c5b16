package task

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A Group is a set of tasks that end together: see [WithGroup].
type Group struct {
	outer    context.Context // the context outside of the group
	scope    lowlevel.Scope
	before   int       // requests to cancel the task when the group was entered
	members  list.List // of *member: the tasks that are not done, in order of creation
	errs     GroupError
	idle     *signal // set when the last member is done; nil unless WithGroup waits for that
	exiting  bool    // the body has ended
	aborting bool    // the members were canceled
	asked    bool    // the group has canceled the task that runs its body, and must take that back
}

// A GroupError holds every error of a group: first the errors of its tasks, in the order in which
// the tasks failed, then the error of its body. Each is a [*TaskError]. errors.Is and errors.As
// look into all of them. A program may remove the errors that it has handled from Errors.
type GroupError struct {
	Errors []error
}

func (e *GroupError) Error() string {
	if len(e.Errors) == 1 {
		return fmt.Sprint(e.Errors[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d errors in a group", len(e.Errors))
	for _, err := range e.Errors {
		fmt.Fprintf(&b, "\n\t%v", err)
	}
	return b.String()
}

// Unwrap returns all errors.
func (e *GroupError) Unwrap() []error { return e.Errors }

func (e *GroupError) add(from string, err error) {
	e.Errors = append(e.Errors, &TaskError{from, err})
}

// A TaskError is an error of a group, with the name of the task that failed with it.
type TaskError struct {
	Task string // the task's name; empty for the body of the group
	Err  error
}

func (e *TaskError) Error() string {
	from := loop.Internals.OneLine(e.Task)
	if from == "" {
		from = "the group's body"
	}
	return fmt.Sprintf("%s: %v", from, e.Err)
}

// Unwrap returns the error that the task has failed with.
func (e *TaskError) Unwrap() error { return e.Err }

// WithGroup runs body, in the running task, with a group. body can make tasks in the group, by
// [GoIn], [GoMachineIn] and [Group.Go]. WithGroup returns when body and every task of the group
// have ended.
//
// When a task of the group fails, or body returns an error, the group aborts: it cancels its tasks,
// oldest first. If body has not ended, the group also cancels the running task, so that body ends;
// later WithGroup takes this request back. WithGroup returns all errors as one [*GroupError]. A
// cancellation of a task is not among these errors, and the group's own cancellation, if body lets
// it through, is not either.
//
// Other code may cancel the running task. If body lets this cancellation through, or has ended, the
// group cancels its tasks, and WithGroup returns the cancellation when the tasks have ended. If
// body handles the cancellation and returns nil, the group does not cancel its tasks, and they may
// finish: in this way a program drains a pool of workers. WithGroup also returns a cancellation
// that comes while the group is ending. If a task fails as well, WithGroup returns the GroupError,
// and makes the request to cancel again: the next suspension delivers it.
//
// The ctx that body gets ends when the group aborts, and when WithGroup returns. If the ctx of
// WithGroup is a standard context that ends, the group cancels its tasks, and WithGroup returns
// context.Cause(ctx). If body panics, the group aborts. The panic goes on when all tasks have
// ended, and the loop reports the errors of the tasks ([loop.ErrorUnretrieved]).
//
// WithGroup panics if body is nil, or if ctx does not belong to the running task. asyncio:
// TaskGroup.
func WithGroup(ctx context.Context, body func(ctx context.Context, g *Group) error) (err error) {
	if body == nil {
		panic("task: WithGroup of a nil body; give it a function that makes tasks")
	}
	g := &Group{outer: ctx, scope: lowlevel.Enter(ctx)}
	g.before = g.scope.Task().CancelRequests()
	returned := false
	defer func() {
		if returned {
			return
		}
		p := lowlevel.Recovered(recover(), g.scope.Task())
		_ = g.exit(p)
		for _, err := range g.errs.Errors {
			if err = errors.Unwrap(err); err != p { // no other code gets this error
				lowlevel.Report(g.scope.Task().Loop(), loop.Failure{Kind: loop.ErrorUnretrieved, Task: g.scope.Task(), Err: err})
			}
		}
		if p, ok := p.(*PanicError); ok {
			panic(p)
		}
	}()
	err = body(g.scope.Context(), g)
	returned = true
	return g.exit(err)
}

// GoIn is [Go] in a group: it makes a task of the group g. If g has aborted, or if the body and all
// tasks of g have ended, GoIn makes no task and returns an error. It panics if g was not made by
// [WithGroup], or if body is nil. asyncio: TaskGroup.create_task.
func GoIn[T any](g *Group, body func(context.Context) (T, error), opts ...Option) (*Task[T], error) {
	if err := g.refuses(); err != nil {
		return nil, err
	}
	if body == nil {
		panic("task: Go of a nil body; give it a function to run")
	}
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	defer g.join(t).watch()
	lowlevel.Spawn(g.scope.Context(), &t.strand, lowlevel.Stackful, function[T](body), t, o.name, o.start)
	return t, nil
}

// GoMachineIn is [GoMachine] in a group. In everything else it behaves like [GoIn].
func GoMachineIn[T any, M Machine[T]](g *Group, m M, opts ...Option) (*Task[T], error) {
	if err := g.refuses(); err != nil {
		return nil, err
	}
	mustBeMachine[T](m)
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	defer g.join(t).watch()
	lowlevel.Spawn(g.scope.Context(), &t.strand, lowlevel.Stackless, stackless[T, M]{m}, t, o.name, o.start)
	return t, nil
}

// refuses returns an error if the group takes no more tasks.
func (g *Group) refuses() error {
	g.mustBeMade()
	switch {
	case g.exiting && g.members.Len() == 0:
		return errors.New("task: the group is finished; make tasks while its body or one of its tasks runs")
	case g.aborting:
		return errors.New("task: the group is shutting down, after an error or a cancellation; it takes no more tasks")
	}
	return nil
}

// mustBeMade panics if g is nil or a zero Group, which belongs to no task.
func (g *Group) mustBeMade() {
	if g == nil || g.scope == nil {
		panic("task: this Group was not made by WithGroup; use the Group that the body of WithGroup is handed")
	}
}

// Go makes a task of the group, from a body without a result. It does not return the task; [GoIn]
// does. In everything else Go behaves like GoIn.
func (g *Group) Go(body func(context.Context) error, opts ...Option) error {
	if body == nil {
		panic("task: Go of a nil body; give it a function to run")
	}
	_, err := GoIn(g, Void(body), opts...)
	return err
}

// Cancel ends the group early, without an error. It cancels the tasks and the body, as a failure of
// a task does. WithGroup then returns nil, unless a task or the body fails while the group ends. If
// the group has aborted or is finished, Cancel is a no-op.
func (g *Group) Cancel() {
	g.mustBeMade()
	if g.aborting || g.exiting && g.members.Len() == 0 {
		return
	}
	lowlevel.CheckGoroutine(g.scope.Task().Loop(), "Cancel")
	g.abort()
	g.cancelParent(errGroupCanceled)
}

var errGroupCanceled = errors.New("task: the group was canceled")

// abort cancels the members.
func (g *Group) abort() {
	g.aborting = true
	lowlevel.Sweep(g.scope.Task().Loop(), func() { cancelFrom(g.members.Front()) })
}

// cancelFrom cancels the member at position at and the members after it, even if an observer of the
// loop calls Goexit meanwhile.
func cancelFrom(at *list.Element) {
	defer func() {
		if at != nil {
			cancelFrom(at.Next())
		}
	}()
	for ; at != nil; at = at.Next() {
		if of := at.Value.(*member).of; !of.Done() {
			of.Cancel(nil)
		}
	}
}

// cancelParent cancels the task that runs the group's body, after the group has aborted.
func (g *Group) cancelParent(cause error) {
	g.asked = true
	g.scope.Cancel(cause)
}

// exit waits for the members, after the body has ended with err.
func (g *Group) exit(err error) error {
	ctx := g.outer
	defer g.scope.Exit()
	t := g.scope.Task()
	g.exiting = true
	err = lowlevel.LetThrough(g.scope.Context(), err)
	if err != nil && !g.aborting {
		g.abort()
	}
	told := g.outside() // requests from outside that were delivered to the body
	if lowlevel.PendingCancel(t) != nil && !g.scope.Pending() {
		told--
	}
	var late error     // a cancellation that came while the group was ending
	var canceled error // the cancellation to return
	if loop.IsCanceled(err) {
		canceled = err
	}
	for g.members.Len() > 0 {
		g.idle = newSignal(ctx, "its group", g.pending)
		ended := g.idle.Wait(ctx)
		g.idle = nil
		if lowlevel.Unwinding(t) {
			g.leave()
			return ended
		}
		switch {
		case ended == nil:
		case g.aborting:
			late = ended
		default:
			canceled = ended
			g.abort()
		}
		if ended != nil && ctx.Err() != nil {
			ctx = t.Context() // every await under ctx may fail from now on, but the members must still end
		}
	}
	outside := g.outside()
	switch {
	case g.asked && outside <= g.before: // only the group has made a request
		canceled = nil
	case late != nil && err == nil && outside > told:
		canceled = requested(late, t.Context(), g.outer)
	}
	if g.asked {
		t.Uncancel()
	}
	if canceled != nil && len(g.errs.Errors) == 0 {
		return canceled
	}
	if err != nil && !loop.IsCanceled(err) {
		g.errs.add("", err)
	}
	if len(g.errs.Errors) == 0 {
		return nil
	}
	if t.CancelRequests() > 0 { // requests from outside: the next suspension delivers one again
		lowlevel.PutBack(t.Context(), requested(canceled, t.Context(), g.outer))
	}
	return &g.errs
}

// leave stops waiting for the members. So the group does not take their errors, and the loop
// reports them.
func (g *Group) leave() {
	for at := g.members.Front(); at != nil; at = at.Next() {
		m := at.Value.(*member)
		m.of.RemoveWaiter(m)
	}
}

// outside returns the number of requests to cancel the task, without the group's own.
func (g *Group) outside() int {
	n := g.scope.Task().CancelRequests()
	if g.asked {
		n--
	}
	return n
}

// requested returns the cancellation that must be delivered again. This is the cancellation that
// has ended the first ended context of ctxs. If there is none, it is delivered.
func requested(delivered error, ctxs ...context.Context) error {
	for _, ctx := range ctxs {
		if e, ok := context.Cause(ctx).(*loop.CanceledError); ok {
			return e
		}
	}
	if e, ok := delivered.(*loop.CanceledError); ok {
		return e
	}
	return &loop.CanceledError{Cause: context.Cause(ctxs[0])}
}

func (g *Group) pending() []loop.Awaitable {
	var all []loop.Awaitable
	for at := g.members.Front(); at != nil; at = at.Next() {
		all = append(all, at.Value.(*member).of)
	}
	return all
}

// member is the waiter of one task of a group.
type member struct {
	of future.Any
	in *Group
	at *list.Element
}

// join makes t a member, before Spawn starts t: an eager first step may already use the group.
func (g *Group) join(t future.Any) *member {
	m := &member{of: t, in: g}
	m.at = g.members.PushBack(m)
	return m
}

// watch adds the group's waiter to the task, after the task was started. So the waiters that the
// task factory and an eager first step have added run before the group's waiter.
func (m *member) watch() {
	if m.of.TaskOf().Loop() == nil { // Spawn has panicked: there is no task
		m.in.members.Remove(m.at)
		return
	}
	m.of.AddWaiter(m) // if the task is done already, m runs in a later turn
}

// Run runs when the member is done.
func (m *member) Run() {
	g := m.in
	g.members.Remove(m.at)
	defer func() { // runs even if an observer calls Goexit
		if g.failed(m.of) {
			defer g.cancelParent(m.of.Err())
			g.abort()
		}
	}()
	if g.members.Len() == 0 && g.idle != nil {
		g.idle.Run()
	}
}

// failed records the error of a member that has failed, and reports whether the group must abort
// because of it.
func (g *Group) failed(member future.Any) bool {
	if member.Canceled() {
		return false
	}
	err := member.Err()
	if err == nil {
		return false
	}
	g.errs.add(member.TaskOf().Name(), err)
	return !g.aborting
}
