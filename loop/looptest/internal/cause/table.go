package cause

import (
	"cmp"
	"math/bits"
	"slices"
)

const maxChoices = 512 // those that most of the failing runs made

// A bitset has a bit for each run.
type bitset []uint64

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitset) set(at int) { b[at/64] |= 1 << (at % 64) }

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

// A table holds the runs by columns. The failing runs have the first columns. The passing runs begin
// at the next column that is a multiple of 64, so that all runs in a word of a bitset have the same
// outcome.
type table struct {
	failed  int    // number of failing runs
	passed  int    // number of passing runs
	split   int    // the words before this one are for failing runs
	words   int    // of a bitset
	valid   bitset // the columns that have a run
	steps   []stepRow
	tasks   []int32 // the tasks of the steps
	choices []choiceRow
}

// A stepRow is a step, with the runs that have it, and its place in each.
type stepRow struct {
	Step
	taken bitset
	place []bitset // the places as numbers in bit planes, the lowest bit first
	after []bitset // by index of tasks: the runs in which that task took a step since the last step of this task
	mean  float64  // the mean place in the failing runs
}

type choiceRow struct {
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
	if t.failed == 0 || t.passed == 0 {
		return t
	}
	t.split = (t.failed + 63) / 64
	t.words = t.split + (t.passed+63)/64
	t.valid = make(bitset, t.words)
	columns := make([]int, len(runs))
	failing, passing := 0, t.split*64
	for i, r := range runs {
		next := &passing
		if r.Failed {
			next = &failing
		}
		columns[i] = *next
		t.valid.set(*next)
		*next++
	}
	t.addSteps(runs, columns)
	t.addChoices(runs, columns)
	return t
}

// addSteps makes the rows of the steps.
func (t *table) addSteps(runs []Run, columns []int) {
	all, ends := tallies(runs)
	index := make([][]int, len(all)) // by task and N: the index of a step in steps, or -1
	number := make([]int, len(all))  // by task: its index in tasks, or -1
	for task := range number {
		number[task] = -1
	}
	for at, y := range choose(all, ends) {
		task := y.step.Task
		if number[task] < 0 {
			number[task] = len(t.tasks)
			t.tasks = append(t.tasks, task)
		}
		for int(y.step.N) > len(index[task]) {
			index[task] = append(index[task], -1)
		}
		index[task] = append(index[task], at)
		mean, _ := y.means(ends)
		t.steps = append(t.steps, stepRow{Step: y.step, taken: make(bitset, t.words), mean: mean[1]})
	}
	bitsets := func(n int) []bitset {
		all := make([]bitset, n)
		for i := range all {
			all[i] = make(bitset, t.words)
		}
		return all
	}
	for i := range t.steps {
		t.steps[i].place = bitsets(bits.Len(uint(len(t.steps))))
		t.steps[i].after = bitsets(len(t.tasks))
	}
	for i, r := range runs {
		t.addRun(r, columns[i], index, number)
	}
}

// addRun enters a run into the rows of its steps.
func (t *table) addRun(r Run, column int, index [][]int, number []int) {
	place := 0
	recent := make([]int, 0, len(t.tasks)) // the tasks, that with the latest step first
	for _, s := range r.Order {
		task := number[s.Task]
		if task < 0 {
			continue
		}
		others := slices.Index(recent, task) // number of tasks with later steps
		if others < 0 {
			others = len(recent)
			recent = append(recent, task)
		}
		copy(recent[1:], recent[:others])
		recent[0] = task
		of := index[s.Task]
		if int(s.N) >= len(of) || of[s.N] < 0 {
			continue
		}
		row := &t.steps[of[s.N]]
		row.taken.set(column)
		for _, other := range recent[1 : others+1] {
			row.after[other].set(column)
		}
		for bit, plane := range row.place {
			if place>>bit&1 != 0 {
				plane.set(column)
			}
		}
		place++
	}
}

func (t *table) addChoices(runs []Run, columns []int) {
	index := map[Choice]int{}
	for i, r := range runs {
		for _, c := range r.Choices {
			at, ok := index[c]
			if !ok {
				at = len(t.choices)
				index[c] = at
				t.choices = append(t.choices, choiceRow{c, make(bitset, t.words)})
			}
			t.choices[at].made.set(columns[i])
		}
	}
	slices.SortFunc(t.choices, func(a, b choiceRow) int {
		return cmp.Or(cmp.Compare(b.made[:t.split].count(), a.made[:t.split].count()), a.compare(b.Choice))
	})
	t.choices = t.choices[:min(maxChoices, len(t.choices))]
}
