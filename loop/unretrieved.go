package loop

import (
	"cmp"
	"fmt"
	"slices"
)

// unretrieved holds the failed tasks with an error that no code has taken yet.
//
// A failure is young for a few turns. Most errors are taken in one of these turns, by a waiter of
// the task or by other code that runs soon. After that the loop looks at the failure once: it
// forgets an error that was taken, and keeps any other. When it keeps more errors than the limit,
// it reports the oldest error and forgets it. So an error that is taken soon costs one look.
type unretrieved struct {
	over  bool           // there are more failures than the limit; beginTurn looks at this flag
	young []youngFailure // in order of failing
	kept  []*Task        // older failures, in order of failing
}

type youngFailure struct {
	task *Task
	turn uint64 // the turn in which the task failed
}

const (
	defaultUnretrieved = 128
	youth              = 8 // turns; each combinator between a task and its waiter takes one turn
)

// WithUnretrievedLimit sets how many untaken errors the loop keeps. An error of a task is untaken
// until code awaits the task or asks for its error. The default limit is 128. When there is one
// more, the loop reports the error of the task that failed first to the error handler
// ([ErrorUnretrieved]), and forgets the error. The driver makes the report between two steps,
// outside of every task. Code that takes the error later still gets it.
//
// The loop waits with the report of an error until the 8th turn after the task has failed, or until
// the loop is idle. So the loop never reports an error that a waiter of the task takes, directly or
// by a gather and the like.
//
// With n = 0 the loop reports every untaken error after this time. A program that starts many tasks
// and asks for their errors much later gives a larger n. The loop keeps up to n ended tasks in
// memory, and looks at each of them before it reports one. WithUnretrievedLimit panics if n is
// negative.
func WithUnretrievedLimit(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("loop: WithUnretrievedLimit(%d); give the number of errors to keep, or 0 to keep none", n))
	}
	return func(c *config) { c.keptErrors = n }
}

// failed notes that t is about to end with an error. The loop reports the error if no code takes
// it. If the end of a realm unwinds t, the loop reports nothing.
func failed(t *Task) {
	if t.crashed() {
		return
	}
	l := t.env.loop
	u := &l.unretrieved
	if len(u.young) == cap(u.young) { // before young grows, forget the errors that were taken
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

// tellUnretrieved reports the errors beyond the limit. It looks only at the failures that are no
// longer young, or, if the loop is idle, at all of them.
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

// reportUnretrieved reports the failures that reportSoon noted, and then all errors that no code has
// taken, in order of creation of the tasks.
func (l *Loop) reportUnretrieved() {
	u := &l.unretrieved
	for _, f := range u.young {
		u.kept = append(u.kept, f.task)
	}
	u.young, u.over = nil, false
	slices.SortFunc(u.kept, func(a, b *Task) int { return cmp.Compare(a.ID(), b.ID()) })
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
