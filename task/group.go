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
	outer    context.Context // around the group
	scope    lowlevel.Scope
	before   int       // requests to cancel the task when the group was entered
	members  list.List // of *member: those not done, in order of creation
	errs     GroupError
	idle     *signal // set when the last member is done, while somebody waits for that
	exiting  bool    // the body has ended
	aborting bool    // the members were canceled
	asked    bool    // the group has canceled its parent, and must take that back
}

// A GroupError holds every error of a group, in the order in which they came: those
// of its tasks, then that of its body, each as a [*TaskError]. errors.Is and errors.As
// look into all. A program may take errors out that it has dealt with.
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

// A TaskError is an error of a group, and which of its tasks has failed with it.
type TaskError struct {
	Task string // the task's name; empty for the body of the group
	Err  error
}

func (e *TaskError) Error() string {
	from := e.Task
	if from == "" {
		from = "the group's body"
	}
	return fmt.Sprintf("%s: %v", from, e.Err)
}

// Unwrap returns the error that the task has failed with.
func (e *TaskError) Unwrap() error { return e.Err }

// WithGroup runs body, in the running task, with a group that it can spawn into
// ([GoIn], [GoMachineIn], [Group.Go]), and returns when body and every task of the group
// have ended.
//
// The first task that fails makes the group abort: the other tasks are canceled,
// oldest first, and so is body if it has not ended, by a cancellation of the
// running task that WithGroup takes back. An error of body makes the group abort
// too. All errors come out as one [*GroupError]. A task that was canceled, or body
// letting the group's own cancellation through, is no error.
//
// If the running task is canceled from outside, and body lets that through or has ended,
// the tasks are canceled, and WithGroup returns that cancellation once they have ended. (A
// body that takes the cancellation and returns nil lets the tasks finish: so a pool is
// drained.) A cancellation that comes while the group is ending already comes out, too.
// Where a task fails as well, the GroupError outranks it, and the request to
// cancel is made again, so that the next suspension delivers it. asyncio: TaskGroup.
//
// The ctx that body is handed ends when the group aborts, and when WithGroup returns.
// If ctx itself ends, where it is a standard context, the tasks are canceled and
// context.Cause(ctx) comes out. A panic in body aborts the group, and goes on when all
// tasks have ended; errors of theirs are reported ([loop.ErrorUnretrieved]). WithGroup panics
// if ctx does not belong to the running task.
func WithGroup(ctx context.Context, body func(ctx context.Context, g *Group) error) (err error) {
	if body == nil {
		panic("task: WithGroup of a nil body; give it a function that spawns")
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
			if err = errors.Unwrap(err); err != p { // no other code is told
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

// GoIn is [Go] into a group. It returns an error, and makes no task, if the group
// is finished or is shutting down. asyncio: TaskGroup.create_task.
func GoIn[T any](g *Group, body func(context.Context) (T, error), opts ...Option) (*Task[T], error) {
	if err := g.refuses(); err != nil {
		return nil, err
	}
	if body == nil {
		panic("task: Go of a nil body")
	}
	t, o := new(Task[T]), chosen(opts)
	t.promise().InitOutcome(&t.strand)
	defer g.join(t).watch()
	lowlevel.Spawn(g.scope.Context(), &t.strand, lowlevel.Stackful, function[T](body), t, o.name, o.start)
	return t, nil
}

// GoMachineIn is [GoMachine] into a group, as [GoIn] is [Go].
func GoMachineIn[T any](g *Group, m Machine[T], opts ...Option) (*Task[T], error) {
	if err := g.refuses(); err != nil {
		return nil, err
	}
	mustBeMachine(m)
	t, o := &stackless[T]{m: m}, chosen(opts)
	t.promise().InitOutcome(&t.strand)
	defer g.join(&t.Task).watch()
	lowlevel.Spawn(g.scope.Context(), &t.strand, lowlevel.Stackless, t, &t.Task, o.name, o.start)
	return &t.Task, nil
}

// refuses returns why the group takes no more tasks, if that is so.
func (g *Group) refuses() error {
	g.mustBeMade()
	switch {
	case g.exiting && g.members.Len() == 0:
		return errors.New("task: the group is finished; spawn while its body or one of its tasks runs")
	case g.aborting:
		return errors.New("task: the group is shutting down, after an error or a cancellation; it takes no more tasks")
	}
	return nil
}

// mustBeMade panics for a nil or zero Group, which is in no task.
func (g *Group) mustBeMade() {
	if g == nil || g.scope == nil {
		panic("task: this Group was not made by WithGroup; use the one that its body is handed")
	}
}

// Go spawns a task without a result into the group. It is [GoIn] for those who do
// not need the task in hand.
func (g *Group) Go(body func(context.Context) error, opts ...Option) error {
	if body == nil {
		panic("task: Go of a nil body; give it a function to run")
	}
	_, err := GoIn(g, func(ctx context.Context) (struct{}, error) { return struct{}{}, body(ctx) }, opts...)
	return err
}

// Cancel ends the group early, without an error: its tasks and its body are
// canceled as by a failure, and WithGroup returns nil unless something fails on the
// way. Canceling a group that is aborting or finished does nothing.
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

// cancelFrom cancels the member at at and those after it, also where an observer of the
// loop calls Goexit on the way.
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

// cancelParent cancels the task that the group is in, once the group has aborted.
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
	told := g.outside() // of which the body was told
	if lowlevel.PendingCancel(t) != nil && !g.scope.Pending() {
		told--
	}
	var late error     // a cancellation that came while the group was ending already
	var canceled error // the cancellation to let through
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
			ctx = t.Context() // ctx may have ended for good; the members have to end all the same
		}
	}
	outside := g.outside()
	switch {
	case g.asked && outside <= g.before: // there is no other request
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
	if t.CancelRequests() > 0 { // by somebody else: deliver that next
		lowlevel.PutBack(t.Context(), requested(canceled, t.Context(), g.outer))
	}
	return &g.errs
}

// leave stops waiting for the members, so that what they fail with counts as unretrieved.
func (g *Group) leave() {
	for at := g.members.Front(); at != nil; at = at.Next() {
		m := at.Value.(*member)
		m.of.RemoveWaiter(m)
	}
}

// outside returns how many requests to cancel the task there are but for the group's own.
func (g *Group) outside() int {
	n := g.scope.Task().CancelRequests()
	if g.asked {
		n--
	}
	return n
}

// requested returns the cancellation of a request that is to be delivered again: the one
// that one of the contexts has ended for, or else the one that was delivered.
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

// member is a task of a group, as the group waits for it.
type member struct {
	of future.Any
	in *Group
	at *list.Element
}

// join makes t a member before it is made, so that nothing that its eager first step does
// to the group finds one too few.
func (g *Group) join(t future.Any) *member {
	m := &member{of: t, in: g}
	m.at = g.members.PushBack(m)
	return m
}

// watch waits for the member, once it has been started: those whom its factory and its
// first step have registered come first.
func (m *member) watch() {
	if m.of.TaskOf().Loop() == nil { // there is none: Spawn has panicked
		m.in.members.Remove(m.at)
		return
	}
	m.of.AddWaiter(m) // also if it is done already: its error takes effect in a later turn
}

// Run is called when the member is done.
func (m *member) Run() {
	g := m.in
	g.members.Remove(m.at)
	defer func() { // also where an observer calls Goexit
		if g.failed(m.of) {
			defer g.cancelParent(m.of.Err())
			g.abort()
		}
	}()
	if g.members.Len() == 0 && g.idle != nil {
		g.idle.Run()
	}
}

// failed notes the error of a member that is done, if it has failed, and reports whether
// the group has to abort for that.
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
