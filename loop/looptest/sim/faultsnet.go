package sim

import (
	"math/rand/v2"
	"strings"
)

// partition proposes to cut some nodes from the others. Hosts of the test are among them. There is one partition of the
// plan at a time: two of them would leave few links.
func (f *faults) partition(r *rand.Rand) fault {
	all := f.world.nodes
	side := make([]int, len(all))
	one := r.IntN(2) == 0 // with about a third of the hosts; otherwise about half of all
	alone := r.IntN(len(all))
	for i, n := range all {
		switch {
		case i == alone:
		case one && (n.boot != nil || r.IntN(3) > 0), !one && r.IntN(2) == 0:
			side[i] = 1
		}
	}
	bridge := -1
	if len(all) > 2 && r.IntN(4) == 0 {
		bridge = r.IntN(len(all))
	}
	var sides [2][]string
	for i, n := range all {
		if i != bridge {
			sides[side[i]] = append(sides[side[i]], n.name)
		}
	}
	if len(sides[0]) == 0 || len(sides[1]) == 0 {
		return fault{}
	}
	site := "partition " + strings.Join(sides[0], " ") + " | " + strings.Join(sides[1], " ")
	if bridge >= 0 {
		site += ", bridge " + all[bridge].name
	}
	return fault{
		site:     site,
		possible: !f.parted,
		begin: func() func() {
			f.parted = true
			c := f.world.net.partition(sides[:])
			return func() { f.parted = false; c.heal() }
		},
	}
}

// pair draws two nodes. Hosts of the test are among them. It returns nil if there is one only.
func (f *faults) pair(r *rand.Rand) (a, b *Node) {
	all := f.world.nodes
	if len(all) < 2 {
		return nil, nil
	}
	i, j := r.IntN(len(all)), r.IntN(len(all)-1)
	if j >= i {
		j++
	}
	return all[i], all[j]
}

// cut proposes a cut of one direction.
func (f *faults) cut(r *rand.Rand) fault {
	from, to := f.pair(r)
	if from == nil {
		return fault{}
	}
	sides := from.name + "→" + to.name
	separates := func(a, b *Node) bool { return a == from && b == to }
	switch r.IntN(4) {
	case 0:
		sides = from.name + "→all"
		separates = func(a, b *Node) bool { return a == from && a != b }
	case 1:
		sides = "all→" + to.name
		separates = func(a, b *Node) bool { return b == to && a != b }
	}
	return fault{
		site:     "cut " + sides,
		possible: true,
		begin:    func() func() { return f.world.net.cut("cut "+sides, sides, separates).heal },
	}
}

// hold proposes to hold back what one node sends to another one.
func (f *faults) hold(r *rand.Rand) fault {
	from, to := f.pair(r)
	if from == nil {
		return fault{}
	}
	l := f.world.net.nicOf(from).linkTo(f.world.net.nicOf(to))
	return fault{
		site:     "hold " + l.name,
		possible: l.held == 0,
		begin: func() func() {
			l.hold(from.name)
			holds := l.holds
			return func() {
				if l.holds == holds {
					l.release()
				}
			}
		},
	}
}
