package looptest

import "github.com/takt-go/takt/loop"

// fifo decides as a loop without a policy does.
type fifo struct{}

func (fifo) Pick(*ChoicePoint) int { return 0 }

// A recorder is the lowlevel.Policy and the lowlevel.Follower of a run. It asks a walk at each choice
// point, and records what deviates. It counts the steps, and stops the run when there are too many.
type recorder struct {
	by       Walk
	alone    bool  // no schedule is explored or replayed: the recorder keeps no task in memory, for a run may have very many
	fair     bool  // picks first in, first out and benign values from now on
	prompt   int   // how many functions want that no time passes while a task is ready
	broken   error // the walk has panicked
	point    ChoicePoint
	tasks    tasks
	uses     map[string]int // of the sites of choices
	recorded []deviation
	points   int    // choice points so far
	others   int64  // the options that were not picked there
	order    uint64 // hash of the picks
	steps    limiter
	stepped  func(t *loop.Task)      // checks the properties before each step and callback; nil if there are none
	traced   func(t *loop.Task)      // the same, for an inquiry
	passed   bool                    // the last pick was the passing of time, and no timer has fired yet
	current  *loop.Task              // takes the step; nil for a callback
	beat     *beat                   // counts for the watchdog; nil if there is none
	told     func(site, what string) // is called with each deviation, in words, and the site of a choice; nil if no report is made
}

// reset makes the recorder ready for another run, by w.
func (r *recorder) reset(w Walk) {
	*r = recorder{by: w, tasks: r.tasks, recorded: r.recorded[:0], steps: limiter{limit: r.steps.limit, stop: r.steps.stop}}
	r.tasks.reset()
}

func (r *recorder) Made(t, by *loop.Task) {
	r.beat.write()
	r.tasks.made(t, by)
	if r.alone {
		r.tasks.of(t).task = nil
	}
	r.beat.wrote()
}

func (r *recorder) Next(t *loop.Task) {
	if r.stepped != nil {
		r.stepped(t)
	}
	if r.traced != nil {
		r.traced(t)
	}
	r.beat.write()
	r.current = t
	if t != nil {
		r.tasks.of(t).steps++
	}
	r.beat.wrote()
	r.steps.step(t)
}

// benign reports whether the walk is not asked any more.
func (r *recorder) benign() bool { return r.fair || r.steps.over() }

func (r *recorder) Pick(ready []*loop.Task, timePasses bool) int {
	n := len(ready)
	if timePasses && r.prompt == 0 {
		n++
	}
	if n == 1 || r.benign() {
		return 0
	}
	p := &r.point
	p.site, p.chance, p.ready, p.n, p.some, p.tasks = "", -1, ready, n, nil, &r.tasks // a new ChoicePoint would be copied
	pick := p.Index(r.ask())
	r.points, r.others = r.points+1, r.others+int64(n-1)
	if pick < len(ready) {
		r.order = mix(r.order, ready[pick].ID())
	} else {
		r.order = mix(r.order, 0)
	}
	if pick != 0 {
		r.passed = pick == len(ready)
		if r.told != nil {
			r.told("", inWords(ready, pick))
		}
		d := deviation{first: r.upcoming(ready[0])}
		if !r.passed {
			d.picked = r.upcoming(ready[pick])
		}
		r.beat.write() // Next counts
		r.recorded = append(r.recorded, d)
	}
	return pick
}

// upcoming returns the next step of t.
func (r *recorder) upcoming(t *loop.Task) upcoming {
	o := r.tasks.of(t)
	return upcoming{o.identity, o.steps}
}

// inWords describes a deviation: the pick among the ready tasks, or the passing of time.
func inWords(ready []*loop.Task, pick int) string {
	var before []string
	for _, t := range ready[:pick] {
		before = append(before, short(t.Name()))
	}
	if pick == len(ready) {
		return "time passed before " + join(before) + " ran"
	}
	return short(ready[pick].Name()) + " ran before " + join(before)
}

// choose decides a choice of the program: see T.Choose and T.Chance.
func (r *recorder) choose(site string, n int, chance float64) int {
	if r.uses == nil {
		r.uses = map[string]int{}
	}
	use := r.uses[site]
	r.uses[site]++
	if r.benign() || n == 1 || chance == 0 { // it counts as a use: another schedule may have more values here
		return 0
	}
	p := &r.point
	*p = ChoicePoint{site: site, use: use, n: n, chance: chance, tasks: &r.tasks}
	value := p.Index(r.ask())
	r.points, r.others = r.points+1, r.others+int64(n-1)
	r.order = mix(r.order, uint64(value))
	if value != 0 {
		d := deviation{site: site, use: use, value: value}
		r.beat.write()
		r.recorded = append(r.recorded, d)
		r.beat.wrote()
		if r.told != nil {
			r.told(site, d.text(nil))
		}
	}
	return value
}
