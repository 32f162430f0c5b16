package future

import (
	"reflect"
	"slices"

	"github.com/takt-go/takt/loop"
)

// The waiters of a future are in the order in which they came: the first is rest.Runnable,
// the others are in rest.more. Where there are few, a search goes through all of them.
// Where there are many, the first removal makes an index, which takes the place of the
// first waiter: all waiters are in more then, and a nil is left where one was removed. When
// half of more is nil, what is left moves together. So adding and removing a waiter costs
// O(1) on average.

// few is how many waiters are searched one by one.
const few = 32

// An index knows where in more each waiter is.
type index struct {
	at    map[loop.Runnable]place
	holes int // in more
}

// A place is where a waiter is first, and in how many other places it is besides.
type place struct{ at, others int }

// Run does nothing. An index is a Runnable only to fit in the place of a waiter.
func (*index) Run() {}

func (r *rest) index() *index {
	x, _ := r.Runnable.(*index)
	return x
}

// add puts w behind all others.
func (r *rest) add(w loop.Runnable) {
	if r.Runnable == nil && len(r.more) == 0 {
		r.Runnable = w
		return
	}
	r.more = append(r.more, w)
	if x := r.index(); x != nil {
		x.note(w, len(r.more)-1)
	}
}

// note adds that w is at at. A waiter that is not comparable cannot be removed.
func (x *index) note(w loop.Runnable, at int) {
	if !reflect.ValueOf(w).Comparable() {
		return
	}
	if p, again := x.at[w]; again {
		p.others++
		x.at[w] = p
		return
	}
	x.at[w] = place{at: at}
}

// remove takes w out of its first place, and reports whether it had any.
func (r *rest) remove(w loop.Runnable) bool {
	if x := r.index(); x != nil {
		return r.removeBy(x, w)
	}
	if r.Runnable == w {
		r.Runnable = nil
		return true
	}
	if len(r.more) > few {
		return r.removeBy(r.makeIndex(), w)
	}
	at := slices.Index(r.more, w)
	if at < 0 {
		return false
	}
	r.more = slices.Delete(r.more, at, at+1)
	return true
}

// removeBy is remove where there is an index.
func (r *rest) removeBy(x *index, w loop.Runnable) bool {
	p, found := x.at[w]
	if !found {
		return false
	}
	delete(x.at, w)
	r.more[p.at] = nil
	if p.others > 0 {
		x.at[w] = place{p.at + 1 + slices.Index(r.more[p.at+1:], w), p.others - 1}
	}
	if x.holes++; x.holes > len(r.more)/2 {
		r.pack(x)
	}
	return true
}

// pack moves the waiters together, and drops the index: the next removal makes one.
func (r *rest) pack(x *index) {
	waiters := make([]loop.Runnable, 0, len(r.more)-x.holes)
	for _, w := range r.more {
		if w != nil {
			waiters = append(waiters, w)
		}
	}
	r.Runnable, r.more = nil, waiters
}

// makeIndex moves all waiters to more, and puts an index of them in rest.Runnable.
func (r *rest) makeIndex() *index {
	if r.Runnable != nil {
		r.more = slices.Insert(r.more, 0, r.Runnable)
	}
	x := &index{at: make(map[loop.Runnable]place, len(r.more))}
	for at, w := range r.more {
		x.note(w, at)
	}
	r.Runnable = x
	return x
}

// takeWaiters returns the waiters, the first and the others in their order, and leaves none.
func (r *rest) takeWaiters() (first loop.Runnable, more []loop.Runnable) {
	first, more = r.Runnable, r.more
	if r.index() != nil {
		first, more = nil, slices.DeleteFunc(more, func(w loop.Runnable) bool { return w == nil })
	}
	r.Runnable, r.more = nil, nil
	return first, more
}
