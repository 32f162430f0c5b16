package lock_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// A visit is what a task does at a lock, as a body that calls the methods and as a machine
// that awaits their futures. The two have to be the same to all others.
type visit struct {
	name   string
	before int         // turns until it asks
	inside int         // turns that it holds the lock
	cancel int         // the turn in which it is canceled; negative: it is not
	count  func(n int) // is called with 1 when one enters, and -1 when one leaves
}

// A place is where visits happen.
type place struct {
	enter func(ctx context.Context) error
	ask   func(ctx context.Context) *future.Future[struct{}]
	leave func()
	pulse func() // is called every four turns
	j     *looptest.Journal
}

func (p place) enters(v visit) {
	p.j.Add("%s enters", v.name)
	v.count(1)
}

func (p place) leaves(v visit) {
	p.j.Add("%s leaves", v.name)
	v.count(-1)
	p.leave()
}

func (v visit) body(p place) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if err := testkit.Yield(ctx, v.before); err != nil {
			return 0, err
		}
		if err := p.enter(ctx); err != nil {
			p.j.Add("%s gives up", v.name)
			return 0, err
		}
		p.enters(v)
		defer p.leaves(v)
		return 0, testkit.Yield(ctx, v.inside)
	}
}

// visitor is a visit as a machine.
type visitor struct {
	visit
	place
	asked *future.Future[struct{}]
	in    bool
}

func (v *visitor) Resume(ctx context.Context, err error) (int, task.Suspension, error) {
	switch {
	case v.in && (err != nil || v.inside == 0):
		v.leaves(v.visit)
		return 0, task.End(), err
	case v.in:
		v.inside--
		return 0, task.Turn(), nil
	case v.asked != nil && err != nil:
		v.j.Add("%s gives up", v.name)
		giveUp(v.asked, v.leave)
		return 0, task.End(), err
	case v.asked != nil:
		v.enters(v.visit)
		v.in = true
		return v.Resume(ctx, nil)
	case err != nil:
		return 0, task.End(), err
	case v.before > 0:
		v.before--
		return 0, task.Turn(), nil
	}
	v.asked = v.ask(ctx)
	return 0, task.On(v.asked), nil
}

// places are free, and let one in at a time.
var places = map[string]func() place{
	"Mutex": func() place {
		m := new(lock.Mutex)
		return place{m.Lock, m.Locking, m.Unlock, nil, new(looptest.Journal)}
	},
	"Semaphore": func() place {
		s := lock.NewSemaphore(1)
		return place{s.Acquire, s.Acquiring, s.Release, nil, new(looptest.Journal)}
	},
	"Event": func() place {
		e := new(lock.Event)
		return place{e.Wait, e.Waiting, func() {}, func() { e.Set(); e.Clear() }, new(looptest.Journal)}
	},
}

// journal runs the visits, those in machines as machines, and returns what happens, turn by turn.
func journal(p place, visits []visit, machines []bool) string {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	tasks := make([]*task.Task[int], len(visits))
	for at, v := range visits {
		if machines[at] {
			tasks[at] = task.GoMachine(l.Context(), task.Machine[int](&visitor{visit: v, place: p}))
		} else {
			tasks[at] = task.Go(l.Context(), v.body(p))
		}
	}
	for turn := range 50 {
		p.j.Add("turn %d", turn)
		for at, v := range visits {
			if v.cancel == turn {
				tasks[at].Cancel(testkit.ErrCause)
			}
		}
		if p.pulse != nil && turn%4 == 3 {
			p.pulse()
		}
		l.RunOnce()
	}
	return strings.Join(*p.j, "\n")
}

// A machine that awaits the future does at every moment what a body does that calls the method.
// Nothing is canceled here: a canceled future leaves the line at once, and a canceled task by its next
// step.
func TestMachinesThatAskAreLikeBodiesThatCall(t *testing.T) {
	for name, make := range places {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { compareVisits(t, make) }) })
	}
}

func compareVisits(t *rapid.T, free func() place) {
	n := rapid.IntRange(2, 6).Draw(t, "visits")
	visits, machines := make([]visit, n), make([]bool, n)
	for at := range visits {
		visits[at] = visit{
			name:   fmt.Sprint(at),
			before: rapid.IntRange(0, 4).Draw(t, "before"),
			inside: rapid.IntRange(0, 3).Draw(t, "inside"),
			cancel: -1,
			count:  func(int) {},
		}
		machines[at] = rapid.Bool().Draw(t, "machine")
	}
	want := journal(free(), visits, make([]bool, n))
	if got := journal(free(), visits, machines); got != want {
		t.Errorf("with machines %v:\n%s\nwithout:\n%s", machines, got, want)
	}
}

// Whatever the order in which tasks run, some of them machines and some canceled, one at a time is
// inside, and at the end the place is free.
func TestMachinesThatAskExcludeEachOther(t *testing.T) {
	for _, name := range []string{"Mutex", "Semaphore"} {
		for _, opt := range []task.Option{task.Lazy(), task.Eager()} {
			t.Run(name, func(t *testing.T) {
				looptest.Explore(t, looptest.PCT(1, 500, 4), func(ctx context.Context, t *looptest.T) {
					exclude(ctx, t, places[name](), opt)
				})
			})
		}
	}
}

func exclude(ctx context.Context, t *looptest.T, p place, opt task.Option) {
	inside := 0
	count := func(n int) {
		if inside += n; inside < 0 || inside > 1 {
			t.Errorf("%d are inside", inside)
		}
	}
	var all []future.Any
	for at := range 4 {
		v := visit{name: fmt.Sprint(at), before: at % 2, inside: 1, count: count}
		var a *task.Task[int]
		if at == 2 {
			a = task.Go(ctx, v.body(p), opt)
		} else {
			a = task.GoMachine(ctx, task.Machine[int](&visitor{visit: v, place: p}), opt)
		}
		all = append(all, a)
	}
	for _, a := range all[:2] {
		all = append(all, task.Go(ctx, func(ctx context.Context) (int, error) {
			if err := testkit.Yield(ctx, 2); err != nil {
				return 0, err
			}
			a.Cancel(testkit.ErrCause)
			return 0, nil
		}))
	}
	if _, _, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, all...); err != nil {
		t.Error(err)
	}
	free := p.ask(ctx)
	if !free.Done() {
		t.Errorf("the place is not free at the end")
	}
}
