package looptest

import (
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
	root    *node      // nil before the first run has ended
	claimed bool       // a run has claimed the root
	size    int        // how many bytes the tree has, roughly
	forgot  bool       // runs were not taken in, so the exploration may have run a schedule twice
	off     bool       // the program is not determined by its picks: see stop

	patience int  // a task that is at the front of the queue for so many choice points runs next
	limited  bool // in a run, a task had to run for this reason
}

// maxVisited is how many bytes the tree of an exploration may have, roughly. A tree that has them takes
// in nothing more, except what is exhausted. Then schedules may be run again.
var maxVisited = 256 << 20

func (v *visited) full() bool { return v.size >= maxVisited }

type node struct {
	parent *node
	at     int32 // which kid of the parent it is
	open   int32 // how many kids a run can take
	kids   []*node
	tail   []option // if kids is nil
	over   bool     // all kids are exhausted
}

// nodeSize is how many bytes a node has, without its kids and its tail.
const nodeSize = 80

// An option is a pick at a choice point, and the number of options there.
type option struct{ pick, of int32 }

var (
	claimed   = new(node) // a kid that a run has claimed
	exhausted = new(node) // a kid below which there is nothing more to run
)

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
	v.off, v.root = true, nil
	v.changed.Broadcast()
}

// A visit is a walk through the tree. by decides which of the options that are left a run takes.
type visit struct {
	by     Walk
	tree   *visited
	shard  shard
	at     *node // the next choice point; nil outside of the tree
	leaf   *node // the node of the option that the visit has claimed
	option int32
	owns   bool // the visit has claimed leaf, or the root if leaf is nil
	late   bool // other runs took all that was left while this one waited: it runs a schedule again
	tail   []option
	some   []int32

	front uint64 // the ID of the task at the front of the queue
	waits int    // for how many choice points it has been there
}

// begin prepares the visit for a run, and returns false if there is nothing more to run.
func (w *visit) begin(by Walk, s shard) bool {
	v := w.tree
	v.mu.Lock()
	defer v.mu.Unlock()
	w.by, w.shard, w.at, w.leaf, w.owns, w.late, w.tail = by, s, nil, nil, false, false, w.tail[:0]
	w.front, w.waits = 0, 0
	for !v.off && (v.root == nil && v.claimed || v.root != nil && v.root != exhausted && v.root.open == 0) {
		v.changed.Wait()
	}
	switch {
	case v.off:
	case v.root == nil:
		v.claimed, w.owns = true, true
	case v.root == exhausted:
		return false
	default:
		w.at = v.root
	}
	return true
}

func (w *visit) Pick(p *ChoicePoint) int {
	if p.site == "" && w.passedOver(p.ready[0]) {
		return 0
	}
	from, to := w.shard.narrow(p.n)
	of := to - from
	if of < p.n {
		w.some = w.some[:0]
		for i := from; i < to; i++ {
			w.some = append(w.some, int32(i))
		}
		p.some = w.some
	}
	if w.at == nil || of == 1 {
		pick := pickOf(w.by, p)
		if w.owns && of > 1 {
			w.tail = append(w.tail, option{int32(p.Index(pick) - from), int32(of)})
		}
		return pick
	}
	return w.pickInTree(p, from, of)
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
	n := w.at
	for {
		if v.off || !n.split(v, of) {
			w.at, v.forgot = nil, true
			return pickOf(w.by, p)
		}
		if n.open > 0 {
			break
		}
		if n.over {
			w.at, w.late = nil, true
			return pickOf(w.by, p)
		}
		v.changed.Wait()
	}
	if int(n.open) < of {
		w.some = w.some[:0]
		for i, kid := range n.kids {
			if kid == nil || kid.open > 0 {
				w.some = append(w.some, int32(from+i))
			}
		}
		p.some = w.some
	}
	pick := pickOf(w.by, p)
	at := p.Index(pick) - from
	if kid := n.kids[at]; kid != nil {
		w.at = kid
		return pick
	}
	n.kids[at] = claimed
	n.close()
	w.at, w.leaf, w.option, w.owns = nil, n, int32(at), true
	return pick
}

// end takes the rest of a run into the tree.
func (w *visit) end() {
	v := w.tree
	v.mu.Lock()
	defer v.mu.Unlock()
	if !w.owns {
		return
	}
	w.owns = false
	if v.off {
		return
	}
	var rest *node
	switch {
	case len(w.tail) == 0:
		rest = exhausted
	case v.full():
		v.forgot = true
	default:
		rest = &node{parent: w.leaf, at: w.option, open: 1, tail: append([]option(nil), w.tail...)}
		v.size += nodeSize + 8*len(w.tail)
	}
	defer v.changed.Broadcast()
	switch {
	case w.leaf == nil:
		v.root, v.claimed = rest, false
		return
	case rest == exhausted:
		w.leaf.exhaust(v, w.option)
	default:
		w.leaf.kids[w.option] = rest
		w.leaf.reopen()
	}
}

// split gives the node its kids, if it has none yet. It reports whether the node has of kids. It has
// another number if the program is not deterministic, and none if the tree is full.
func (n *node) split(v *visited, of int) bool {
	if n.kids == nil {
		first := n.tail[0]
		if int(first.of) != of || v.full() {
			return false
		}
		n.kids = make([]*node, of)
		kid := exhausted
		n.open = first.of - 1
		if len(n.tail) > 1 {
			kid = &node{parent: n, at: first.pick, open: 1, tail: n.tail[1:]}
			n.open++
			v.size += nodeSize
		}
		n.kids[first.pick] = kid
		n.tail = nil
		v.size += 8*of - 8
	}
	return len(n.kids) == of
}

// close tells the node that a kid cannot be taken any more.
func (n *node) close() {
	for n.open--; n.open == 0 && n.parent != nil; {
		n = n.parent
		n.open--
	}
}

// reopen tells the node that a kid can be taken again.
func (n *node) reopen() {
	for n.open++; n.open == 1 && n.parent != nil; {
		n = n.parent
		n.open++
	}
}

// exhaust notes that there is nothing more to run below a kid that was claimed.
func (n *node) exhaust(v *visited, kid int32) {
	for {
		n.kids[kid] = exhausted
		for _, k := range n.kids {
			if k != exhausted {
				return
			}
		}
		n.over = true
		v.size -= nodeSize + 8*len(n.kids)
		if n.parent == nil {
			v.root = exhausted
			return
		}
		n, kid = n.parent, n.at
	}
}
