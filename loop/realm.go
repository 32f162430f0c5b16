package loop

import (
	"context"
	"errors"
	"slices"
)

// A realm is a set of tasks that can be ended at once: see Realm in package lowlevel, which has the
// exported methods.
//
// A realm keeps no list of its tasks. They share an environment that knows the realm, so a task costs no
// more in a realm than outside, and End looks at all tasks of the loop.
type realm struct {
	root     Task        // a task that never runs; its context is that of the realm
	env      environment // of root
	parent   *realm      // nil if there is none
	children []*realm    // that have not ended, in order of creation
	ended    bool
	clock    realmClock
	paused   bool // by Pause; see still
}

// errRealmEnded is ErrRealmEnded of package lowlevel.
var errRealmEnded = errors.New("loop: the realm of the task has ended")

// newRealm makes a realm in the realm of ctx: see NewRealm in package lowlevel.
func newRealm(ctx context.Context) *realm {
	e, _ := inherit(ctx)
	e.loop.check("NewRealm")
	r := &realm{parent: e.realm, clock: realmClock{rate: normal}}
	r.env = environment{loop: e.loop, outer: e.values().outer, realm: r}
	r.root.env, r.root.idHigh = &r.env, rootMark
	switch p := r.parent; {
	case p.over():
		r.ended = true
		r.endContexts(&CanceledError{Cause: errRealmEnded})
	case p != nil:
		p.children = append(p.children, r)
	default:
		e.loop.realms = append(e.loop.realms, r)
	}
	return r
}

// Context returns the context of the realm.
func (r *realm) Context() context.Context { return (*ownContext)(&r.root) }

// Ended reports whether End was called.
func (r *realm) Ended() bool { return r.ended }

// over reports whether r has ended. r may be nil.
func (r *realm) over() bool { return r != nil && r.ended }

// crashed reports whether the body of t is, or was, unwound by the end of its realm. Then its errors are not
// reported.
func (t *Task) crashed() bool { return t.is(isUnwinding) && t.env.realm.over() }

// reportOf is report for code outside of the package.
func (l *Loop) reportOf(f Failure) {
	if f.Task == nil || !f.Task.crashed() {
		l.report(f)
	}
}

// endContexts ends the context of r, and those of the realms in it.
func (r *realm) endContexts(reason *CanceledError) {
	r.root.ending().end(reason)
	for _, child := range r.children {
		child.endContexts(reason)
	}
}

// End ends the realm. It runs no body: the driver unwinds the tasks when the running step or callback is over.
func (r *realm) End() {
	l := r.env.loop
	if r.ended || l.in(closed) {
		return
	}
	l.check("End of a realm")
	among := &l.realms
	if r.parent != nil {
		among = &r.parent.children
	}
	*among = slices.DeleteFunc(*among, func(other *realm) bool { return other == r })
	r.endContexts(&CanceledError{Cause: errRealmEnded})
	r.end()
	if l.in(closing) {
		return // Close unwinds all tasks
	}
	l.ends++
	l.unshared = true
	l.attend()
	if l.in(driven) && l.next == nil {
		l.next = &errand
	}
	for t := range l.Tasks() {
		if t.state == stateRunning && t.env.realm.over() && !t.is(isUnwinding) {
			t.traits |= isUnwinding // the step goes on, and no later one follows
			t.ending().end(t.unwindError())
		}
	}
}

// end marks r and the realms in it.
func (r *realm) end() {
	r.ended = true
	if r.paused {
		r.paused = false
		r.env.loop.pauses.realms--
	}
	for _, child := range r.children {
		child.end()
	}
	r.children = nil
}

// unwindRealms unwinds the tasks of the realms that have ended. Only the driver calls it, between two
// entries.
func (l *Loop) unwindRealms() {
	defer func() {
		if l.ends > 0 { // a Goexit has ended the for statement below
			l.unwindRealms()
		}
	}()
	for seen := uint64(0); seen != l.ends; { // bodies may end further realms
		seen = l.ends
		for t := range l.Tasks() {
			if t.env.realm.over() {
				l.unwindMember(t)
			}
		}
	}
	l.ends = 0
	l.unshared = l.debug
	l.attend()
	if l.next == &errand {
		l.next = nil
	}
	l.dropDone()
	l.dropCalls()
}

// unwindMember unwinds t as Close does. The loop goes on after that, so nothing may refer to t any more.
func (l *Loop) unwindMember(t *Task) {
	if l.next != nil && (l.next == t.stack() || l.next == &fresh && l.starting == t) {
		l.next = nil // t was to run next
	}
	if t.state == stateNew {
		t.traits |= isStillborn // its factory may still start it
	}
	if l.debug {
		defer l.endTimed(t, l.beginTimed(t))
	}
	l.unwind(t)
}

// dropDone takes the entries of ended tasks out of the ready queue.
func (l *Loop) dropDone() {
	for at := l.ready.Head(); at != l.ready.Tail(); at++ {
		if e, ok := l.ready.At(at).(*entry); ok && e.state == stateDone {
			l.ready.Take(at)
		}
	}
	if l.choices != nil {
		l.choices.dropTaken(&l.ready)
	}
	l.pauses.dropEnded()
}
