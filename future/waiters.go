package future

import (
	"slices"

	"github.com/takt-go/takt/loop"
)

// The waiters of a future are kept in the order in which they were added. The first waiter
// is rest.Runnable, and the others are in rest.more. A removal searches all of them.
//
// If there are many waiters, a crowd takes the place of the first waiter, and then it has all of them.

// A crowd is the waiters of a future that has many. Mostly all of them are tasks, and a task takes
// one word.
type crowd struct {
	tasks  line[*loop.Task]    // those before the first waiter that is not a task
	others line[loop.Runnable] // the later ones
}

// Run is a no-op. A crowd is a Runnable only because it stands in the place of a waiter.
func (*crowd) Run() {}

func (r *rest) crowd() *crowd {
	c, _ := r.Runnable.(*crowd)
	return c
}

// add puts w behind all other waiters.
func (r *rest) add(w loop.Runnable) {
	switch c := r.crowd(); {
	case c != nil:
		c.add(w)
	case r.Runnable == nil && len(r.more) == 0:
		r.Runnable = w
	case len(r.more) < few:
		r.more = append(r.more, w)
	default:
		r.join().add(w)
	}
}

// join moves all waiters to a crowd, which it makes.
func (r *rest) join() *crowd {
	c := new(crowd)
	if r.Runnable != nil {
		c.add(r.Runnable)
	}
	for _, w := range r.more {
		c.add(w)
	}
	r.Runnable, r.more = c, nil
	return c
}

// waited reports whether there is a waiter.
func (r *rest) waited() bool {
	if c := r.crowd(); c != nil {
		return !c.empty()
	}
	return r.Runnable != nil || len(r.more) > 0
}

// remove removes w from its first place, and reports whether it had one.
func (r *rest) remove(w loop.Runnable) bool {
	if c := r.crowd(); c != nil {
		return c.remove(w)
	}
	if r.Runnable == w {
		r.Runnable = nil
		return true
	}
	at := slices.Index(r.more, w)
	if at < 0 {
		return false
	}
	r.more = slices.Delete(r.more, at, at+1)
	return true
}

func (c *crowd) empty() bool { return c.tasks.n+c.others.n == 0 }

func (c *crowd) add(w loop.Runnable) {
	if t := loop.Internals.TaskOf(w); t != nil && c.others.n == 0 {
		c.tasks.add(t)
	} else {
		c.others.add(w)
	}
}

func (c *crowd) remove(w loop.Runnable) bool {
	if t := loop.Internals.TaskOf(w); t != nil && c.tasks.remove(t) {
		return true
	}
	return c.others.remove(w)
}
