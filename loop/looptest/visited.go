package looptest

import (
	"slices"
	"sync"

	"github.com/takt-go/takt/loop"
)

// visited is the tree of the schedules that an exploration has run. It leads every new run to a
// schedule that has not been run.
//
// A node is a choice point, and a kid of it an option. A run that leaves the tree claims the option by
// which it leaves. Other runs cannot take this option until the run has ended. Then the rest of its
// picks becomes one node, the tail, which is made into nodes only as far as later runs come along. When
// all options of a node are exhausted, the node is exhausted and dropped.
//
// If all options that are left at a choice point are claimed, a run waits there. It waits for a run that
// is further down in the tree than itself, so no two runs wait for each other.
//
// A program that polls has endlessly many schedules. When all short ones have been run, the tree leads
// to longer and longer ones, in which a task that is ready does not run. So there is a limit: a task that
// was passed over at the front of the queue for many choice points runs next, and no walk is asked.
type visited struct {
	mu      sync.Mutex
	changed *sync.Cond // a claim has ended
	root    int32      // as a slot has it; unseen before a run takes it
	cells   cells      // of the tree
	inside  []*visit   // the visits with the next choice point in the tree
	forgot  bool       // runs were not taken in, so the exploration may have run a schedule twice
	off     bool       // the program is not determined by its picks: see stop

	patience int  // a task that is at the front of the queue for so many choice points runs next
	limited  bool // in a run, a task had to run for this reason
}

// maxVisited is how many bytes the tree of an exploration may have. A tree that has them takes in nothing
// more, except what is exhausted. Then schedules may be run again.
var maxVisited = 256 << 20

func (v *visited) full() bool { return v.cells.bytes() >= maxVisited }

// newVisited returns an empty tree for runs of at most maxSteps steps.
func newVisited(maxSteps int) *visited {
	v := &visited{patience: max(1, maxSteps/10)}
	v.changed = sync.NewCond(&v.mu)
	return v
}

// over reports whether all schedules have been run.
func (v *visited) over() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.root == exhausted && !v.off && !v.limited
}

// stop makes the tree lead runs no more.
func (v *visited) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.off, v.root, v.cells = true, unseen, cells{}
	v.changed.Broadcast()
}

// A visit is a walk through the tree. by decides which of the options that are left a run takes.
type visit struct {
	by     Walk
	tree   *visited
	shard  shard
	inside bool   // the next choice point is in the tree
	at     int32  // its node; exhausted if other runs have taken all that was left there
	path   []edge // from the root to the option that the visit has claimed
	owns   bool   // the visit has claimed it, or the root
	late   bool   // other runs took all that was left while this one waited: it runs a schedule again
	tail   []byte
	some   []int32

	front uint64 // the ID of the task at the front of the queue
	waits int    // for how many choice points it has been there
}

// An edge is an option at a node.
type edge struct{ node, kid int32 }

// begin prepares the visit for a run, and returns false if there is nothing more to run.
func (w *visit) begin(by Walk, s shard) bool {
	v := w.tree
	v.mu.Lock()
	defer v.mu.Unlock()
	*w = visit{by: by, tree: v, shard: s, path: w.path[:0], tail: w.tail[:0], some: w.some[:0]}
	for !v.off && (v.root == claimed || v.root > 0 && v.cells.at(v.root)[cellOpen] == 0) {
		v.changed.Wait()
	}
	switch {
	case v.off:
	case v.root == unseen:
		v.root, w.owns = claimed, true
	case v.root == exhausted:
		return false
	default:
		w.inside, w.at = true, v.root
		v.inside = append(v.inside, w)
	}
	return true
}

// leave notes that the rest of the run is not in the tree.
func (w *visit) leave() {
	w.inside = false
	all := w.tree.inside
	last := len(all) - 1
	all[slices.Index(all, w)] = all[last]
	w.tree.inside = all[:last]
}

func (w *visit) Pick(p *ChoicePoint) int {
	if p.site == "" && w.passedOver(p.ready[0]) {
		return 0
	}
	from, to := 0, p.n
	if w.shard.parts > 1 {
		from, to = w.shard.narrow(p.n)
	}
	of := to - from
	if of < p.n {
		w.some = w.some[:0]
		for i := from; i < to; i++ {
			w.some = append(w.some, int32(i))
		}
		p.some = w.some
	}
	if w.inside && of > 1 {
		return w.pickInTree(p, from, of)
	}
	pick := pickOf(w.by, p)
	if w.owns && of > 1 {
		w.tail = appendOption(w.tail, p.Index(pick)-from, of)
	}
	return pick
}

// passedOver reports whether t, which is at the front of the queue, was passed over for too many choice
// points.
func (w *visit) passedOver(t *loop.Task) bool {
	if w.waits++; t.ID() != w.front {
		w.front, w.waits = t.ID(), 0
	}
	if w.waits < w.tree.patience {
		return false
	}
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	w.tree.limited = true
	return true
}

// pickInTree picks one of the options that are left, and goes down to it. of options begin with from.
func (w *visit) pickInTree(p *ChoicePoint, from, of int) int {
	v := w.tree
	v.mu.Lock()
	defer v.mu.Unlock()
	var n *cell
	for {
		if v.off || w.at > 0 && !v.split(w.at, of) {
			v.forgot = true
			w.leave()
			return pickOf(w.by, p)
		}
		if w.at == exhausted {
			w.late = true
			w.leave()
			return pickOf(w.by, p)
		}
		if n = v.cells.at(w.at); n[cellOpen] > 0 {
			break
		}
		v.changed.Wait()
	}
	if int(n[cellOpen]) < of {
		w.some = v.cells.left(w.at, from, w.some[:0])
		p.some = w.some
	}
	pick := pickOf(w.by, p)
	kid := int32(p.Index(pick) - from)
	w.path = append(w.path, edge{w.at, kid})
	slot := v.cells.slot(w.at, kid)
	if *slot == unseen {
		*slot, w.owns = claimed, true
		w.close()
		w.leave()
	} else {
		w.at = *slot
	}
	return pick
}

// split makes a node with kids of a leaf. It reports whether the node has of kids. It has another number if
// the program is not deterministic, and none if the tree is full.
func (v *visited) split(node int32, of int) bool {
	had := int(v.cells.at(node)[cellOf])
	return had == of || had == 0 && !v.full() && v.cells.split(node, int32(of))
}

// end takes the rest of a run into the tree.
func (w *visit) end() {
	v := w.tree
	v.mu.Lock()
	defer v.mu.Unlock()
	if w.inside {
		w.leave()
	}
	if !w.owns {
		return
	}
	w.owns = false
	if v.off {
		return
	}
	rest := int32(unseen)
	switch {
	case len(w.tail) == 0:
		rest = exhausted
	case v.full():
		v.forgot = true
	default:
		rest = v.cells.newLeaf(w.tail)
	}
	defer v.changed.Broadcast()
	switch {
	case rest == exhausted:
		w.exhaust()
	case len(w.path) == 0:
		v.root = rest
	default:
		last := w.path[len(w.path)-1]
		*v.cells.slot(last.node, last.kid) = rest
		w.reopen()
	}
}

// close tells the nodes above what the visit has claimed that it cannot be taken any more.
func (w *visit) close() {
	for _, above := range slices.Backward(w.path) {
		n := w.tree.cells.at(above.node)
		if n[cellOpen]--; n[cellOpen] > 0 {
			return
		}
	}
}

// reopen tells the nodes that it can be taken again.
func (w *visit) reopen() {
	for _, above := range slices.Backward(w.path) {
		n := w.tree.cells.at(above.node)
		if n[cellOpen]++; n[cellOpen] > 1 {
			return
		}
	}
}

// exhaust notes that there is nothing more to run below what the visit has claimed. It drops the nodes that
// are exhausted by that.
func (w *visit) exhaust() {
	v := w.tree
	for _, above := range slices.Backward(w.path) {
		if !v.cells.exhaust(above.node, above.kid) {
			return
		}
		v.cells.drop(above.node)
		for _, o := range v.inside {
			if o.at == above.node {
				o.at = exhausted
			}
		}
	}
	v.root = exhausted
}
