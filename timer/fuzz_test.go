package timer_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/takt-go/takt/timer"
)

// FuzzQueue compares a queue with a sorted slice. Two bytes of the program are an operation
// and its argument. Some operations are done many times, so that items get into all places
// of the queue.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 5, 0, 3, 6, 9, 3, 0, 4, 4, 5, 0})
	bytes := rand.NewChaCha8([32]byte{})
	for range 200 {
		program := make([]byte, 120)
		_, _ = bytes.Read(program)
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		m := sorted{t: t, q: timer.New[int]()}
		for ; len(program) >= 2; program = program[2:] {
			op, on := program[0], int(program[1])
			times := 1
			if op >= 0xc0 {
				times = 70
			}
			for i := range times {
				m.do(op%8, on+i*int(op>>3&3))
				if m.q.Len() != len(m.items) {
					t.Fatalf("Len is %d, want %d", m.q.Len(), len(m.items))
				}
			}
			if op&0x20 != 0 {
				m.earliest()
			}
		}
		for len(m.items) > 0 {
			m.pop(timer.Never)
		}
		m.pop(timer.Never)
	})
}

// sorted has a queue, and a sorted slice of the same items.
type sorted struct {
	t     *testing.T
	q     *timer.Queue[int]
	items []timer.Item[int]
	past  []timer.Key // of the items that have fired or were canceled
	armed int
}

func (m *sorted) do(op byte, on int) {
	switch op {
	case 0, 1:
		m.arm(int64(on))
	case 2:
		m.arm([]int64{math.MinInt64, -1, 0, math.MaxInt64 - 1, timer.Never}[on%5])
	case 3, 4:
		if len(m.items) > 0 {
			m.cancel(on * 7 % len(m.items))
		}
	case 5:
		if len(m.past) > 0 {
			if v, ok := m.q.Cancel(m.past[on%len(m.past)]); v != 0 || ok {
				m.t.Fatalf("Cancel of an item that is not armed any more: %d, %v", v, ok)
			}
		}
	case 6:
		m.pop(int64(on))
	case 7:
		if on%4 != 0 {
			return
		}
		if all := slices.Collect(m.q.All()); !slices.Equal(all, m.items) {
			m.t.Fatalf("All: %v, want %v", all, m.items)
		}
	}
}

func (m *sorted) arm(deadline int64) {
	m.armed++
	k := m.q.Arm(deadline, m.armed)
	if want := (timer.Key{Deadline: deadline, Seq: uint64(m.armed)}); k != want {
		m.t.Fatalf("Arm gives the key %v, want %v", k, want)
	}
	at, _ := slices.BinarySearchFunc(m.items, k, func(it timer.Item[int], k timer.Key) int { return it.Compare(k) })
	m.items = slices.Insert(m.items, at, timer.Item[int]{Key: k, Value: m.armed})
}

func (m *sorted) cancel(at int) {
	it := m.items[at]
	if v, ok := m.q.Cancel(it.Key); v != it.Value || !ok {
		m.t.Fatalf("Cancel of %v: %d, %v", it, v, ok)
	}
	m.leave(at)
}

func (m *sorted) leave(at int) {
	m.past = append(m.past, m.items[at].Key)
	m.items = slices.Delete(m.items, at, at+1)
}

func (m *sorted) pop(now int64) {
	var want timer.Item[int]
	due := len(m.items) > 0 && m.items[0].Deadline <= now
	if due {
		want = m.items[0]
	}
	if it, ok := m.q.PopDue(now); it != want || ok != due {
		m.t.Fatalf("PopDue(%d): %v, %v; want %v, %v", now, it, ok, want, due)
	}
	if due {
		m.leave(0)
	}
}

func (m *sorted) earliest() {
	want := int64(timer.Never)
	if len(m.items) > 0 {
		want = m.items[0].Deadline
	}
	if at, ok := m.q.Earliest(); at != want || ok != (len(m.items) > 0) {
		m.t.Fatalf("Earliest: %d, %v; want %d", at, ok, want)
	}
}
