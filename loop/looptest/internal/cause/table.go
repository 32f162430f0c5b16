package cause

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Limits keep the work small for a large program. Steps are many if their number is squared.
const (
	maxN       = 256 // steps of a task; those after them are ignored
	maxTasks   = 24
	maxSteps   = 24 * 15 // of all tasks; each task has its share
	maxChoices = 512
)

// A bitset has a bit for each run.
type bitset []uint64

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitset) set(at int) { b[at/64] |= 1 << (at % 64) }

func (b bitset) has(at int) bool { return b[at/64]>>(at%64)&1 != 0 }

// remove removes the bits of o, which may be longer.
func (b bitset) remove(o bitset) {
	for i := range b {
		b[i] &^= o[i]
	}
}

// A table has what is known of the runs, by column. The failing runs have the first columns. The
// passing runs begin at the next column that is a multiple of 64, so that each word of a bitset
// belongs to runs of one outcome.
type table struct {
	failed  int // number of failing runs
	split   int // the words before this one belong to failing runs
	words   int
	valid   bitset // the columns that have a run
	steps   []column
	tasks   []int32 // of the steps
	choices []chosen
}

// A column is a step: where it came in each run.
type column struct {
	Step
	taken bitset
	place []bitset // bit planes of its place among the steps of the table, least significant plane first
	mean  float64  // the mean of its place in the failing runs that have it

	// after[i] has the runs in which tasks[i] took a step between the step before this one of the
	// same task and this one.
	after []bitset
}

type chosen struct {
	Choice
	made bitset
}

func newTable(runs []Run) *table {
	t := &table{}
	for _, r := range runs {
		if r.Failed {
			t.failed++
		}
	}
	t.split = (t.failed + 63) / 64
	t.words = t.split + (len(runs)-t.failed+63)/64
	t.valid = make(bitset, t.words)
	if t.failed == 0 || t.failed == len(runs) {
		return t
	}
	column := make([]int, len(runs))
	failing, passing := 0, t.split*64
	for i, r := range runs {
		if r.Failed {
			column[i] = failing
			failing++
		} else {
			column[i] = passing
			passing++
		}
		t.valid.set(column[i])
	}
	t.addSteps(runs, column)
	t.addChoices(runs, column)
	return t
}

// failing returns the set of the failing runs, without words for the passing ones.
func (t *table) failing() bitset { return slices.Clone(t.valid[:t.split]) }

// A tally sums the places of a step, to tell how much they differ between failing and passing runs.
// The sums are integers, so that the order of the runs does not matter.
type tally struct {
	step  Step
	count [2]int // runs that have it, by outcome
	sum   [2]int // of the places
	sum2  [2]int // of the squares of the places
}

// tells returns how much the place of a step tells about the outcome: the difference of the two
// means, in standard deviations. A run without the step has it after its end.
func (y *tally) tells(n, ends, ends2 [2]int) float64 {
	var mean, spread [2]float64
	for o := range 2 {
		s, s2 := float64(y.sum[o]), float64(y.sum2[o])
		if y.count[o] < n[o] { // the sums of ends are for all runs: this is approximate
			missing := float64(n[o]-y.count[o]) / float64(n[o])
			s += missing * float64(ends[o])
			s2 += missing * float64(ends2[o])
		}
		mean[o] = s / float64(n[o])
		spread[o] = max(0, s2/float64(n[o])-mean[o]*mean[o])
	}
	return math.Abs(mean[0]-mean[1]) / math.Sqrt(spread[0]+spread[1]+1)
}

// addSteps chooses the steps, and fills their columns.
func (t *table) addSteps(runs []Run, column []int) {
	tallies := map[int32][]tally{} // by task, and then by N
	var n, ends, ends2 [2]int
	for _, r := range runs {
		o := 0
		if r.Failed {
			o = 1
		}
		end := len(r.Order)
		n[o]++
		ends[o] += end
		ends2[o] += end * end
		for at, s := range r.Order {
			if s.N < 0 || s.N >= maxN {
				continue
			}
			of := tallies[s.Task]
			for int(s.N) >= len(of) {
				of = append(of, tally{step: Step{s.Task, int32(len(of))}})
				tallies[s.Task] = of
			}
			of[s.N].count[o]++
			of[s.N].sum[o] += at
			of[s.N].sum2[o] += at * at
		}
	}
	index := map[int32][]int{} // by task and N, the index of the step in t.steps; or -1
	for _, y := range choose(tallies, n, ends, ends2) {
		of := index[y.step.Task]
		for int(y.step.N) >= len(of) {
			of = append(of, -1)
		}
		of[y.step.N] = len(t.steps)
		index[y.step.Task] = of
		t.steps = append(t.steps, t.newColumn(y))
	}
	number := map[int32]int{} // of a task, in t.tasks
	for _, c := range t.steps {
		if last := len(t.tasks) - 1; last < 0 || t.tasks[last] != c.Task {
			number[c.Task] = len(t.tasks)
			t.tasks = append(t.tasks, c.Task)
		}
	}
	planes := bits.Len(uint(len(t.steps)))
	for i := range t.steps {
		t.steps[i].after = make([]bitset, len(t.tasks))
		for j := range t.tasks {
			t.steps[i].after[j] = make(bitset, t.words)
		}
		t.steps[i].place = make([]bitset, planes)
		for p := range planes {
			t.steps[i].place[p] = make(bitset, t.words)
		}
	}
	since := make([]uint32, len(t.tasks)) // the tasks that have taken a step since the last step of each task
	for i, r := range runs {
		place := 0
		clear(since)
		for _, s := range r.Order {
			who, known := number[s.Task]
			if !known {
				continue
			}
			others := since[who]
			for j := range since {
				since[j] |= 1 << who
			}
			since[who] = 0
			of := index[s.Task]
			if s.N < 0 || int(s.N) >= len(of) || of[s.N] < 0 {
				continue
			}
			c := &t.steps[of[s.N]]
			if c.taken.has(column[i]) {
				continue
			}
			c.taken.set(column[i])
			for ; others != 0; others &= others - 1 {
				c.after[bits.TrailingZeros32(others)].set(column[i])
			}
			for p := range planes {
				if place>>p&1 != 0 {
					c.place[p].set(column[i])
				}
			}
			place++
		}
	}
}

func (t *table) newColumn(y tally) column {
	return column{Step: y.step, taken: make(bitset, t.words), mean: float64(y.sum[1]) / float64(max(1, y.count[1]))}
}

// choose returns the steps to look at, in their order: all, unless there are too many. Then it takes
// those that tell most.
func choose(tallies map[int32][]tally, n, ends, ends2 [2]int) (all []tally) {
	type rated struct {
		tally
		tells float64
	}
	better := func(a, b rated) int { return cmp.Or(cmp.Compare(b.tells, a.tells), a.step.compare(b.step)) }
	var tasks [][]rated
	for _, of := range tallies {
		var steps []rated
		for _, y := range of {
			if y.count[0]+y.count[1] > 0 {
				steps = append(steps, rated{y, y.tells(n, ends, ends2)})
			}
		}
		slices.SortFunc(steps, better)
		tasks = append(tasks, steps)
	}
	slices.SortFunc(tasks, func(a, b []rated) int { return better(a[0], b[0]) })
	tasks = tasks[:min(maxTasks, len(tasks))]
	slices.SortFunc(tasks, func(a, b []rated) int { return cmp.Compare(len(a), len(b)) })
	room := maxSteps
	for i, steps := range tasks { // a task that does not need its share leaves it to those with more steps
		share := room / (len(tasks) - i)
		steps = steps[:min(share, len(steps))]
		room -= len(steps)
		for _, s := range steps {
			all = append(all, s.tally)
		}
	}
	slices.SortFunc(all, func(a, b tally) int { return a.step.compare(b.step) })
	return all
}

func (t *table) addChoices(runs []Run, column []int) {
	index := map[Choice]int{}
	for i, r := range runs {
		for _, c := range r.Choices {
			at, ok := index[c]
			if !ok {
				at = len(t.choices)
				index[c] = at
				t.choices = append(t.choices, chosen{c, make(bitset, t.words)})
			}
			t.choices[at].made.set(column[i])
		}
	}
	slices.SortFunc(t.choices, func(a, b chosen) int {
		return cmp.Or(cmp.Compare(b.made[:t.split].count(), a.made[:t.split].count()), a.compare(b.Choice))
	})
	t.choices = t.choices[:min(maxChoices, len(t.choices))]
}

// A fact is a constraint, and the runs in which it holds.
type fact struct {
	Constraint
	set  bitset
	far  float64 // how far its two steps are from each other in the failing runs
	hash uint64
}

// facts returns the facts that hold in a failing run and do not hold in a passing one, the preferred
// ones first. Of several facts that hold in the same runs it returns only one.
func (t *table) facts() []fact {
	var all []fact
	add := func(set bitset, c Constraint, far float64) bool {
		if set[:t.split].count() == 0 || !t.differs(set) {
			return false
		}
		all = append(all, fact{c, set, far, 0})
		return true
	}
	for _, c := range t.choices {
		add(c.made, Constraint{Form: Chosen, Choice: c.Choice}, 0)
	}
	for i := range t.steps {
		s := &t.steps[i]
		add(s.taken, Constraint{Form: Taken, After: s.Step}, 0)
		if i == 0 || t.steps[i-1].Step != (Step{s.Task, s.N - 1}) {
			continue
		}
		for j, parted := range s.after {
			c := Constraint{Form: Parted, Before: t.steps[i-1].Step, After: s.Step, Task: t.tasks[j]}
			if parted.count() > 0 {
				add(parted, c, 0)
				c.Form = Joined
				add(minus(s.taken, parted), c, 0)
			}
		}
	}
	one, two := make(bitset, t.words), make(bitset, t.words)
	for i := range t.steps {
		a := &t.steps[i]
		for j := i + 1; j < len(t.steps); j++ {
			b := &t.steps[j]
			if a.Task == b.Task || !order(a, b, one, two) {
				continue
			}
			far := b.mean - a.mean
			if !slices.Equal(b.taken, t.valid) {
				add(minus(a.taken, two), Constraint{Form: Ahead, Before: a.Step, After: b.Step}, far)
			}
			if !slices.Equal(a.taken, t.valid) {
				add(minus(b.taken, one), Constraint{Form: Ahead, Before: b.Step, After: a.Step}, -far)
			}
			if add(one, Constraint{Form: Ordered, Before: a.Step, After: b.Step}, far) {
				one = make(bitset, t.words)
			}
			if add(two, Constraint{Form: Ordered, Before: b.Step, After: a.Step}, -far) {
				two = make(bitset, t.words)
			}
		}
	}
	slices.SortFunc(all, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.Form, b.Form), cmp.Compare(a.far, b.far), a.compare(b.Constraint))
	})
	return distinct(all)
}

// differs reports whether set lacks a passing run.
func (t *table) differs(set bitset) bool {
	for w := t.split; w < t.words; w++ {
		if set[w] != t.valid[w] {
			return true
		}
	}
	return false
}

func minus(a, b bitset) bitset {
	d := slices.Clone(a)
	d.remove(b)
	return d
}

// order finds the runs in which a comes before b, and those in which b comes before a. It returns
// false if one of the two orders never occurs: then their order tells nothing.
func order(a, b *column, ab, ba bitset) bool {
	var any1, any2 uint64
	for w := range ab {
		less := uint64(0)
		for p := range a.place {
			x, y := a.place[p][w], b.place[p][w]
			less = less&^(x^y) | y&^x
		}
		both := a.taken[w] & b.taken[w]
		ab[w], ba[w] = both&less, both&^less
		any1 |= ab[w]
		any2 |= ba[w]
	}
	return any1 != 0 && any2 != 0
}

// distinct leaves the first of several facts that hold in the same runs.
func distinct(facts []fact) []fact {
	seen := make(map[uint64]int32, len(facts))
	kept := facts[:0]
	for _, f := range facts {
		h := uint64(14695981039346656037)
		for _, w := range f.set {
			h = (h ^ w) * 0x9e3779b97f4a7c15
			h ^= h >> 32
		}
		at, ok := seen[h]
		if ok && slices.Equal(kept[at].set, f.set) {
			continue
		}
		if !ok {
			seen[h] = int32(len(kept))
		}
		kept = append(kept, f)
	}
	return kept
}
