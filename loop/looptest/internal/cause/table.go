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

// minus sets b to the bits of x that are not in y, and returns b.
func (b bitset) minus(x, y bitset) bitset {
	for i := range b {
		b[i] = x[i] &^ y[i]
	}
	return b
}

// and sets b to the bits that are in both x and y, and returns b.
func (b bitset) and(x, y bitset) bitset {
	for i := range b {
		b[i] = x[i] & y[i]
	}
	return b
}

// A table has what is known of the runs, by column. The failing runs have the first columns. The
// passing runs begin at the next column that is a multiple of 64, so that each word of a bitset
// belongs to runs of one outcome.
type table struct {
	failed  int // number of failing runs
	passed  int // number of passing runs
	split   int // the words before this one belong to failing runs
	words   int
	valid   bitset // the columns that have a run
	steps   []stepColumn
	tasks   []int32 // of the steps
	choices []chosen
}

// A stepColumn is a step: where it came in each run.
type stepColumn struct {
	Step
	taken  bitset
	always bool     // it was taken in all runs
	place  []bitset // bit planes of its place among the steps of the table, least significant plane first
	mean   float64  // the mean of its place in the failing runs

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
	t.passed = len(runs) - t.failed
	t.split = (t.failed + 63) / 64
	t.words = t.split + (t.passed+63)/64
	t.valid = make(bitset, t.words)
	if t.failed == 0 || t.passed == 0 {
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

// A tally sums the places of a step, to tell how much they differ between failing and passing runs.
// The sums are integers, so that the order of the runs does not matter.
type tally struct {
	step  Step
	count [2]int // runs that have it, by outcome
	sum   [2]int // of the places
	sum2  [2]int // of the squares of the places
}

// mean returns the mean of the places in the runs with outcome o. A run without the step counts as
// if the step came at the end of an average run.
func (y *tally) mean(o int, n, ends [2]int) float64 {
	return (float64(y.sum[o]) + float64(n[o]-y.count[o])*float64(ends[o])/float64(n[o])) / float64(n[o])
}

// tells returns how much the place of a step tells about the outcome: the difference of the two
// means, in standard deviations.
func (y *tally) tells(n, ends, ends2 [2]int) float64 {
	spread := 1.0
	for o := range 2 {
		missing := float64(n[o]-y.count[o]) / float64(n[o])
		mean := y.mean(o, n, ends)
		spread += max(0, (float64(y.sum2[o])+missing*float64(ends2[o]))/float64(n[o])-mean*mean)
	}
	return math.Abs(y.mean(0, n, ends)-y.mean(1, n, ends)) / math.Sqrt(spread)
}

// addSteps chooses the steps, and fills their columns.
func (t *table) addSteps(runs []Run, column []int) {
	var tallies [][]tally // by task, and then by N
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
			for int(s.Task) >= len(tallies) {
				tallies = append(tallies, nil)
			}
			for int(s.N) >= len(tallies[s.Task]) {
				tallies[s.Task] = append(tallies[s.Task], tally{step: Step{s.Task, int32(len(tallies[s.Task]))}})
			}
			y := &tallies[s.Task][s.N]
			y.count[o]++
			y.sum[o] += at
			y.sum2[o] += at * at
		}
	}
	index := make([][]int, len(tallies)) // by task and N, the index of the step in t.steps, or -1
	number := make([]int, len(tallies))  // by task, its index in t.tasks, or -1
	for task := range number {
		number[task] = -1
	}
	for at, y := range choose(tallies, n, ends, ends2) {
		task := y.step.Task
		if number[task] < 0 {
			number[task] = len(t.tasks)
			t.tasks = append(t.tasks, task)
		}
		for int(y.step.N) > len(index[task]) {
			index[task] = append(index[task], -1)
		}
		index[task] = append(index[task], at)
		t.steps = append(t.steps, stepColumn{Step: y.step, taken: make(bitset, t.words), mean: y.mean(1, n, ends)})
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
	recent := make([]int, 0, len(t.tasks)) // the tasks, by their last step, the latest first
	for i, r := range runs {
		place := 0
		recent = recent[:0]
		for _, s := range r.Order {
			who := number[s.Task]
			if who < 0 {
				continue
			}
			others := slices.Index(recent, who)
			if others < 0 {
				others = len(recent)
				recent = append(recent, who)
			}
			copy(recent[1:], recent[:others])
			recent[0] = who
			of := index[s.Task]
			if s.N < 0 || int(s.N) >= len(of) || of[s.N] < 0 {
				continue
			}
			c := &t.steps[of[s.N]]
			if c.taken.has(column[i]) {
				continue
			}
			c.taken.set(column[i])
			for _, other := range recent[1 : others+1] {
				c.after[other].set(column[i])
			}
			for p := range planes {
				if place>>p&1 != 0 {
					c.place[p].set(column[i])
				}
			}
			place++
		}
	}
	for i := range t.steps {
		t.steps[i].always = slices.Equal(t.steps[i].taken, t.valid)
	}
}

// choose returns the steps to look at, in their order: all, unless there are too many. Then it takes
// those that tell most.
func choose(tallies [][]tally, n, ends, ends2 [2]int) (all []tally) {
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
		if len(steps) > 0 {
			slices.SortFunc(steps, better)
			tasks = append(tasks, steps)
		}
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
