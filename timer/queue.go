package timer

import (
	"iter"
	"math"
	"slices"

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

// keptItems is the capacity up to which an emptied slice is kept for later.
const keptItems = 1 << 14

// Queue holds armed items in the order in which they fire: by deadline, and
// equal deadlines in the order of arming.
//
// An item passes through one or two of three places, all of which hold it by value:
//
//   - young: what was armed lately, in the order of arming. Arming is an append,
//     and cancelling finds its item by index. Most time limits end here.
//   - run: a sorted slice, fired from its front. When one of the young may be next,
//     all of them are sorted, and go here if they come after all that the run has,
//     as where every limit is the same, or if they are as many.
//   - tree: a B-tree, for the young that fit neither way.
//
// The roads not taken: the tree alone costs 2 to 13 times as much to arm and fire
// (BenchmarkArmPop), 20 times and more to arm and cancel (BenchmarkArmCancel), and
// makes the small stack of a task that arms a timer grow. A binary heap has no order
// among equal deadlines of its own, and a canceled item either lingers in it, with
// all that its value refers to, until its deadline comes, or must know its index.
// Here cancelling lets go of the value at once; the place that it leaves in a slice
// is used again when most of the places are such.
//
// With n items armed, Cancel and PopDue cost O(log n) at most, Arm and Len O(1).
// What Arm saves by not sorting, O(log n) per item, is spent once by the Earliest or
// PopDue for which one of the young may be first. Nothing is allocated per item.
// Emptied slices are kept up to 16,384 items each, and 256 emptied nodes of the
// tree, without their values (1.2 MB at most, if V has the size of a word).
//
// The zero Queue is empty and ready to use; it must not be copied after the
// first Arm. A queue belongs to one goroutine at a time.
type Queue[V any] struct {
	seq uint64 // the Seq of the item armed last; 0 before the first
	n   int    // the number of items armed

	young     []Item[V] // young[i] has the Seq settled+1+i, or is zero: it was canceled
	youngLive int       // how many are not zero
	youngest  int64     // no deadline in young is less, and one is equal if exact
	exact     bool
	settled   uint64 // what was armed up to this Seq has left young

	run     []Item[V] // sorted by key; run[:front] have left, run[front] has not
	front   int
	runLive int // how many of run[front:] are not gone

	tree *btree.BTreeG[Item[V]] // nil until it is needed

	// head is the first key in run and tree, and zero if they are empty.
	head Key
}

// gone is set in the Seq of an item of the run that was canceled: the rest of its
// key stays, to find the others by.
const gone = 1 << 63

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
// Arm costs O(1), on average, and does not panic. It allocates only when there are
// more young items than ever before.
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

// makeRoom makes room for another young item: by doubling, as append's growth by a
// quarter leaves four times what it ends with to the collector. More than the double is
// asked for, by one, since up to there slices.Grow goes beyond, by steps of a quarter.
func (q *Queue[V]) makeRoom() {
	if q.youngLive <= len(q.young)/2 {
		q.settle() // most have been canceled
	}
	q.young = slices.Grow(q.young, max(64, len(q.young)+1))
}

// Cancel removes the item with key k. It returns its value and true if it was
// armed, and then the item will not fire and the queue keeps no reference to
// the value. It returns the zero V and false, and changes nothing, if the item
// has fired, was canceled, or never was (the zero Key, say). A key of another
// queue means nothing here, but cannot be told from one of this queue.
//
// Cancel costs O(log n), and O(1) for what is young. It does not panic.
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

// Earliest returns the deadline of the item that fires next and true, or
// [Never] and false if nothing is armed; either deadline is fit for
// [Clock].Wait. The item may be due or not. Earliest costs O(1), unless one of the
// young may be first and the one that was first among them has been canceled: then
// it sorts them.
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

// PopDue removes and returns the first item in the order if its deadline is
// <= now (in nanoseconds since the clock's start). Otherwise, and if nothing is
// armed, it returns the zero Item and false, and changes nothing.
//
// Called until it returns false, it yields the due items in order. What is
// armed between the calls takes part: an item armed with a deadline <= now
// fires in the same series.
//
// PopDue costs O(log n), O(1) if it returns false. If one of the young may be first,
// it sorts them before. It does not panic.
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

// settle moves the young to where they are in order.
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

// leftRun restores what holds of run after an item of it has fired or gone.
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

// pack moves the items of run together. It costs the length of run.
func (q *Queue[V]) pack() {
	live := q.run[:0]
	if cap(q.run) > keptItems { // it may never grow that long again
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

// emptied returns s without its items, for later.
func emptied[T any](s []T) []T {
	if cap(s) > keptItems {
		return nil
	}
	return s[:0]
}

// lead sets head anew.
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
// Each step costs O(log n), and sorts what is young.
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

// search returns the place of k in run, or that of the item after it.
func (q *Queue[V]) search(k Key) (at int, found bool) {
	at, found = slices.BinarySearchFunc(q.run[q.front:], k, func(it Item[V], k Key) int {
		return Key{Deadline: it.Deadline, Seq: it.Seq &^ gone}.Compare(k)
	})
	return q.front + at, found
}
