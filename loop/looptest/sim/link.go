package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
)

// A Link says how messages travel from one node to another one. It is for one direction.
//
// A message takes the time Latency, and up to Jitter more; noise decides how much. If both are 0, it takes between
// 0.5 and 1.5 ms, and from a node to itself between 5 and 15 µs. So no two messages arrive at the same instant by chance.
//
// Loss, Duplicate and Reorder are probabilities, from 0 to 1, for each message. Each such fault is a choice of the
// schedule: "drop a→b", "duplicate a→b", "reorder a→b". A packet is lost, or comes twice, or is overtaken by later ones.
// On a connection nothing comes twice, and nothing is overtaken. A connection sends a lost message again, after 200 ms or
// more, and what follows it waits. A message is lost six times at most, so it comes within 13 s. But if Loss is 1, no
// message comes that was lost six times, until Loss is less. After 2 minutes the ends time out, with [syscall.ETIMEDOUT].
//
// Bandwidth is in bytes per second. 0 stands for no limit. All messages of the link share it.
type Link struct {
	Latency, Jitter          time.Duration
	Loss, Duplicate, Reorder float64
	Bandwidth                int64
}

const (
	defaultLatency  = 500 * time.Microsecond
	defaultJitter   = time.Millisecond
	loopbackLatency = 5 * time.Microsecond
	loopbackJitter  = 10 * time.Microsecond
)

// Times of the kernel.
const (
	resendDelay    = 200 * time.Millisecond // after which it sends again what was lost
	maxResendDelay = time.Second            // after a link has healed
	mostLosses     = 6                      // of one message, unless the link loses everything
	patience       = 2 * time.Minute        // for a peer that does not answer
)

// linkFaults are the probabilities of faults that a plan sets on all links, besides those of SetLink.
type linkFaults struct{ loss, duplicate, reorder float64 }

// A linkRule is a call of SetLink.
type linkRule struct {
	from, to *Node // nil for every node
	set      Link
}

// A link goes from one nic to another one.
type link struct {
	from, to *nic
	name     string // a→b
	back     *link  // the other direction
	Link
	noise   *rand.Rand
	cuts    int           // that the link is a part of
	held    uint64        // the ID of the hold; 0 if there is none
	holds   int           // calls of hold, so that a plan ends only its own
	free    time.Duration // when it has sent all, if its bandwidth is limited
	waiting []*flow       // that have something to deliver, and wait for the end of a cut or hold
	packets queue[flight] // in order of arrival
	last    time.Duration // when the last packet arrives that keeps the order
	timer   loop.Handle   // for the first packet
	fire    func()
}

// linkTo returns the link from n to another nic, or to n itself.
func (n *nic) linkTo(to *nic) *link {
	i := to.node.number - 1
	for len(n.links) <= i {
		n.links = append(n.links, nil)
	}
	if n.links[i] == nil {
		l := &link{from: n, to: to, name: n.node.name + "→" + to.node.name}
		n.links[i] = l
		l.fire = l.arrive
		l.set()
		for _, c := range n.net.cuts {
			if c.separates(n.node, to.node) {
				c.add(l)
			}
		}
		l.back = to.linkTo(n)
	}
	return n.links[i]
}

// set applies the rules of SetLink.
func (l *link) set() {
	l.Link = Link{}
	for _, r := range l.from.net.rules {
		if (r.from == nil || r.from == l.from.node) && (r.to == nil || r.to == l.to.node) && (l.from != l.to || r.from == r.to && r.to != nil) {
			l.Link = r.set
		}
	}
	if l.Latency == 0 && l.Jitter == 0 {
		l.Latency, l.Jitter = defaultLatency, defaultJitter
		if l.from == l.to {
			l.Latency, l.Jitter = loopbackLatency, loopbackJitter
		}
	}
}

// open reports whether what arrives now is delivered.
func (l *link) open() bool { return l.cuts == 0 && l.held == 0 }

// rand returns the noise of the link.
func (l *link) rand() *rand.Rand {
	if l.noise == nil {
		l.noise = l.from.net.world.t.Rand("link " + l.name)
	}
	return l.noise
}

// upTo returns a time from 0 to max.
func (l *link) upTo(max time.Duration) time.Duration {
	if max <= 0 {
		return 0
	}
	return time.Duration(l.rand().Int64N(int64(max) + 1))
}

// latency returns how long the next message takes.
func (l *link) latency() time.Duration { return l.Latency + l.upTo(l.Jitter) }

// departure returns when the last of size bytes has been sent.
func (l *link) departure(size int) time.Duration {
	now := l.from.net.now()
	if l.Bandwidth <= 0 {
		return now
	}
	l.free = max(l.free, now) + l.timeFor(size)
	return l.free
}

// timeFor returns how long the link takes to send size bytes.
func (l *link) timeFor(size int) time.Duration {
	if l.Bandwidth <= 0 {
		return 0
	}
	return time.Duration(float64(size) / float64(l.Bandwidth) * float64(time.Second))
}

// strikes reports whether a fault with probability p happens to a message. The schedule chooses.
func (l *link) strikes(what string, p, everywhere float64) bool {
	if p = 1 - (1-p)*(1-everywhere); p <= 0 || l.from == l.to {
		return false
	}
	what += " " + l.name
	if !l.from.net.world.t.Chance(what, p) {
		return false
	}
	l.from.net.world.fault(l.from.node.name, "%s", what)
	return true
}

// losesAll reports whether nothing that may be lost arrives.
func (l *link) losesAll() bool { return l.from != l.to && max(l.Loss, l.from.net.faults.loss) == 1 }

func (l *link) dropped() bool { return l.strikes("drop", l.Loss, l.from.net.faults.loss) }

// opened is called when the link delivers again.
func (l *link) opened() {
	if !l.open() {
		return
	}
	waiting := l.waiting
	l.waiting = nil
	for _, f := range waiting {
		if f.hopeless() {
			l.waiting = append(l.waiting, f)
		} else {
			f.resume()
		}
	}
	l.armPackets()
	l.review()
}

// changed is called when the link may lose less than before. Flows that wait, although it is open, wait for that.
func (l *link) changed() {
	if len(l.waiting) > 0 {
		l.opened()
	}
}

// review looks at the connections that use the link, in either direction.
func (l *link) review() {
	l.from.net.review(func(e *end) bool {
		return e.nic == l.from && e.peer.nic == l.to || e.nic == l.to && e.peer.nic == l.from
	})
}

// eachLink calls do for the links between two nodes that have been in use; nil stands for every node.
func (n *network) eachLink(from, to *Node, do func(*link)) {
	for _, c := range n.nics {
		if c == nil || from != nil && c.node != from {
			continue
		}
		for _, l := range c.links {
			if l != nil && (to == nil || l.to.node == to) {
				do(l)
			}
		}
	}
}

// SetLink sets the link from one node to another one, for what is sent from now on. An empty name stands for every
// node, also for those that are made later. The link from a node to itself changes only if both names are given.
// SetLink panics if a value is negative, if a time is more than a day, or if a probability is more than 1.
func (w *World) SetLink(from, to string, l Link) {
	if !w.acts("SetLink") {
		return
	}
	const day = 24 * time.Hour
	if l.Latency < 0 || l.Latency > day || l.Jitter < 0 || l.Jitter > day || l.Bandwidth < 0 || !probabilities(l.Loss, l.Duplicate, l.Reorder) {
		panic(fmt.Sprintf("sim: SetLink(%q, %q, %+v); give times from 0 to a day, a bandwidth of 0 or more, and probabilities from 0 to 1", from, to, l))
	}
	r := linkRule{set: l}
	if from != "" {
		r.from = w.mustFind("SetLink", from)
	}
	if to != "" {
		r.to = w.mustFind("SetLink", to)
	}
	w.net.rules = append(slices.DeleteFunc(w.net.rules, func(o linkRule) bool { return o.from == r.from && o.to == r.to }), r)
	w.net.eachLink(r.from, r.to, func(l *link) {
		l.set()
		l.changed()
	})
}

func probabilities(all ...float64) bool {
	return !slices.ContainsFunc(all, func(p float64) bool { return !(p >= 0 && p <= 1) })
}

// mustFind returns the node with this name.
func (w *World) mustFind(method, name string) *Node {
	n := w.find(name)
	if n == nil {
		panic(fmt.Sprintf("sim: %s of %q, which is the name of no node", method, name))
	}
	return n
}
