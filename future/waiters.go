package future

import (
	"reflect"
	"slices"

	"github.com/takt-go/takt/loop"
)

// The waiters of a future are kept in the order in which they were added. The first waiter
// is rest.Runnable, and the others are in rest.more.
//
// If there are few waiters, a removal searches all of them. If there are many, the first
// removals search, too, and the next one makes an index. The index takes the place of the first
// waiter, and then all waiters are in more. From then on a removal leaves a nil in more. When more
// than half of more is nil, the remaining waiters move together. So adding and removing a waiter
// costs O(1) on average.

const (
	few      = 32 // the largest number of waiters that are always searched one by one
	searches = 16 // so many searches through many waiters cost less than an index
)

// An index knows where in more each waiter is.
type index struct {
	at    map[loop.Runnable]place
	holes int // the number of nils in more
}

// A place is the first index of a waiter in more, and the number of its other places.
type place struct{ at, others int }

// Run is a no-op. An index is a Runnable only because it stands in the place of a waiter.
func (*index) Run() {}

func (r *rest) index() *index {
	x, _ := r.Runnable.(*index)
	return x
}

// add puts w behind all other waiters.
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

// note notes that w is at the index at. A waiter that is not comparable cannot be removed,
// so it is not noted.
func (x *index) note(w loop.Runnable, at int) {
	if !comparable(w) {
		return
	}
	if p, again := x.at[w]; again {
		p.others++
		x.at[w] = p
		return
	}
	x.at[w] = place{at: at}
}

// comparable reports whether == can compare w. It allocates nothing for a pointer.
func comparable(w loop.Runnable) bool {
	return reflect.TypeOf(w).Kind() == reflect.Pointer || reflect.ValueOf(w).Comparable()
}

// remove removes w from its first place, and reports whether it had one.
func (r *rest) remove(w loop.Runnable) bool {
	if x := r.index(); x != nil {
		return r.removeBy(x, w)
	}
	if r.Runnable == w {
		r.Runnable = nil
		return true
	}
	if len(r.more) > few {
		if r.searches == searches {
			return r.removeBy(r.makeIndex(), w)
		}
		r.searches++
	}
	at := slices.Index(r.more, w)
	if at < 0 {
		return false
	}
	r.more = slices.Delete(r.more, at, at+1)
	return true
}

// removeBy is remove with an index.
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

// takeWaiters removes all waiters, and returns the first and the others, in their order.
func (r *rest) takeWaiters() (first loop.Runnable, more []loop.Runnable) {
	first, more = r.Runnable, r.more
	if r.index() != nil {
		first, more = nil, slices.DeleteFunc(more, func(w loop.Runnable) bool { return w == nil })
	}
	r.Runnable, r.more = nil, nil
	return first, more
}
