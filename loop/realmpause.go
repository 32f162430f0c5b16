package loop

import (
	"slices"

	"github.com/takt-go/takt/timer"
)

// pauses is what the loop keeps back while realms are paused.
//
// While a realm is paused, the loop takes each entry by take, which first moves the entries of paused tasks
// from the ready queue to held. Otherwise a pause costs nothing: neither the fast dispatch nor the queue
// knows of it.
type pauses struct {
	realms int          // paused realms
	held   []*entry     // the next steps of paused tasks that are ready, in order
	looked uint64       // the entries before this position were looked at
	timers []realmTimer // of paused realms, in the order in which Resume arms them
}

// still reports whether r, or a realm around it, is paused. r may be nil.
func (r *realm) still() bool {
	for ; r != nil; r = r.parent {
		if r.paused {
			return true
		}
	}
	return false
}

// Paused reports whether the realm, or a realm around it, is paused.
func (r *realm) Paused() bool { return r.still() }

// Pause stops the realm's clock, and its tasks when the running step is over.
func (r *realm) Pause() {
	l := r.env.loop
	if r.paused || r.ended || l.Closed() {
		return
	}
	l.check("Pause")
	frozen := append(r.disarmDue(), r.disarmAll()...)
	for _, t := range frozen {
		l.freeze(t)
	}
	r.rebase()
	r.paused = true
	l.pauses.realms++
	l.pauses.looked = 0
	l.attend()
	if l.next != nil && l.current == nil {
		l.recall(r)
	}
}

// disarmDue disarms the timers of r and of the realms in it that are due, and returns them in order.
func (r *realm) disarmDue() (all []realmTimer) {
	l := r.env.loop
	for _, d := range l.due {
		if d.at < l.ready.Head() || l.ready.At(d.at) == nil {
			continue
		}
		v := l.ready.At(d.at)
		if of := realmOf(v); of.within(r) {
			all = append(all, realmTimer{of, of.timeAt(d.key.Deadline), v})
			l.disarm(d.key)
		}
	}
	return all
}

// freeze keeps t, which is not armed, until Resume.
func (l *Loop) freeze(t realmTimer) {
	switch v := t.value.(type) {
	case *sleeper:
		(*Task)(v).dropAlarm()
	case *realmCall:
		v.now = timer.Key{}
		l.move(v)
	}
	l.pauses.timers = append(l.pauses.timers, t)
}

// recall takes back the task that the driver was to run next, if it is a task of r.
func (l *Loop) recall(r *realm) {
	t := l.starting
	if l.next != &fresh {
		t = l.next.Value.task
	}
	if t != nil && t.env.realm.within(r) {
		l.next = nil
		l.pauses.held = append(l.pauses.held, (*entry)(t))
	}
}

// hold moves the entries of paused tasks out of the ready queue.
func (l *Loop) hold() {
	p, before := &l.pauses, len(l.pauses.held)
	for at := max(p.looked, l.ready.Head()); at != l.ready.Tail(); at++ {
		if e, ok := l.ready.At(at).(*entry); ok && e.env.realm.still() {
			l.ready.Take(at)
			p.held = append(p.held, e)
		}
	}
	p.looked = l.ready.Tail()
	if len(p.held) > before && l.choices != nil {
		l.choices.dropTaken(&l.ready)
	}
}

// Resume lets the realm go on.
func (r *realm) Resume() {
	if !r.paused {
		return
	}
	l := r.env.loop
	l.check("Resume")
	r.rebase()
	r.paused = false
	p := &l.pauses
	p.realms--
	l.attend()
	p.held = slices.DeleteFunc(p.held, func(e *entry) bool {
		if e.env.realm.still() {
			return false
		}
		if e.state != stateDone {
			l.ready.Push(e)
		}
		return true
	})
	var armed []realmTimer
	p.timers = slices.DeleteFunc(p.timers, func(t realmTimer) bool {
		if t.of.still() {
			return false
		}
		if s, ok := t.value.(*sleeper); !ok || (*Task)(s).is(isSleeping) && s.state == stateSuspended { // otherwise the sleep is over
			armed = append(armed, t)
		}
		return true
	})
	l.armAll(armed)
}

// dropEnded drops what the loop keeps back for realms that have ended.
func (p *pauses) dropEnded() {
	p.held = slices.DeleteFunc(p.held, func(e *entry) bool { return e.state == stateDone })
	p.timers = slices.DeleteFunc(p.timers, func(t realmTimer) bool { return t.of.ended })
}
