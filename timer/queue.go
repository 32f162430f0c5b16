package timer

import (
	"iter"
	"math"
	"slices"

	"github.com/google/btree"
)

// Key identifies an armed item. Keys are ordered by Deadline and then by Seq, which is the
// order in which the items fire. A key belongs to the queue whose Arm returned it, and Arm
// never returns the same key twice before a Reset of the queue. No item has the zero Key, so it can mean "no timer".
type Key struct {
	Deadline int64  // in nanoseconds since the clock's start
	Seq      uint64 // the number of the call of Arm on the queue, from 1, since the last Reset
}

// Compare returns -1 if k fires before o, +1 if k fires after o, and 0 if the keys are equal.
// The keys must belong to the same queue. [slices.SortFunc] takes timer.Key.Compare.
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

// The tree's nodes have 31 to 63 items, and 256 empty nodes are kept for reuse. These
// numbers were measured with degrees 8 to 64 and 32 to 1024 kept nodes, on batches of
// 10,000 items (BenchmarkArmPop, BenchmarkArmCancel). The default of 32 kept nodes
// allocates at least 4 times as often and is up to 15 % slower. A larger degree gains
// nothing beyond the noise.
const (
	degree    = 32
	keptNodes = 256
)

// keptItems is the largest capacity of an emptied slice that is kept for reuse.
const keptItems = 1 << 14

// Queue holds armed items in the order in which they fire: by deadline, and items of equal
// deadlines in the order of arming.
//
// The queue keeps its items, by value, in three places. An item begins in the first place,
// and moves at most once, to one of the others:
//
//   - young: the items that were armed lately, in the order of arming. Arm appends to it, and
//     Cancel finds its item by index. Most time limits are canceled while they are here.
//   - run: a sorted slice. Its first item fires first. When a young item may be the next to
//     fire, the queue sorts all young items. They go to run in two cases: they come after all
//     items in run (if all time limits have the same length, they always do), or they are at
//     least as many as the items in run.
//   - tree: a B-tree. In all other cases the young items go there.
//
// Rejected: a tree alone. It costs 2 to 13 times as much to arm and fire (BenchmarkArmPop),
// at least 20 times as much to arm and cancel (BenchmarkArmCancel), and makes the small stack
// of a task that arms a timer grow.
//
// Rejected: a binary heap. By itself it has no order among equal deadlines. Either a canceled
// item stays in it until its deadline, with all memory that its value refers to, or each item
// must know its index.
//
// In this queue, Cancel drops the value at once. The empty place in the slice is reused when
// most places of the slice are empty.
//
// With n items armed, Cancel and PopDue cost at most O(log n), Arm and Len cost O(1). Arm
// does not sort. A later Earliest or PopDue sorts the young items when one of them may be the
// first, for O(log n) for each of them. An item needs no allocation of its own. The queue keeps emptied
// slices of up to 16,384 items each, and 256 empty nodes of the tree, without their values:
// 1.2 MB at most, if V has the size of a word.
//
// The zero Queue is empty and ready to use. It must not be copied after the first Arm. Only
// one goroutine at a time may use a queue.
type Queue[V any] struct {
	seq uint64 // the Seq of the item that was armed last; 0 before the first
	n   int    // the number of armed items

	young     []Item[V] // young[i] has the Seq settled+1+i, or is zero because it was canceled
	youngLive int       // the number of items of young that are not zero
	youngest  int64     // no deadline in young is less; if exact, one is equal
	exact     bool
	settled   uint64 // the items up to this Seq are not in young any more

	run     []Item[V] // sorted by key; run[:front] have fired or were canceled, run[front] has not
	front   int
	runLive int // the number of items of run[front:] that are not gone

	tree *btree.BTreeG[Item[V]] // nil until it is needed

	// head is the first key of run and tree, and zero if both are empty.
	head Key
}

// gone is set in the Seq of a canceled item of run. The rest of its key stays, because the
// binary search for other items needs it.
const gone = 1 << 63

// New returns an empty queue.
func New[V any]() *Queue[V] {
	return new(Queue[V])
}

// Arm adds an item with the value v, which fires at deadline (in nanoseconds since the
// clock's start). It returns the key of the item, which Cancel takes.
//
// The key's Seq counts the calls of Arm on this queue, from 1. So the item fires after all
// items with the same deadline that were armed before, and before all that are armed later.
// The deadline may be in the past: the queue has no clock.
//
// An item that is armed at [Never] comes last, counts in Len, and fires only by
// PopDue(Never).
//
// Arm costs O(1) on average, and does not panic. It allocates only when there are more young
// items than ever before.
func (q *Queue[V]) Arm(deadline int64, v V) Key {
	if len(q.young) == cap(q.young) {
		q.makeRoom()
	}
	q.seq++
	q.n++
	k := Key{Deadline: deadline, Seq: q.seq}
	q.young = append(q.young, Item[V]{Key: k, Value: v})
	if q.youngLive++; q.youngLive == 1 || deadline < q.youngest {
		q.youngest, q.exact = deadline, true
	}
	return k
}

// makeRoom makes room for another young item. It doubles the capacity: append grows a large
// slice by a quarter, and so leaves old arrays of four times the final size to the garbage
// collector. makeRoom asks for one item more than the double: only then does slices.Grow take
// the requested size. For a smaller size it, too, grows by steps of a quarter.
func (q *Queue[V]) makeRoom() {
	if q.youngLive <= len(q.young)/2 {
		q.settle() // most young items have been canceled
	}
	q.young = slices.Grow(q.young, max(64, len(q.young)+1))
}

// Cancel removes the item with the key k. If the item was armed, Cancel returns its value and
// true; the item will not fire, and the queue keeps no reference to the value. If the item
// has fired, was canceled, or never existed, as for the zero Key, Cancel returns the zero V
// and false, and changes nothing. Do not give it a key of another queue: Cancel cannot see the
// difference, and may cancel another item.
//
// Cancel costs O(log n), and O(1) for a young item. It does not panic.
func (q *Queue[V]) Cancel(k Key) (V, bool) {
	switch {
	case k.Seq > q.settled:
		return q.cancelYoung(k)
	case k.less(q.head), q.head.Seq == 0:
		var zero V
		return zero, false
	}
	v, ok := q.cancelSettled(k)
	if ok {
		q.n--
	}
	if k == q.head {
		q.lead()
	}
	return v, ok
}

func (q *Queue[V]) cancelYoung(k Key) (v V, ok bool) {
	at := k.Seq - q.settled - 1
	if at >= uint64(len(q.young)) || q.young[at].Key != k {
		return v, false
	}
	v, q.young[at] = q.young[at].Value, Item[V]{}
	q.n--
	if q.youngLive--; q.youngLive == 0 {
		q.young, q.settled = emptied(q.young), q.seq
	}
	if k.Deadline == q.youngest {
		q.exact = false
	}
	return v, true
}

func (q *Queue[V]) cancelSettled(k Key) (v V, ok bool) {
	if at, found := q.search(k); found {
		if q.run[at].Key != k { // gone
			return v, false
		}
		v, q.run[at] = q.run[at].Value, Item[V]{Key: Key{Deadline: k.Deadline, Seq: k.Seq | gone}}
		q.leftRun()
		return v, true
	}
	if q.tree == nil {
		return v, false
	}
	it, ok := q.tree.Delete(Item[V]{Key: k})
	return it.Value, ok
}

// Earliest returns the deadline of the item that fires next, and true. If no item is armed it
// returns [Never] and false. In both cases the deadline can be given to the method Wait of a
// [Clock]. The item may be due already.
//
// Earliest costs O(1), with one exception: if a young item may be the first, and the young
// item with the earliest deadline has been canceled, Earliest sorts the young items.
func (q *Queue[V]) Earliest() (deadline int64, ok bool) {
	if q.youngLive > 0 && (q.head.Seq == 0 || q.youngest < q.head.Deadline) {
		if q.exact {
			return q.youngest, true
		}
		q.settle()
	}
	if q.head.Seq == 0 {
		return Never, false
	}
	return q.head.Deadline, true
}

// PopDue removes and returns the first item if its deadline is <= now (in nanoseconds since
// the clock's start). If it is not, or no item is armed, PopDue returns the zero Item and
// false, and changes nothing.
//
// If PopDue is called until it returns false, it returns all due items in order. Items that
// are armed between the calls take part: if their deadline is <= now, they fire in the same
// series.
//
// PopDue costs O(log n), or O(1) if it returns false. If a young item may be the first, PopDue
// first sorts the young items. It does not panic.
func (q *Queue[V]) PopDue(now int64) (Item[V], bool) {
	if q.youngLive > 0 && q.youngest <= now && (q.head.Seq == 0 || q.youngest < q.head.Deadline) {
		q.settle()
	}
	if q.head.Seq == 0 || q.head.Deadline > now {
		return Item[V]{}, false
	}
	var it Item[V]
	if q.runLive > 0 && q.run[q.front].Key == q.head {
		it = q.run[q.front]
		q.run[q.front] = Item[V]{Key: Key{Seq: gone}}
		q.leftRun()
	} else {
		it, _ = q.tree.DeleteMin()
	}
	q.lead()
	q.n--
	return it, true
}

// settle sorts the young items and moves them to run or to the tree.
func (q *Queue[V]) settle() {
	young := slices.DeleteFunc(q.young, func(it Item[V]) bool { return it.Seq == 0 })
	slices.SortFunc(young, func(a, b Item[V]) int { return a.Compare(b.Key) })
	q.settled, q.youngLive = q.seq, 0
	switch {
	case len(young) == 0:
	case q.runLive == 0:
		q.run, young = young, q.run[:0]
		q.runLive = len(q.run)
	case q.run[len(q.run)-1].Deadline <= young[0].Deadline:
		if q.runLive <= len(q.run)/2 {
			q.pack()
		}
		q.run = append(q.run, young...)
		q.runLive += len(young)
	case q.runLive <= len(young):
		q.pack()
		q.run = append(q.run, young...)
		q.runLive = len(q.run)
		slices.SortFunc(q.run, func(a, b Item[V]) int { return a.Compare(b.Key) })
	default:
		q.plant(young)
	}
	clear(young)
	q.young = emptied(young)
	q.lead()
}

// Reset removes all items. Afterwards the queue behaves as a new one: the next item has the Seq 1. So do not
// use keys from before the call. The queue keeps its memory, within the limits that the type's comment states.
//
// Reset costs O(n).
func (q *Queue[V]) Reset() {
	clear(q.young)
	clear(q.run)
	if q.tree != nil {
		q.tree.Clear(true)
	}
	*q = Queue[V]{young: emptied(q.young), run: emptied(q.run), tree: q.tree}
}

// plant moves items to the tree.
func (q *Queue[V]) plant(items []Item[V]) {
	if q.tree == nil {
		q.tree = btree.NewWithFreeListG(degree,
			func(a, b Item[V]) bool { return a.less(b.Key) },
			btree.NewFreeListG[Item[V]](keptNodes))
	}
	for _, it := range items {
		q.tree.ReplaceOrInsert(it)
	}
}

// leftRun restores the invariants of run after one of its items has fired or was canceled.
func (q *Queue[V]) leftRun() {
	if q.runLive--; q.runLive == 0 {
		q.run, q.front = emptied(q.run), 0
		return
	}
	for q.run[q.front].Seq&gone != 0 {
		q.front++
	}
	if cap(q.run) > keptItems && q.runLive < len(q.run)/4 {
		q.pack()
	}
}

// pack removes the empty places of run. It costs O(n) for a run of length n.
func (q *Queue[V]) pack() {
	live := q.run[:0]
	if cap(q.run) > keptItems { // run may never need this capacity again
		live = make([]Item[V], 0, q.runLive)
	}
	for _, it := range q.run[q.front:] {
		if it.Seq&gone == 0 {
			live = append(live, it)
		}
	}
	clear(q.run[len(live):])
	q.run, q.front = live, 0
}

// emptied returns s with length 0 for reuse, or nil if its capacity is too large to keep.
func emptied[T any](s []T) []T {
	if cap(s) > keptItems {
		return nil
	}
	return s[:0]
}

// lead computes head again.
func (q *Queue[V]) lead() {
	q.head = Key{}
	if q.runLive > 0 {
		q.head = q.run[q.front].Key
	}
	if q.tree == nil {
		return
	}
	if it, ok := q.tree.Min(); ok && (q.runLive == 0 || it.less(q.head)) {
		q.head = it.Key
	}
}

// Len returns the number of armed items. It costs O(1).
func (q *Queue[V]) Len() int { return q.n }

// All returns an iterator over the armed items, in the order in which they fire. It removes
// nothing, and can be used again.
//
// The queue may be changed during the iteration. The iterator decides at each step which item
// comes next: the first item that is armed at that moment and comes after the last yielded
// item. So an item that is canceled or fires meanwhile is not yielded. An item that is armed
// meanwhile is yielded only if it comes after the last yielded item. No item is yielded
// twice. If the loop's body arms a later item each time, the iteration never ends.
//
// Each step costs O(log n), and sorts the young items.
func (q *Queue[V]) All() iter.Seq[Item[V]] {
	return func(yield func(Item[V]) bool) {
		from := Key{Deadline: math.MinInt64}
		for {
			it, ok := q.ceiling(from)
			if !ok || !yield(it) {
				return
			}
			from = Key{Deadline: it.Deadline, Seq: it.Seq + 1}
		}
	}
}

// ceiling returns the first item whose key is not less than k.
func (q *Queue[V]) ceiling(k Key) (first Item[V], ok bool) {
	if q.youngLive > 0 {
		q.settle()
	}
	at, _ := q.search(k)
	for ; at < len(q.run) && !ok; at++ {
		first, ok = q.run[at], q.run[at].Seq&gone == 0
	}
	if q.tree != nil {
		q.tree.AscendGreaterOrEqual(Item[V]{Key: k}, func(it Item[V]) bool {
			if !ok || it.less(first.Key) {
				first, ok = it, true
			}
			return false
		})
	}
	if !ok {
		return Item[V]{}, false
	}
	return first, true
}

// search returns the index of k in run, or the index at which k would stand.
func (q *Queue[V]) search(k Key) (at int, found bool) {
	at, found = slices.BinarySearchFunc(q.run[q.front:], k, func(it Item[V], k Key) int {
		return Key{Deadline: it.Deadline, Seq: it.Seq &^ gone}.Compare(k)
	})
	return q.front + at, found
}
