package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A Plan says which faults [World.Faults] causes, and how many.
//
// The fields from Crash to Clock are the kinds of faults. Each one is a weight: how likely this kind is, compared with
// the others. 0 leaves the kind out. If all weights are 0, each kind has the weight 1. So the zero Plan has all
// kinds. The weights do not change how many faults there are: Every does. Net and Disk are apart: their zero values
// have no faults.
//
// Each fault is one choice of the schedule. Its name says all of it, such as "crash b" or "partition a | b c". The end
// of a fault belongs to it: the start after a crash, the heal after a partition. So minimising leaves out
// the faults that do not matter, and each of the others keeps its time and its end.
type Plan struct {
	// For is the time in which new faults begin. Faults that have begun still end later. 0: until Quiet, or the
	// end of the world.
	For time.Duration
	// Every is the mean time from one proposal of a fault to the next. 0: one second. If a proposal is
	// impossible, for example because the node is down, nothing happens.
	Every time.Duration
	// Down is the mean time from the beginning of a fault to its end. 0: as Every.
	Down time.Duration

	Crash        float64 // a node crashes, or several at once; they start again
	PowerFailure float64 // all nodes crash at once, whatever MaxDown is; they start again
	Stop         float64 // a node is stopped, and starts again; a program that does not end in time is killed
	Pause        float64 // a node is paused, and resumed
	Partition    float64 // one node, or some, are cut from the others, perhaps with a node between them that reaches all
	Cut          float64 // in one direction, a node is cut from another one, or from all others; the other direction works
	Hold         float64 // what one node sends to another one is held back
	Clock        float64 // the clock of a node jumps, or goes faster or slower; later it is set right

	// MaxDown is how many nodes may be down, stopping or paused at the same time. 0: fewer than half of the
	// nodes, but at least 1.
	MaxDown int
	// MaxOffset is how far a clock jumps at most. 0: one second.
	MaxOffset time.Duration
	// MaxDrift is how much faster or slower a clock goes at most, as a part of the normal rate. 0: 0.05.
	MaxDrift float64

	// Net and Disk say how often a message, or a call on a disk, meets a fault while the plan lasts. Disk is for
	// the nodes with a program that the world has when the plan begins. It replaces what [Node.SetDisk] has set. The end of
	// the plan ends the faults of these disks, unless SetDisk has set others meanwhile.
	Net  NetFaults
	Disk DiskFaults

	// Steady switches swarm mode off. In swarm mode about half of the kinds are left out in each schedule, and
	// about half of the probabilities in Net and Disk, because faults of one kind can hide what faults of another
	// kind would show. Use Steady with strategies that have the same noise in all schedules:
	// [looptest.DelayBounded] and [looptest.Exhaustive].
	Steady bool
}

// NetFaults has the probabilities, from 0 to 1, that a message meets a fault. They are for all links, and come on top
// of those of [World.SetLink]. [Link] says what each fault does.
type NetFaults struct{ Loss, Duplicate, Reorder float64 }

// A faultKind is a kind of faults.
type faultKind struct {
	name    string
	weight  func(p *Plan) *float64
	propose func(f *faults, r *rand.Rand) fault // r is for this proposal alone
}

var kinds = []faultKind{
	{"Crash", func(p *Plan) *float64 { return &p.Crash }, (*faults).crash},
	{"PowerFailure", func(p *Plan) *float64 { return &p.PowerFailure }, (*faults).powerFailure},
	{"Stop", func(p *Plan) *float64 { return &p.Stop }, (*faults).stop},
	{"Pause", func(p *Plan) *float64 { return &p.Pause }, (*faults).pause},
	{"Partition", func(p *Plan) *float64 { return &p.Partition }, (*faults).partition},
	{"Cut", func(p *Plan) *float64 { return &p.Cut }, (*faults).cut},
	{"Hold", func(p *Plan) *float64 { return &p.Hold }, (*faults).hold},
	{"Clock", func(p *Plan) *float64 { return &p.Clock }, (*faults).clock},
}

// check panics if a field is out of range.
func (p *Plan) check() {
	bad := func(name string, value any, want string) {
		panic(fmt.Sprintf("sim: a Plan with %s %v; give it %s", name, value, want))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"For", p.For}, {"Every", p.Every}, {"Down", p.Down}, {"MaxOffset", p.MaxOffset}} {
		if d.value < 0 {
			bad(d.name, d.value, "a positive time, or 0 for the default")
		}
	}
	for _, k := range kinds {
		if v := *k.weight(p); !(v >= 0 && v <= 1e9) {
			bad("the weight "+k.name, v, "a weight from 0 to 1e9")
		}
	}
	if p.MaxDown < 0 {
		bad("MaxDown", p.MaxDown, "a number of nodes, or 0 for the default")
	}
	if !(p.MaxDrift >= 0 && p.MaxDrift <= 0.9) {
		bad("MaxDrift", p.MaxDrift, "a part from 0 to 0.9")
	}
	for _, field := range p.noise() {
		if !(*field >= 0 && *field <= 1) {
			bad("a probability in Net or Disk of", *field, "one from 0 to 1")
		}
	}
	if p.Disk.Capacity < 0 {
		bad("a Capacity in Disk of", p.Disk.Capacity, "a number of bytes, or 0 for no limit")
	}
}

// noise returns the probabilities of Net and Disk.
func (p *Plan) noise() []*float64 {
	n, d := &p.Net, &p.Disk
	return []*float64{&n.Loss, &n.Duplicate, &n.Reorder, &d.SyncFails, &d.Slow, &d.Full, &d.ReadFails, &d.ReadFlips}
}

// defaults sets the fields that are zero, and draws which kinds swarm mode leaves out.
func (f *faults) defaults() {
	p := &f.plan
	sum := 0.0
	for _, k := range kinds {
		sum += *k.weight(p)
	}
	if sum == 0 {
		for _, k := range kinds {
			*k.weight(p) = 1
		}
	}
	orElse(&p.Every, time.Second)
	orElse(&p.Down, p.Every)
	orElse(&p.MaxOffset, time.Second)
	orElse(&p.MaxDrift, 0.05)
	f.swarm()
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// swarm leaves out about half of the kinds, but not all, and about half of the probabilities.
func (f *faults) swarm() {
	if f.plan.Steady {
		return
	}
	var on, off []*float64
	for _, k := range kinds {
		weight := k.weight(&f.plan)
		if out := f.noise.IntN(2) == 0; *weight > 0 && out {
			off = append(off, weight)
		} else if *weight > 0 {
			on = append(on, weight)
		}
	}
	if len(on) == 0 {
		at := f.noise.IntN(len(off))
		off = slices.Delete(off, at, at+1)
	}
	for _, field := range f.plan.noise() {
		if f.noise.IntN(2) == 0 {
			off = append(off, field)
		}
	}
	for _, field := range off {
		*field = 0
	}
}
