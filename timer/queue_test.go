package timer_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"weak"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/timer"
)

// model is a simple and slow queue that is easy to check: a slice, which is sorted whenever an
// item is armed.
type model struct {
	q *timer.Queue[int]

	seq      uint64
	armed    []timer.Item[int]
	fired    []timer.Key
	canceled []timer.Key
}

func (m *model) arm(t *rapid.T, deadline int64) {
	m.seq++
	it := timer.Item[int]{Key: timer.Key{Deadline: deadline, Seq: m.seq}, Value: int(m.seq) * 10}
	if k := m.q.Arm(deadline, it.Value); k != it.Key {
		t.Fatalf("Arm(%d) = %v, want %v", deadline, k, it.Key)
	}
	m.armed = append(m.armed, it)
	slices.SortFunc(m.armed, func(a, b timer.Item[int]) int { return a.Compare(b.Key) })
}

func (m *model) cancel(t *rapid.T, k timer.Key) {
	v, ok := m.q.Cancel(k)
	i := slices.IndexFunc(m.armed, func(it timer.Item[int]) bool { return it.Key == k })
	if i < 0 {
		if v != 0 || ok {
			t.Fatalf("Cancel(%v) = %d, %t, want 0, false, as the item is not armed", k, v, ok)
		}
		return
	}
	if want := m.armed[i].Value; v != want || !ok {
		t.Fatalf("Cancel(%v) = %d, %t, want %d, true", k, v, ok, want)
	}
	m.armed = slices.Delete(m.armed, i, i+1)
	m.canceled = append(m.canceled, k)
}

func (m *model) pop(t *rapid.T, now int64) {
	it, ok := m.q.PopDue(now)
	if len(m.armed) == 0 || m.armed[0].Deadline > now {
		if it != (timer.Item[int]{}) || ok {
			t.Fatalf("PopDue(%d) = %v, %t, want the zero Item, false", now, it, ok)
		}
		return
	}
	if want := m.armed[0]; it != want || !ok {
		t.Fatalf("PopDue(%d) = %v, %t, want %v, true", now, it, ok, want)
	}
	m.armed = m.armed[1:]
	m.fired = append(m.fired, it.Key)
}

// change does a random operation on the queue.
func (m *model) change(t *rapid.T) {
	switch rapid.SampledFrom([]string{"arm", "cancel", "pop"}).Draw(t, "change") {
	case "arm":
		m.arm(t, deadlines.Draw(t, "deadline"))
	case "cancel":
		if len(m.armed) > 0 {
			m.cancel(t, rapid.SampledFrom(m.armed).Draw(t, "item").Key)
		}
	case "pop":
		m.pop(t, deadlines.Draw(t, "now"))
	}
}

// check compares the results of all methods that only read.
func (m *model) check(t *rapid.T) {
	if n := m.q.Len(); n != len(m.armed) {
		t.Fatalf("Len() = %d, want %d", n, len(m.armed))
	}
	deadline, ok := m.q.Earliest()
	if len(m.armed) == 0 {
		if deadline != timer.Never || ok {
			t.Fatalf("Earliest() = %d, %t, want Never, false", deadline, ok)
		}
	} else if want := m.armed[0].Deadline; deadline != want || !ok {
		t.Fatalf("Earliest() = %d, %t, want %d, true", deadline, ok, want)
	}
	if all := slices.Collect(m.q.All()); !slices.Equal(all, m.armed) {
		t.Fatalf("All() = %v, want %v", all, m.armed)
	}
}

// There are few deadlines, so that many items have equal ones. The smallest and the largest
// int64 are among them.
var deadlines = rapid.OneOf(
	rapid.Int64Range(0, 4),
	rapid.SampledFrom([]int64{math.MinInt64, -1, timer.Never - 1, timer.Never}),
)

func TestQueueAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{q: timer.New[int]()}
		sample := func(keys []timer.Key) {
			if len(keys) == 0 {
				t.Skip("no such key yet")
			}
			m.cancel(t, rapid.SampledFrom(keys).Draw(t, "key"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"arm": func(t *rapid.T) { m.arm(t, deadlines.Draw(t, "deadline")) },
			"arm many": func(t *rapid.T) {
				// More items than fit into a node, so that nodes split and merge.
				d := deadlines.Draw(t, "deadline")
				for range rapid.IntRange(1, 200).Draw(t, "n") {
					m.arm(t, d)
				}
			},
			"cancel first": func(t *rapid.T) {
				if len(m.armed) > 0 {
					m.cancel(t, m.armed[0].Key)
				}
			},
			"cancel last": func(t *rapid.T) {
				if n := len(m.armed); n > 0 {
					m.cancel(t, m.armed[n-1].Key)
				}
			},
			"cancel any": func(t *rapid.T) {
				if len(m.armed) > 0 {
					m.cancel(t, rapid.SampledFrom(m.armed).Draw(t, "item").Key)
				}
			},
			"change unseen": func(t *rapid.T) { // without check, whose calls of Earliest and All sort the items
				for range rapid.IntRange(1, 50).Draw(t, "changes") {
					m.change(t)
				}
			},
			"cancel fired":    func(t *rapid.T) { sample(m.fired) },
			"cancel canceled": func(t *rapid.T) { sample(m.canceled) },
			"cancel what never was": func(t *rapid.T) {
				m.cancel(t, timer.Key{})
				m.cancel(t, timer.Key{Deadline: deadlines.Draw(t, "deadline")})
				m.cancel(t, timer.Key{Deadline: deadlines.Draw(t, "deadline"), Seq: m.seq + 1})
				if len(m.armed) > 0 {
					k := rapid.SampledFrom(m.armed).Draw(t, "item").Key
					k.Deadline ^= 1 // a Seq that is armed, at another deadline
					m.cancel(t, k)
				}
			},
			"re-arm": func(t *rapid.T) {
				if len(m.armed) > 0 {
					m.cancel(t, rapid.SampledFrom(m.armed).Draw(t, "item").Key)
					m.arm(t, deadlines.Draw(t, "deadline"))
				}
			},
			"pop": func(t *rapid.T) { m.pop(t, deadlines.Draw(t, "now")) },
			"pop many": func(t *rapid.T) {
				now := deadlines.Draw(t, "now")
				for range rapid.IntRange(1, 200).Draw(t, "n") {
					m.pop(t, now)
				}
			},
			"reset": func(t *rapid.T) {
				m.q.Reset()
				*m = model{q: m.q}
			},
			"change while iterating": func(t *rapid.T) {
				var last timer.Key
				steps := rapid.IntRange(1, 20).Draw(t, "steps")
				for it := range m.q.All() {
					i := 0 // the index in the model of the first item after last
					if last.Seq != 0 {
						for i < len(m.armed) && m.armed[i].Compare(last) <= 0 {
							i++
						}
					}
					if i == len(m.armed) || m.armed[i] != it {
						t.Fatalf("All yields %v after %v, but the armed items are %v", it, last, m.armed)
					}
					if last = it.Key; steps == 0 {
						break
					}
					steps--
					for range rapid.IntRange(0, 3).Draw(t, "changes") {
						m.change(t)
					}
				}
				if steps > 0 && len(m.armed) > 0 && m.armed[len(m.armed)-1].Compare(last) > 0 {
					t.Fatalf("All ends after %v, but the armed items are %v", last, m.armed)
				}
			},
			"": m.check,
		})
	})
}

func TestKeyCompare(t *testing.T) {
	// The keys are in order, so the result of Compare follows from their indexes.
	keys := []timer.Key{
		{Deadline: math.MinInt64, Seq: math.MaxUint64},
		{Deadline: -1, Seq: 1},
		{},
		{Deadline: 0, Seq: 1},
		{Deadline: 0, Seq: math.MaxUint64},
		{Deadline: 1, Seq: 0},
		{Deadline: timer.Never, Seq: 1},
	}
	for i, a := range keys {
		for j, b := range keys {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = +1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestZeroQueue(t *testing.T) {
	var q timer.Queue[string]
	if v, ok := q.Cancel(timer.Key{Deadline: 1, Seq: 1}); v != "" || ok {
		t.Errorf("Cancel = %q, %t", v, ok)
	}
	if it, ok := q.PopDue(timer.Never); ok {
		t.Errorf("PopDue = %v", it)
	}
	if d, ok := q.Earliest(); d != timer.Never || ok {
		t.Errorf("Earliest = %d, %t", d, ok)
	}
	for it := range q.All() {
		t.Errorf("All yields %v", it)
	}
	if n := q.Len(); n != 0 {
		t.Errorf("Len = %d", n)
	}
	q.Arm(1, "a")
	if it, ok := q.PopDue(1); it.Value != "a" || !ok {
		t.Errorf("PopDue = %v, %t", it, ok)
	}
}

// The queue keeps no reference to a value that has fired or was canceled, although it keeps
// empty nodes.
func TestNothingLingers(t *testing.T) {
	type value struct {
		self *value // because of the pointer, the value shares no block of the allocator
		_    [64]byte
	}
	const n = 5000
	q := timer.New[*value]()
	keys := make([]timer.Key, n)
	values := make([]weak.Pointer[value], n)
	for i := range n {
		v := &value{}
		v.self = v
		keys[i], values[i] = q.Arm(int64(i%7), v), weak.Make(v)
	}
	const kept = 1234
	for i := range n / 2 {
		if i != kept {
			q.Cancel(keys[i])
		}
	}
	for q.Len() > 1 {
		if it, _ := q.PopDue(timer.Never); it.Key == keys[kept] {
			keys[kept] = q.Arm(100, it.Value)
		}
	}
	runtime.GC()
	for i, v := range values {
		if alive := v.Value() != nil; alive != (i == kept) {
			t.Errorf("value %d: alive is %t after it left the queue", i, alive)
		}
	}
	runtime.KeepAlive(q)
}

// If the queue has enough nodes, no operation allocates.
func TestNoAllocations(t *testing.T) {
	q := timer.New[int]()
	for i := range 1000 {
		q.Arm(int64(i%10), i)
	}
	allocs := testing.AllocsPerRun(10_000, func() {
		q.Cancel(q.Arm(5, 0))
		q.Arm(5, 0)
		q.PopDue(timer.Never)
		q.Earliest()
	})
	if allocs >= 1 {
		t.Errorf("%v allocations per round of 5 operations", allocs)
	}
}
