package queue_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// queueModel is a simple model of a queue: the items, in the order in which they were put,
// and three lines of waiting tasks.
type queueModel struct {
	*testkit.Program
	q        *queue.Queue[int]
	next     func(items []int) int // the index of the item that is taken next
	max      int
	items    []int
	put      int // the number of items so far; it is the value of the last item
	undone   int
	taken    int // the items that were taken and are not done
	shutdown bool
	getters  line
	putters  line
	joiners  []*testkit.Actor
}

// A line has the waiting tasks. It becomes unfair when a task is served at once while others
// wait: it may have taken what a waiting task was woken for. The line is fair again when no
// task waits any more.
type line struct {
	actors []*testkit.Actor
	unfair bool
}

// come notes that a task comes, and whether it may be served at once.
func (l *line) come(served bool) {
	if len(l.actors) == 0 {
		l.unfair = false
	} else if served {
		l.unfair = true
	}
}

// left checks that a, which was served, has not overtaken another task.
func (m *queueModel) left(l *line, a *testkit.Actor, suspended bool, ahead []*testkit.Actor) {
	for _, other := range ahead {
		if suspended && !l.unfair && !other.GaveUp() {
			m.Errorf("%v was served before %v, which came earlier", a, other)
		}
	}
}

func level(v int) int { return v % 3 }

// nextOf has a function for each kind of queue. It returns the index of the item that is
// taken next; the items are in the order in which they were put.
var nextOf = []func(items []int) int{
	func([]int) int { return 0 },
	func(items []int) int { return len(items) - 1 },
	func(items []int) int {
		least := 0
		for at, v := range items {
			if level(v) < level(items[least]) {
				least = at
			}
		}
		return least
	},
}

func newQueueModel(t *rapid.T) *queueModel {
	m := &queueModel{Program: testkit.NewProgram(t), max: rapid.IntRange(0, 3).Draw(t, "max")}
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	m.next = nextOf[kind]
	switch kind {
	case 0:
		m.q = queue.New[int](m.max)
	case 1:
		m.q = queue.NewLIFO[int](m.max)
	case 2:
		m.q = queue.NewPriority(m.max, func(a, b int) bool { return level(a) < level(b) })
	}
	return m
}

func (m *queueModel) full() bool { return m.max > 0 && len(m.items) >= m.max }

// didPut notes that an item is in the queue.
func (m *queueModel) didPut(v int, err error) {
	if m.shutdown && err == nil {
		m.Errorf("item %d was put after the shutdown", v)
	}
	if err == nil {
		m.items = append(m.items, v)
		m.undone++
	}
}

// didGet notes that an item was taken.
func (m *queueModel) didGet(v int) {
	if len(m.items) == 0 {
		m.Errorf("item %d was taken from an empty queue", v)
		return
	}
	at := m.next(m.items)
	if m.items[at] != v {
		m.Errorf("item %d was taken, but it was the turn of %d, of %v", v, m.items[at], m.items)
	}
	m.items = slices.Delete(m.items, at, at+1)
	m.taken++
}

func (m *queueModel) putter(derived bool) {
	m.put++
	v := m.put
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		room := !m.full() || m.shutdown
		m.putters.come(room)
		before := m.Steps
		m.putters.actors = append(m.putters.actors, a)
		err := m.q.Put(ctx, v)
		suspended := m.Steps != before
		if room && suspended {
			m.Errorf("%v found room, but was suspended", a)
		}
		ahead := m.Leave(&m.putters.actors, a)
		m.didPut(v, err)
		switch {
		case err == nil:
			m.left(&m.putters, a, suspended, ahead)
		case errors.Is(err, queue.ErrShutdown):
			if !m.shutdown {
				m.Errorf("%v got ErrShutdown, but the queue was not shut down", a)
			}
		default:
			m.Excused(a, err)
		}
	})
}

func (m *queueModel) getter(derived bool) {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		there := len(m.items) > 0 || m.shutdown
		m.getters.come(there)
		before := m.Steps
		m.getters.actors = append(m.getters.actors, a)
		v, err := m.q.Get(ctx)
		suspended := m.Steps != before
		if there && suspended {
			m.Errorf("%v found an item, but was suspended", a)
		}
		ahead := m.Leave(&m.getters.actors, a)
		switch {
		case err == nil:
			m.didGet(v)
			m.left(&m.getters, a, suspended, ahead)
		case errors.Is(err, queue.ErrShutdown):
			if !m.shutdown || len(m.items) > 0 {
				m.Errorf("%v got ErrShutdown, but the queue was not shut down, or has the items %v", a, m.items)
			}
		default:
			m.Excused(a, err)
		}
	})
}

func (m *queueModel) tryPut() {
	m.put++
	v := m.put
	m.putters.come(!m.full())
	var want error
	if m.full() {
		want = queue.ErrFull
	}
	if m.shutdown {
		want = queue.ErrShutdown
	}
	err := m.q.TryPut(v)
	if err != want {
		m.Errorf("TryPut: %v, want %v", err, want)
	}
	m.didPut(v, err)
}

func (m *queueModel) tryGet() {
	m.getters.come(len(m.items) > 0)
	want := queue.ErrEmpty
	if m.shutdown {
		want = queue.ErrShutdown
	}
	if len(m.items) > 0 {
		want = nil
	}
	v, err := m.q.TryGet()
	if err != want {
		m.Errorf("TryGet: %v, want %v", err, want)
	}
	if err == nil {
		m.didGet(v)
	}
}

func (m *queueModel) joiner() {
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		nothing := m.undone == 0
		before := m.Steps
		m.joiners = append(m.joiners, a)
		err := m.q.Join(ctx)
		if nothing && m.Steps != before {
			m.Errorf("%v found nothing undone, but was suspended", a)
		}
		m.Leave(&m.joiners, a)
		if err != nil {
			m.Excused(a, err)
		} else if !nothing && !a.Woken {
			m.Errorf("%v goes on, but an item was undone all the time", a)
		}
	})
}

// settle wakes the joiners if nothing is undone.
func (m *queueModel) settle() {
	for _, a := range m.joiners {
		if m.undone == 0 && !a.Woken {
			m.Wake(a)
		}
	}
}

func (m *queueModel) done() {
	switch {
	case m.undone == 0:
		testkit.Panics(m, "queue: Done called more often than items were put", m.q.Done)
	case m.taken > 0:
		m.taken--
		m.undone--
		m.q.Done()
		m.settle()
	}
}

func (m *queueModel) shut(now bool) {
	m.shutdown = true
	m.q.Shutdown(now)
	if now {
		m.undone -= len(m.items)
		m.items = nil
		m.settle()
	}
}

func (m *queueModel) check(idle bool) {
	if m.q.Len() != len(m.items) || m.max > 0 && m.q.Len() > m.max {
		m.Errorf("Len() = %d of %d, want %d", m.q.Len(), m.max, len(m.items))
	}
	if m.q.Undone() != m.undone {
		m.Errorf("Undone() = %d, want %d", m.q.Undone(), m.undone)
	}
	for _, a := range m.joiners {
		if a.Woken && a.Due <= m.Turn {
			m.Errorf("%v should have gone on in turn %d", a, a.Due)
		}
	}
	if !idle {
		return
	}
	if len(m.getters.actors) > 0 && (len(m.items) > 0 || m.shutdown) {
		m.Errorf("nothing is ready and %v are in the queue (shut down: %t), but %v wait for items", m.items, m.shutdown, m.getters.actors)
	}
	if len(m.putters.actors) > 0 && (!m.full() || m.shutdown) {
		m.Errorf("nothing is ready and there is room (shut down: %t), but %v wait for it", m.shutdown, m.putters.actors)
	}
	if len(m.joiners) > 0 && m.undone == 0 {
		m.Errorf("nothing is ready and nothing is undone, but %v wait in Join", m.joiners)
	}
	m.NoneGaveUp(m.getters.actors)
	m.NoneGaveUp(m.putters.actors)
	m.NoneGaveUp(m.joiners)
}

func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newQueueModel(t)
		defer m.Loop.Close()
		m.Run(m.check, func(n int) {
			switch op := n % 11; {
			case op <= 2:
				m.getter(n%2 == 0)
			case op <= 5:
				m.putter(n%2 == 0)
			case op == 6:
				m.tryPut()
			case op == 7:
				m.tryGet()
			case op == 8:
				m.joiner()
			case op == 9:
				m.done()
			case n%4 < 2: // rarely, because little happens after a shutdown
				m.shut(n%2 == 0)
			}
		})
		m.Finish(m.check)
	})
}

// Workers range over the queue, while other tasks put items, join, and shut it down. Each
// item is taken once, or left, or dropped, and all workers end.
func TestAllModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newQueueModel(t)
		defer m.Loop.Close()
		for n := range rapid.IntRange(1, 4).Draw(t, "workers") {
			m.Spawn(func(ctx context.Context, a *testkit.Actor) {
				if n%2 == 0 {
					ctx = a.Derive(ctx)
				}
				failed := false
				for v, err := range m.q.All(ctx) {
					m.Steps++
					if failed {
						m.Errorf("%v has a round after the round with the error", a)
					}
					if err != nil {
						failed = true
						m.Excused(a, err)
						if v != 0 {
							m.Errorf("%v has item %d and also the error %v", a, v, err)
						}
						continue
					}
					m.didGet(v)
					if testkit.Yield(ctx, v%3) != nil {
						return
					}
					m.done()
				}
				if !failed && !m.shutdown {
					m.Errorf("%v has ended before the shutdown", a)
				}
			})
		}
		m.Run(m.check, func(n int) {
			switch op := n % 6; {
			case op <= 2:
				m.putter(n%2 == 0)
			case op == 3:
				m.tryPut()
			case op == 4:
				m.joiner()
			case n%4 < 2:
				m.shut(n%2 == 0)
			}
		})
		m.Rest(m.check)
		m.shut(false)
		m.Rest(m.check)
		for _, a := range m.Actors {
			if !a.Task.Task().Done() && !slices.Contains(m.joiners, a) {
				m.Errorf("%v goes on after the shutdown", a)
			}
		}
		m.Finish(m.check)
	})
}
