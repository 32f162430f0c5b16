package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A fault is a proposal, and what has come of it.
type fault struct {
	site     string // names the choice
	possible bool
	begin    func() (end func())

	end   func() // nil if it has ended
	until loop.Handle
}

// faults are the faults of one call of World.Faults.
type faults struct {
	world   *World
	plan    Plan
	noise   *rand.Rand
	pcg     rand.PCG
	detail  *rand.Rand // of one proposal; its source is pcg
	next    loop.Handle
	last    loop.Handle // after Plan.For
	over    bool
	vain    int      // proposals in a row that found nothing else going on
	lasting []*fault // in order of their beginnings
	nodes   []*Node  // with a program
	disks   []func() // end the faults of disks
	parted  bool     // a partition lasts
}

// Faults begins to cause faults, as the plan says, and returns at once. Faults begin until plan.For is over, or until
// [World.Quiet].
//
// At times that noise draws, Faults proposes a fault: noise draws the kind, the nodes, and how long it lasts. Then
// a choice of the schedule decides whether the fault happens: always under [looptest.Sample], [looptest.Random]
// and [looptest.PCT]. The first schedule of an exploration has no faults. The proposals of a run do not depend on
// which of them happen. Hosts of the test are not crashed, stopped or paused, but the network is cut between them
// and the nodes.
//
// A plan does not hide a deadlock. If no task is ready, and no timer is armed but that of the next proposal, only a fault
// can wake a task. If this is so for 100 proposals in a row, the plan ends, and the run fails with the deadlock.
//
// Faults panics if a field of the plan is out of range, if the world has no nodes, if ctx does not belong to the
// running task, or if the faults of another call still begin.
func (w *World) Faults(ctx context.Context, plan Plan) {
	w.mustAct("Faults")
	lowlevel.Current(ctx)
	if w.ended {
		return
	}
	plan.check()
	if f := w.faults; f != nil && !f.over {
		panic("sim: Faults, while the faults of another Plan still begin; call Quiet before, or give the first Plan a time in For")
	}
	before := w.faults
	f := &faults{world: w, plan: plan, noise: w.t.Rand("faults")}
	if before != nil {
		f.lasting = before.lasting
	}
	f.detail = rand.New(&f.pcg)
	if len(f.members()) == 0 {
		panic("sim: Faults in a world without nodes; make the nodes before")
	}
	f.defaults()
	w.faults = f
	w.net.setFaults(linkFaults{f.plan.Net.Loss, f.plan.Net.Duplicate, f.plan.Net.Reorder})
	if plan.Disk != (DiskFaults{}) {
		for _, n := range f.nodes {
			n.SetDisk(f.plan.Disk)
			sets := n.disk.sets
			f.disks = append(f.disks, func() {
				if n.disk.sets == sets {
					n.SetDisk(DiskFaults{})
				}
			})
		}
	}
	if plan.For > 0 {
		f.last = w.loop.CallLater(plan.For, f.cease)
	}
	f.wait()
}

// wait waits for the time of the next proposal.
func (f *faults) wait() {
	f.next = f.world.loop.CallLater(f.draw(f.plan.Every, f.noise), f.propose)
}

// draw draws a time: the mean is mean, and most times are shorter.
func (f *faults) draw(mean time.Duration, r *rand.Rand) time.Duration {
	drawn := min(r.ExpFloat64(), 5) * float64(mean)
	return max(time.Millisecond, time.Duration(min(drawn, 1<<62))) // mean may be task.NoLimit
}

// mostVain is how many proposals a plan makes in a row when only it goes on.
const mostVain = 100

// stuck reports whether the world can only go on by a fault, and it is time to give that up. Then the loop finds the
// deadlock.
func (f *faults) stuck() bool {
	f.vain++
	if _, armed := f.world.loop.NextDeadline(); armed || f.world.loop.Stats().Ready > 0 {
		f.vain = 0
	}
	return f.vain > mostVain
}

// propose proposes a fault. What it takes from the noise does not depend on the state of the world.
func (f *faults) propose() {
	if f.stuck() {
		f.cease()
		return
	}
	f.pcg.Seed(f.noise.Uint64(), f.noise.Uint64())
	f.wait()
	sum := 0.0
	for _, k := range kinds {
		sum += *k.weight(&f.plan)
	}
	at := f.detail.Float64() * sum
	var of faultKind
	for _, k := range kinds {
		if weight := *k.weight(&f.plan); weight > 0 {
			of = k // of the last one, if the sum is rounded
			if at -= weight; at < 0 {
				break
			}
		}
	}
	lasts := f.draw(f.plan.Down, f.detail)
	c := of.propose(f, f.detail)
	if c.site == "" {
		return
	}
	p := 0.0 // counts as a use of the site, but is no choice
	if c.possible {
		p = 1
	}
	if !f.world.t.Chance(c.site, p) {
		return
	}
	c.end = c.begin()
	f.lasting = slices.DeleteFunc(f.lasting, func(other *fault) bool { return other.end == nil })
	f.lasting = append(f.lasting, &c)
	c.until = f.world.loop.CallLater(lasts, c.finish)
}

// finish ends the fault.
func (c *fault) finish() {
	end := c.end
	c.end = nil
	c.until.Cancel()
	if end != nil {
		end()
	}
}

// cease lets no further fault begin.
func (f *faults) cease() {
	if f.over {
		return
	}
	f.over = true
	f.world.net.setFaults(linkFaults{})
	for _, end := range f.disks {
		end()
	}
	f.next.Cancel()
	f.last.Cancel()
}

// drop ends all without an effect on the world, which has ended.
func (f *faults) drop() {
	f.cease()
	for _, c := range f.lasting {
		c.end = nil
		c.until.Cancel()
	}
}

// Quiet ends the faults. It ends those of [World.Faults], and lets no further one begin. It heals the network,
// resumes the nodes that are paused, starts those that are down, and sets their clocks and disks right
// ([Node.SetClock], [Node.SetDisk]), whatever the reason for their state is. What SetLink has set stays.
//
// Quiet waits for nothing. A program that is being stopped is killed, as an operating system kills a process, and
// starts again. The programs that Quiet starts take their first steps later. Quiet panics if ctx does not belong to
// the running task.
func (w *World) Quiet(ctx context.Context) {
	w.mustAct("Quiet")
	lowlevel.Current(ctx)
	if f := w.faults; f != nil {
		f.cease()
		for _, c := range f.lasting {
			c.finish()
		}
		f.lasting = nil
	}
	w.Heal()
	for _, n := range w.nodes {
		if n.boot == nil {
			continue
		}
		n.SetClock(0, 1)
		n.SetDisk(DiskFaults{})
		n.Resume()
		if m := n.machine; m.up() && m.stopping {
			n.kill()
		}
		n.Start()
	}
}
