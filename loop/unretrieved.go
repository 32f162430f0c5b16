package loop

import (
	"cmp"
	"fmt"
	"slices"
)

// unretrieved holds the tasks that failed, whose errors may never be taken.
//
// A failure is young for a few turns: most often what the end of the task wakes, or code
// that runs next, takes the error in one of those. Then the loop looks at it once: an
// error that was taken is forgotten, any other is kept. When more than limit are kept,
// the oldest is reported and forgotten. So an error that is taken soon costs one look.
type unretrieved struct {
	over  bool           // more than limit are here; beginTurn looks at that
	young []youngFailure // by order of failing
	kept  []*Task        // older ones, by order of failing
}

type youngFailure struct {
	task *Task
	turn uint64 // in which it failed
}

const (
	defaultUnretrieved = 128
	youth              = 8 // turns; each combinator between a task and what awaits it takes one
)

// WithUnretrievedLimit sets how many errors of tasks the loop keeps that no code has taken;
// the default is 128. When there is one more, the oldest, by order of failing, is reported
// to the error handler ([ErrorUnretrieved]) and forgotten. An error counts from the 8th turn
// after the task has failed, or from when the loop is idle, so an error that what the task
// wakes takes, by way of a gather and the like, is never reported. The driver makes the
// report between two steps, outside of every task. Code that takes an error after it was
// reported still gets it.
//
// With n = 0 every error is reported as soon as it counts. A program that starts many
// tasks and asks for their errors much later gives a larger n. The loop holds on to n
// tasks that have ended, and looks at each of them before it reports one. WithUnretrievedLimit
// panics if n is negative.
func WithUnretrievedLimit(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("loop: WithUnretrievedLimit(%d); give the number of errors to keep, or 0 to keep none", n))
	}
	return func(c *config) { c.keptErrors = n }
}

// failed notes that t, which is about to end, fails: if no code takes its error, that is
// reported.
func failed(t *Task) {
	l := t.env.loop
	u := &l.unretrieved
	if len(u.young) == cap(u.young) { // before it grows, forget those taken
		u.young = slices.DeleteFunc(u.young, func(f youngFailure) bool { return f.task.taken() })
		u.young = slices.Grow(u.young, len(u.young)+1)
	}
	u.young = append(u.young, youngFailure{t, l.turns})
	u.over = !l.in(closing) && u.len() > l.keptErrors
}

func (u *unretrieved) len() int { return len(u.kept) + len(u.young) }

// unretrieved returns the error of a failed task that no code has taken.
func (t *Task) unretrieved() error { return t.outcome.Unretrieved() }

func (t *Task) taken() bool { return t.unretrieved() == nil }

// tellUnretrieved reports the errors that are too many. It looks at the failures that are no
// longer young, or at all of them if the loop is idle.
func (l *Loop) tellUnretrieved(idle bool) {
	u := &l.unretrieved
	for swept := false; u.len() > l.keptErrors && len(u.young) > 0; {
		f := u.young[0]
		if !idle && l.turns < f.turn+youth {
			break
		}
		u.young[0], u.young = youngFailure{}, u.young[1:]
		if f.task.taken() {
			continue
		}
		if len(u.kept) >= l.keptErrors && !swept {
			u.kept = slices.DeleteFunc(u.kept, (*Task).taken)
			swept = true
		}
		u.kept = append(u.kept, f.task)
		if len(u.kept) > l.keptErrors {
			oldest := u.kept[0]
			u.kept = slices.Delete(u.kept, 0, 1)
			if err := oldest.unretrieved(); err != nil {
				l.reportSoon(unretrievedFailure(oldest, err))
			}
		}
	}
	u.over = u.len() > l.keptErrors
}

// reportUnretrieved reports the failures that wait to be reported, and then all that are left,
// by order of creation.
func (l *Loop) reportUnretrieved() {
	u := &l.unretrieved
	for _, f := range u.young {
		u.kept = append(u.kept, f.task)
	}
	u.young, u.over = nil, false
	slices.SortFunc(u.kept, func(a, b *Task) int { return cmp.Compare(a.id, b.id) })
	l.reportRest()
}

func (l *Loop) reportRest() {
	u := &l.unretrieved
	defer func() {
		if len(l.failures)+len(u.kept) > 0 { // the error handler has called Goexit
			l.reportRest()
		}
	}()
	l.reportFailures()
	for len(u.kept) > 0 {
		t := u.kept[0]
		u.kept = u.kept[1:]
		if err := t.unretrieved(); err != nil {
			l.report(unretrievedFailure(t, err))
		}
	}
}

func unretrievedFailure(t *Task, err error) Failure {
	return Failure{Kind: ErrorUnretrieved, Task: t, Err: err}
}
