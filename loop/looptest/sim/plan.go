package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A Plan says which faults [World.Faults] causes, and how many. The zero Plan has faults of all kinds.
//
// Each fault is one choice of the schedule, with a name that says all of it, such as "crash b". A fault has its
// end with it: the restart after a crash, the heal after a partition. So a minimised schedule has only
// the faults that matter, each at the time that it had, and each with its end.
type Plan struct {
	// For is for how long faults begin. The faults that have begun end in their time. 0: until Quiet, or the
	// end of the world.
	For time.Duration
	// Every is the mean time from one proposal of a fault to the next. 0: one second. Some proposals are
	// not possible at their time, because the node is down, for example; then nothing happens.
	Every time.Duration
	// Down is the mean time from the beginning of a fault to its end. 0: as Every.
	Down time.Duration

	// The weights say how likely each kind of fault is, compared with the others. 0 leaves the kind out.
	// If all weights are 0, each kind has the weight 1.

	Crash        float64 // a node crashes, or several at once; they start again
	PowerFailure float64 // all nodes crash at once, whatever MaxDown is; they start again
	Stop         float64 // a node is stopped, and starts again; a program that does not end in time is killed
	Pause        float64 // a node is paused, and resumed
	Clock        float64 // the clock of a node jumps, or goes wrong, and is set right

	// MaxDown is how many nodes may be down, stopping or paused at the same time. 0: fewer than half of the
	// nodes, but at least 1.
	MaxDown int
	// MaxOffset is how far a clock jumps at most. 0: one second.
	MaxOffset time.Duration
	// MaxDrift is how much faster or slower a clock goes at most, as a part of the normal rate. 0: 0.05.
	MaxDrift float64

	// Steady switches swarm mode off. In swarm mode about half of the kinds are left out in each schedule,
	// because faults of one kind can hide what faults of another kind would show. Use Steady with strategies
	// that have the same noise in all schedules: [looptest.DelayBounded] and [looptest.Exhaustive].
	Steady bool
}

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
	{"Clock", func(p *Plan) *float64 { return &p.Clock }, (*faults).clock},
}

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
	lasting []*fault // in order of their beginnings
	nodes   []*Node  // with a program
}

// Faults begins to cause faults, as the plan says, and returns at once. It ends after plan.For, or by [World.Quiet].
//
// At times that noise draws, Faults proposes a fault: noise draws the kind, the nodes, and how long it lasts. Then
// a choice of the schedule decides whether it happens: always under [looptest.Sample], [looptest.Random] and
// [looptest.PCT]. The first schedule of an exploration has no faults. The proposals of a run do not depend on
// which of them happen. Hosts of the test are not crashed, stopped or paused.
//
// Faults panics if a field of the plan is out of range, if the world has no nodes, if ctx belongs to no task, or if
// the faults of another call still begin.
func (w *World) Faults(ctx context.Context, plan Plan) {
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
	if plan.For > 0 {
		f.last = w.loop.CallLater(plan.For, f.cease)
	}
	f.wait()
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

// swarm leaves out about half of the kinds, but not all.
func (f *faults) swarm() {
	var on, left []*float64
	for _, k := range kinds {
		switch weight := k.weight(&f.plan); {
		case *weight == 0:
		case f.noise.IntN(2) == 0:
			on = append(on, weight)
		default:
			left = append(left, weight)
		}
	}
	if f.plan.Steady {
		return
	}
	if len(on) == 0 {
		at := f.noise.IntN(len(left))
		left = slices.Delete(left, at, at+1)
	}
	for _, weight := range left {
		*weight = 0
	}
}

// wait waits for the time of the next proposal.
func (f *faults) wait() {
	f.next = f.world.loop.CallLater(f.draw(f.plan.Every, f.noise), f.propose)
}

// draw draws a time: the mean is mean, and most times are shorter.
func (f *faults) draw(mean time.Duration, r *rand.Rand) time.Duration {
	return max(time.Millisecond, time.Duration(min(r.ExpFloat64(), 5)*float64(mean)))
}

// propose proposes a fault. What it takes from the noise does not depend on the state of the world.
func (f *faults) propose() {
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
	f.over = true
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

// members returns the nodes that have a program.
func (f *faults) members() []*Node {
	f.nodes = f.nodes[:0]
	for _, n := range f.world.nodes {
		if n.boot != nil {
			f.nodes = append(f.nodes, n)
		}
	}
	return f.nodes
}

// room returns how many more nodes may go down.
func (f *faults) room() int {
	limit := f.limit()
	for _, n := range f.nodes {
		if m := n.machine; !m.up() || m.stopping || m.paused() {
			limit--
		}
	}
	return limit
}

// limit returns how many nodes may be down at most.
func (f *faults) limit() int {
	if f.plan.MaxDown > 0 {
		return min(f.plan.MaxDown, len(f.nodes))
	}
	return max(1, (len(f.nodes)-1)/2)
}

// one draws a node.
func (f *faults) one(r *rand.Rand) *Node {
	nodes := f.members()
	return nodes[r.IntN(len(nodes))]
}

// some draws n nodes, and returns them in order of creation.
func (f *faults) some(r *rand.Rand, n int) []*Node {
	nodes := slices.Clone(f.members())
	for i := range n {
		j := i + r.IntN(len(nodes)-i)
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	nodes = nodes[:n]
	slices.SortFunc(nodes, func(a, b *Node) int { return a.number - b.number })
	return nodes
}

func names(nodes []*Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.name)
	}
	return strings.Join(all, " ")
}

// crash proposes the crash of a node, or of several at once.
func (f *faults) crash(r *rand.Rand) fault {
	f.members()
	n := 1
	if limit := f.limit(); limit > 1 && r.IntN(4) == 0 {
		n = 2 + r.IntN(limit-1)
	}
	nodes := f.some(r, n)
	up := 0
	for _, n := range nodes {
		if n.Up() {
			up++
		}
	}
	return fault{
		site:     "crash " + names(nodes),
		possible: up == n && f.room() >= n,
		begin:    func() func() { return crash(nodes) },
	}
}

// powerFailure proposes the crash of all nodes.
func (f *faults) powerFailure(r *rand.Rand) fault {
	nodes := slices.Clone(f.members())
	return fault{
		site:     "power failure",
		possible: slices.ContainsFunc(nodes, (*Node).Up),
		begin:    func() func() { return crash(nodes) },
	}
}

// crash crashes nodes, and returns a function that starts them again.
func crash(nodes []*Node) (restart func()) {
	restarts := make([]func(), len(nodes))
	for i, n := range nodes {
		restarts[i] = n.restarts()
		n.Crash()
	}
	return func() {
		for _, restart := range restarts {
			restart()
		}
	}
}

// restarts returns a function that starts the node, unless it has been started before the call.
func (n *Node) restarts() func() {
	starts := n.starts
	return func() {
		if n.starts == starts {
			n.kill()
			n.Start()
		}
	}
}

// stop proposes to stop a node.
func (f *faults) stop(r *rand.Rand) fault {
	n := f.one(r)
	return fault{
		site:     "stop " + n.name,
		possible: n.Up() && !n.machine.stopping && f.room() >= 1,
		begin: func() func() {
			f.world.fault(n.name, "stop %s", n.name)
			n.stop()
			return n.restarts()
		},
	}
}

// pause proposes to pause a node.
func (f *faults) pause(r *rand.Rand) fault {
	n := f.one(r)
	return fault{
		site:     "pause " + n.name,
		possible: n.Up() && !n.machine.paused() && !n.machine.stopping && f.room() >= 1,
		begin: func() func() {
			m := n.machine
			n.Pause()
			return func() {
				if n.machine == m {
					n.Resume()
				}
			}
		},
	}
}

// clock proposes a wrong clock.
func (f *faults) clock(r *rand.Rand) fault {
	n := f.one(r)
	offset, rate := time.Duration(0), 1.0
	part := r.Float64()*2 - 1
	text := ""
	if r.IntN(2) == 0 {
		offset = time.Duration(part * float64(f.plan.MaxOffset)).Round(f.plan.MaxOffset / 1000)
		text = fmt.Sprintf("%v", offset)
		if offset > 0 {
			text = "+" + text
		}
	} else {
		part = part * f.plan.MaxDrift
		rate = 1 + float64(int(part*1e6))/1e6
		text = fmt.Sprintf("×%v", rate)
	}
	return fault{
		site:     fmt.Sprintf("clock %s %s", n.name, text),
		possible: n.offset == 0 && n.rate == 1 && (offset != 0 || rate != 1),
		begin: func() func() {
			n.SetClock(offset, rate)
			return func() {
				if n.offset == offset && n.rate == rate {
					n.SetClock(0, 1)
				}
			}
		},
	}
}

// Quiet ends the faults: it ends those of [World.Faults], and lets no further one begin. It resumes nodes that are
// paused, starts nodes that are down, and sets all clocks right, whatever the reason for their state is. A
// program that is being stopped is killed first, as by the operating system, so that Quiet waits for no program.
// The new programs have taken no step yet when Quiet returns. Quiet panics if ctx does not belong to the running task.
func (w *World) Quiet(ctx context.Context) {
	lowlevel.Current(ctx)
	if f := w.faults; f != nil {
		f.cease()
		for _, c := range f.lasting {
			c.finish()
		}
		f.lasting = nil
	}
	for _, n := range w.nodes {
		if n.boot == nil {
			continue
		}
		n.SetClock(0, 1)
		n.Resume()
		if m := n.machine; m.up() && m.stopping {
			n.kill()
		}
		n.Start()
	}
}

// kill ends the program as the operating system does with a process that does not react. The disk keeps what was written.
func (n *Node) kill() {
	if m := n.machine; m.up() {
		m.exit("killed")
	}
}

// Eventually waits until holds returns nil, at most for limit of the world's time. If holds still returns an error then, the
// test fails with this error, and ends as by Fatal. holds is called at once, and again and again: after one
// millisecond, and then after pauses that become longer, up to a hundredth of limit. It runs in the task
// of ctx, and may await. Call Quiet before.
//
// Eventually panics if holds is nil, limit is negative, or ctx does not belong to the running task.
func (w *World) Eventually(ctx context.Context, limit time.Duration, holds func() error) {
	if holds == nil || limit < 0 {
		panic(fmt.Sprintf("sim: Eventually with the limit %v; give it a function, and a limit that is not negative", limit))
	}
	w.t.Helper()
	lowlevel.Current(ctx)
	deadline := w.loop.Elapsed() + limit
	for pause := time.Millisecond; ; pause = min(2*pause, max(time.Millisecond, limit/100)) {
		err := holds()
		if err == nil {
			return
		}
		left := deadline - w.loop.Elapsed()
		if left <= 0 {
			w.t.Fatalf("sim: it does not hold after %v: %v", limit, err)
		}
		if err := task.Sleep(ctx, min(pause, left)); err != nil {
			w.t.Fatalf("sim: Eventually was canceled: %v", err)
		}
	}
}
