package lock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

func TestBarrierMisuse(t *testing.T) {
	testkit.Panics(t, "lock: NewBarrier(0)", func() { lock.NewBarrier(0) })
	testkit.Panics(t, "lock: NewBarrier(-1)", func() { lock.NewBarrier(-1) })
}

// The zero Barrier is for no tasks: a task that calls Wait there must not wait for ever.
func TestZeroBarrier(t *testing.T) {
	l := testkit.NewLoop(t)
	var b lock.Barrier
	a := task.Go(l.Context(), b.Wait)
	l.RunUntilIdle()
	if !a.Done() {
		t.Error("a task waits for ever at the zero Barrier")
		return
	}
	var p *task.PanicError
	if errors.As(a.Err(), &p) {
		testkit.Panics(t, "lock: ", func() { panic(p.Value) })
	}
}

func TestBarrierOfOne(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		b := lock.NewBarrier(1)
		for range 3 {
			at, err := b.Wait(ctx)
			testkit.NoError(t, err)
			testkit.Equal(t, "index", at, 0)
		}
	})
}

// Two rounds: a task of the second round arrives while the tasks of the first round leave.
func TestBarrierServesRounds(t *testing.T) {
	l := testkit.NewLoop(t)
	b := lock.NewBarrier(3)
	testkit.Equal(t, "parties", b.Parties(), 3)
	var j looptest.Journal
	for at := range 6 {
		testkit.Spawn(l.Context(), fmt.Sprint(at), func(ctx context.Context) error {
			index, err := b.Wait(ctx)
			j.Add("%d leaves, with index %d", at, index)
			return err
		})
		l.RunOnce()
	}
	l.RunUntilIdle()
	j.Want(t,
		"2 leaves, with index 2", "0 leaves, with index 0", "1 leaves, with index 1",
		"5 leaves, with index 2", "3 leaves, with index 0", "4 leaves, with index 1")
	testkit.Equal(t, "waiting", b.Waiting(), 0)
}

// barrierModel is a simple model of a barrier: the tasks that have arrived and not left,
// the tasks that have met, and whether the barrier is broken.
type barrierModel struct {
	*testkit.Program
	b      *lock.Barrier
	inside []*testkit.Actor
	met    map[*testkit.Actor]bool // the tasks of all full rounds
	broken bool                    // aborted, and not reset since
	resets int                     // resets and aborts so far
	left   []string
}

func (m *barrierModel) wait(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		m.inside = append(m.inside, a)
		before, broken := m.resets, m.broken
		if len(m.inside) >= m.b.Parties() {
			for _, a := range m.inside {
				m.met[a] = true
			}
		}
		index, err := m.b.Wait(ctx)
		m.Leave(&m.inside, a)
		m.left = append(m.left, fmt.Sprintf("%v %d %v", a, index, err))
		switch {
		case errors.Is(err, lock.ErrBroken):
			if before == m.resets && !broken {
				m.Errorf("%v got ErrBroken, but the barrier was not broken", a)
			}
		case err != nil:
			m.Excused(a, err)
		case !m.met[a]:
			m.Errorf("%v goes on, but there never were %d tasks at the barrier", a, m.b.Parties())
		case index < 0 || index >= m.b.Parties():
			m.Errorf("%v has index %d of %d", a, index, m.b.Parties())
		}
	})
}

func (m *barrierModel) change(abort bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		change := m.b.Reset
		if abort {
			change = m.b.Abort
		}
		if err := change(ctx); err != nil {
			m.Excused(a, err)
			return
		}
		m.resets++
		m.broken = abort
	})
}

func (m *barrierModel) check(idle bool) {
	if m.b.Broken() != m.broken {
		m.Errorf("Broken() = %t, want %t", m.b.Broken(), m.broken)
	}
	if m.b.Waiting() > len(m.inside) {
		m.Errorf("Waiting() = %d, and %v are inside", m.b.Waiting(), m.inside)
	}
	if !idle {
		return
	}
	if m.broken && len(m.inside) > 0 {
		m.Errorf("nothing is ready, the barrier is broken, and %v wait", m.inside)
	}
	if len(m.inside) >= m.b.Parties() || m.b.Waiting() != len(m.inside) {
		m.Errorf("nothing is ready, %v wait, and Waiting() = %d of %d", m.inside, m.b.Waiting(), m.b.Parties())
	}
	m.NoneGaveUp(m.inside)
}

func newBarrierModel(t *rapid.T) *barrierModel {
	m := &barrierModel{Program: testkit.NewProgram(t), met: map[*testkit.Actor]bool{}}
	m.b = lock.NewBarrier(rapid.IntRange(1, 4).Draw(t, "parties"))
	return m
}

func (m *barrierModel) op(n int) {
	switch n % 9 {
	case 7:
		m.change(true)
	case 8:
		m.change(false)
	default:
		m.wait(n%2 == 0)
	}
}

func TestBarrierModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newBarrierModel(t)
		defer m.Loop.Close()
		m.Run(m.check, m.op)
		m.Finish(m.check)
		if len(m.inside) > 0 {
			m.Errorf("every task should have left, but %v have not", m.inside)
		}
	})
}

// The loop runs until it is idle after each operation, so the outcome of each task is known
// exactly.
func TestBarrierModelOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newBarrierModel(t)
		defer m.Loop.Close()
		var waiting []*testkit.Actor
		index := map[*testkit.Actor]int{} // in the order of arrival
		var want []string
		leaves := func(a *testkit.Actor, index int, err error) {
			want = append(want, fmt.Sprintf("%v %d %v", a, index, err))
		}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 199), 1, 40).Draw(t, "ops") {
			switch op := n % 9; {
			case op >= 7:
				m.change(op == 7)
				for _, a := range waiting {
					leaves(a, 0, lock.ErrBroken)
				}
				waiting = nil
			case op == 3 && len(waiting) > 0:
				at := n % len(waiting)
				a := waiting[at]
				a.Canceled = a.Task.Cancel(testkit.ErrCause)
				leaves(a, 0, &loop.CanceledError{Cause: testkit.ErrCause})
				waiting = slices.Delete(waiting, at, at+1)
			case m.broken:
				m.wait(false)
				leaves(m.Actors[len(m.Actors)-1], 0, lock.ErrBroken)
			default:
				m.wait(false)
				a := m.Actors[len(m.Actors)-1]
				index[a] = len(waiting)
				waiting = append(waiting, a)
				if len(waiting) == m.b.Parties() {
					for _, a := range waiting {
						leaves(a, index[a], nil)
					}
					waiting = nil
				}
			}
			m.Rest(m.check)
			slices.Sort(m.left)
			slices.Sort(want)
			if !slices.Equal(m.left, want) {
				t.Errorf("the tasks that left: %v, want %v", m.left, want)
			}
			m.left, want = nil, nil
		}
		m.Finish(m.check)
	})
}
