package cause

import (
	"cmp"
	"math"
	"slices"
)

// Limits for the steps of a large program. The work grows with the square of the number of steps.
const (
	maxN     = 256 // of a task; its later steps are ignored
	maxTasks = 24
	maxSteps = 24 * 15 // of all tasks together
)

// A tally sums the places of a step in the runs, by outcome: 0 for passing runs, 1 for failing
// ones. The sums are integers, so that the order of the runs does not matter.
type tally struct {
	step  Step
	count [2]int64 // runs that have the step
	sum   [2]int64 // of the places
	sum2  [2]int64 // of the squares of the places
}

func (y *tally) add(outcome, place int) {
	y.count[outcome]++
	y.sum[outcome] += int64(place)
	y.sum2[outcome] += int64(place) * int64(place)
}

// means returns the mean places by outcome. A run without the step counts as if the step came at
// the end of an average run. ends is the tally of the ends of the runs.
func (y *tally) means(ends *tally) (mean, square [2]float64) {
	for o := range 2 {
		n := float64(ends.count[o])
		missing := (n - float64(y.count[o])) / n
		mean[o] = (float64(y.sum[o]) + missing*float64(ends.sum[o])) / n
		square[o] = (float64(y.sum2[o]) + missing*float64(ends.sum2[o])) / n
	}
	return mean, square
}

// tells returns how much the place of the step tells about the outcome: the difference of its mean
// places, in standard deviations.
func (y *tally) tells(ends *tally) float64 {
	mean, square := y.means(ends)
	variance := 1.0
	for o := range 2 {
		variance += max(0, square[o]-mean[o]*mean[o])
	}
	return math.Abs(mean[0]-mean[1]) / math.Sqrt(variance)
}

// tallies returns the tallies of all steps, by task and N, and that of the ends of the runs.
func tallies(runs []Run) (all [][]tally, ends *tally) {
	ends = &tally{}
	for _, r := range runs {
		outcome := 0
		if r.Failed {
			outcome = 1
		}
		ends.add(outcome, len(r.Order))
		for place, s := range r.Order {
			for int(s.Task) >= len(all) {
				all = append(all, nil)
			}
			if s.N >= maxN {
				continue
			}
			of := &all[s.Task]
			for int(s.N) >= len(*of) {
				*of = append(*of, tally{step: Step{s.Task, int32(len(*of))}})
			}
			(*of)[s.N].add(outcome, place)
		}
	}
	return all, ends
}

// choose returns the steps to look at, sorted: all, or those that tell most if there are too many.
func choose(all [][]tally, ends *tally) (chosen []tally) {
	type rated struct {
		tally
		tells float64
	}
	better := func(a, b rated) int { return cmp.Or(cmp.Compare(b.tells, a.tells), a.step.compare(b.step)) }
	var tasks [][]rated
	for _, of := range all {
		var steps []rated
		for _, y := range of {
			if y.count != [2]int64{} {
				steps = append(steps, rated{y, y.tells(ends)})
			}
		}
		if len(steps) > 0 {
			slices.SortFunc(steps, better)
			tasks = append(tasks, steps)
		}
	}
	slices.SortFunc(tasks, func(a, b []rated) int { return better(a[0], b[0]) })
	tasks = tasks[:min(maxTasks, len(tasks))]
	// A task that needs less than its share leaves the rest to the tasks with more steps.
	slices.SortStableFunc(tasks, func(a, b []rated) int { return cmp.Compare(len(a), len(b)) })
	for i, steps := range tasks {
		share := (maxSteps - len(chosen)) / (len(tasks) - i)
		for _, s := range steps[:min(share, len(steps))] {
			chosen = append(chosen, s.tally)
		}
	}
	slices.SortFunc(chosen, func(a, b tally) int { return a.step.compare(b.step) })
	return chosen
}
