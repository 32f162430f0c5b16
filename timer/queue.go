package timer

import (
	"iter"
	"math"

	"github.com/google/btree"
)

// Key identifies an armed item and is its place in the order: by Deadline,
// then by Seq. A key belongs to the queue that gave it and is never given
// twice. The zero Key is never armed: it can stand for "no timer".
type Key struct {
	Deadline int64  // in nanoseconds since the clock's start
	Seq      uint64 // the item was the Seq-th to be armed in its queue, from 1
}

// Compare returns -1 if k fires before o, +1 if it fires after o, and 0 if the
// two are the same key. It orders keys of one queue; it has the form that
// [slices.SortFunc] takes.
func (k Key) Compare(o Key) int {
	switch {
	case k.less(o):
		return -1
	case o.less(k):
		return +1
	}
	return 0
}

func (k Key) less(o Key) bool {
	return k.Deadline < o.Deadline || k.Deadline == o.Deadline && k.Seq < o.Seq
}

// Item is a value with the key under which it was armed.
type Item[V any] struct {
	Key
	Value V
}

// The tree's nodes have 31 to 63 items, and 256 emptied ones are kept for later.
// Measured with degrees 8 to 64 and 32 to 1024 kept nodes, on batches of 10,000
// items (BenchmarkArmPop, BenchmarkArmCancel): the default of 32 kept nodes
// allocates 4 times as often or more and is up to 15 % slower, and a larger
// degree gains nothing that is beyond the noise.
const (
	degree    = 32
	keptNodes = 256
)

// Queue holds armed items in the order in which they fire: by deadline, and
// equal deadlines in the order of arming.
//
// It is a B-tree of items held by value. The road not taken is a binary heap:
// it has no order among equal deadlines of its own, and a canceled item either
// lingers in it, with all that its value refers to, until its deadline comes,
// or must know its index. Here cancelling deletes at once.
//
// With n items armed, Arm, Cancel and PopDue cost O(log n), Earliest and Len
// O(1). Nothing is allocated per item: the tree allocates nodes of up to 63
// items as it grows, and keeps up to 256 emptied nodes for later, without their
// values (400 KB at most, if V has the size of a word).
//
// The zero Queue is empty and ready to use; it must not be copied after the
// first Arm. A queue belongs to one goroutine at a time.
type Queue[V any] struct {
	tree *btree.BTreeG[Item[V]] // nil until the first Arm

	// seq is the Seq of the item armed last; 0 before the first.
	// Arming grows it, and all else that changes the queue shrinks the tree:
	// (seq, tree.Len()) never is the same again after a change.
	seq uint64

	// first is the key of the tree's minimum, and zero if the tree is empty.
	first Key
}

// New returns an empty queue.
func New[V any]() *Queue[V] {
	return new(Queue[V])
}

// Arm adds v, to fire at deadline (in nanoseconds since the clock's start),
// and returns the key with which it can be canceled.
//
// The key's Seq counts the calls of Arm on this queue, from 1. So v fires after
// everything armed before it with the same deadline, and before everything that
// will be armed later with the same deadline. It does not matter whether the
// deadline is in the past: the queue has no clock.
//
// An item armed at [Never] is kept last, counts in Len, and fires only by
// PopDue(Never).
//
// Arm costs O(log n) and does not panic. It allocates only when the tree needs
// another node.
func (q *Queue[V]) Arm(deadline int64, v V) Key {
	if q.tree == nil {
		q.tree = btree.NewWithFreeListG(degree,
			func(a, b Item[V]) bool { return a.less(b.Key) },
			btree.NewFreeListG[Item[V]](keptNodes))
	}
	q.seq++
	k := Key{Deadline: deadline, Seq: q.seq}
	q.tree.ReplaceOrInsert(Item[V]{Key: k, Value: v})
	// Of equal deadlines the new one is last: only a strictly earlier one leads.
	if q.first.Seq == 0 || deadline < q.first.Deadline {
		q.first = k
	}
	return k
}

// Cancel removes the item with key k. It returns its value and true if it was
// armed, and then the item will not fire and the queue keeps no reference to
// the value. It returns the zero V and false, and changes nothing, if the item
// has fired, was canceled, or never was (the zero Key, say). A key of another
// queue means nothing here, but cannot be told from one of this queue.
//
// Cancel costs O(log n), and O(1) if k is before everything that is armed, as
// the zero Key and the keys of fired items mostly are. It does not panic.
func (q *Queue[V]) Cancel(k Key) (V, bool) {
	if q.first.Seq == 0 || k.Seq == 0 || k.less(q.first) {
		var zero V
		return zero, false
	}
	it, ok := q.tree.Delete(Item[V]{Key: k})
	if k == q.first {
		q.lead()
	}
	return it.Value, ok
}

// Earliest returns the deadline of the item that fires next and true, or
// [Never] and false if nothing is armed; either deadline is fit for
// [Clock].Wait. The item may be due or not. Earliest costs O(1).
func (q *Queue[V]) Earliest() (deadline int64, ok bool) {
	if q.first.Seq == 0 {
		return Never, false
	}
	return q.first.Deadline, true
}

// PopDue removes and returns the first item in the order if its deadline is
// <= now (in nanoseconds since the clock's start). Otherwise, and if nothing is
// armed, it returns the zero Item and false, and changes nothing.
//
// Called until it returns false, it yields the due items in order. What is
// armed between the calls takes part: an item armed with a deadline <= now
// fires in the same series.
//
// PopDue costs O(log n), O(1) if it returns false. It does not panic.
func (q *Queue[V]) PopDue(now int64) (Item[V], bool) {
	if q.first.Seq == 0 || q.first.Deadline > now {
		return Item[V]{}, false
	}
	it, _ := q.tree.DeleteMin()
	q.lead()
	return it, true
}

// lead sets first anew after the minimum has left the tree.
func (q *Queue[V]) lead() {
	it, _ := q.tree.Min()
	q.first = it.Key
}

// Len returns the number of armed items. It costs O(1).
func (q *Queue[V]) Len() int {
	if q.tree == nil {
		return 0
	}
	return q.tree.Len()
}

// All returns an iterator over the armed items, in the order in which they
// fire. It removes nothing, and can be used again.
//
// The queue may be changed during the iteration. What comes next is decided
// when it is asked for: the first item in the order, of those armed at that
// moment, that comes after the last one yielded. So an item canceled or fired
// meanwhile is not yielded; an item armed meanwhile is, if it comes after the
// last one yielded, and not if it comes before. No item is yielded twice. A body
// that arms a later item each time never comes to an end.
//
// An iteration over n items costs O(n), and O(log n) more for each step in
// which the queue was changed.
func (q *Queue[V]) All() iter.Seq[Item[V]] {
	return func(yield func(Item[V]) bool) {
		from := Item[V]{Key: Key{Deadline: math.MinInt64}}
		for more := q.tree != nil; more; {
			more = false
			seq, n := q.seq, q.tree.Len()
			q.tree.AscendGreaterOrEqual(from, func(it Item[V]) bool {
				if !yield(it) {
					return false
				}
				if q.seq == seq && q.tree.Len() == n {
					return true
				}
				// The tree is another now: leave it, and find the way anew.
				from.Key = Key{Deadline: it.Deadline, Seq: it.Seq + 1}
				more = true
				return false
			})
		}
	}
}
