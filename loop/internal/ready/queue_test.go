package ready

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// numbered is an entry that can be told from others, and from none.
type numbered int

func (numbered) Run() {}

// put pushes r and returns its position.
func put(q *Queue, r Runnable) uint64 {
	q.Push(r)
	return q.tail - 1
}

// popAll empties q; a canceled entry is -1.
func popAll(q *Queue) (all []int) {
	for q.head != q.tail {
		n, ok := q.Pop().(numbered)
		if !ok {
			n = -1
		}
		all = append(all, int(n))
	}
	return all
}

func TestGrowsWhileWrappedAround(t *testing.T) {
	var q Queue
	for i := range 64 { // exactly full
		q.Push(numbered(i))
	}
	for i := range 40 {
		if got := q.Pop(); got != numbered(i) {
			t.Fatalf("pop = %v, want %d", got, i)
		}
	}
	for i := 64; i < 200; i++ { // fills the gap in front, then grows twice
		if at := put(&q, numbered(i)); at != uint64(i) {
			t.Fatalf("position %d for entry %d", at, i)
		}
	}
	if len(q.buf) != 256 {
		t.Errorf("the ring has %d places for 160 entries", len(q.buf))
	}
	for i, got := range popAll(&q) {
		if got != 40+i {
			t.Fatalf("entry %d is %d", 40+i, got)
		}
	}
}

func TestPositionsSurviveGrowth(t *testing.T) {
	var q Queue
	first := put(&q, numbered(0))
	for i := 1; i < 1000; i++ {
		q.Push(numbered(i))
	}
	if q.Take(first) != numbered(0) {
		t.Error("the first entry was not found where it was put")
	}
	if got := popAll(&q); got[0] != -1 || got[1] != 1 || got[999] != 999 {
		t.Errorf("entries moved: %v ...", got[:2])
	}
}

func TestTake(t *testing.T) {
	var q Queue
	for i := range 5 {
		q.Push(numbered(i))
	}
	q.Pop()
	for _, c := range []struct {
		what string
		at   uint64
		want bool
	}{
		{"popped", 0, false},
		{"head", 1, true},
		{"middle", 3, true},
		{"twice", 3, false},
		{"last", 4, true},
		{"not there yet", 5, false},
		{"far away", 1 << 60, false},
	} {
		if got := q.Take(c.at) != nil; got != c.want {
			t.Errorf("cancel of the entry that is %s = %t", c.what, got)
		}
	}
	if at := put(&q, numbered(5)); at != 5 {
		t.Errorf("position %d after cancellations, want 5", at)
	}
	got, want := popAll(&q), []int{-1, 2, -1, -1, 5}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("left in the queue: %v, want %v", got, want)
		}
	}
}

// A place in the ring that is free again must not be mistaken for its old entry.
func TestTakeOfOldPositionLeavesNewEntryAlone(t *testing.T) {
	var q Queue
	old := put(&q, numbered(0))
	q.Pop()
	for i := 1; i <= 64; i++ { // the last one lies where the first one lay
		q.Push(numbered(i))
	}
	if q.Take(old) != nil {
		t.Error("canceled an entry that had been popped")
	}
	if got := popAll(&q); len(got) != 64 || got[63] != 64 {
		t.Errorf("the new entry is gone: %v", got)
	}
}

func TestKeepsNothingAlive(t *testing.T) {
	var q Queue
	q.Push(numbered(1))
	at := put(&q, numbered(2))
	q.Take(at)
	popAll(&q)
	for i, e := range q.buf {
		if e != nil {
			t.Errorf("place %d still holds %v", i, e)
		}
	}
}

// The model is a slice of all entries that ever were, nil where one is gone.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var all []Runnable
		head := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "entries") {
					n := numbered(len(all))
					if at := put(&q, n); at != uint64(n) {
						t.Fatalf("position %d, want %d", at, n)
					}
					all = append(all, n)
				}
			},
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(0, len(all)-head).Draw(t, "entries") {
					if got := q.Pop(); got != all[head] {
						t.Fatalf("pop = %v, want %v", got, all[head])
					}
					all[head] = nil
					head++
				}
			},
			"cancel": func(t *rapid.T) {
				at := rapid.IntRange(0, len(all)+1).Draw(t, "at")
				var want Runnable
				if at < len(all) {
					want, all[at] = all[at], nil
				}
				if got := q.Take(uint64(at)); got != want {
					t.Fatalf("cancel(%d) = %v, want %v", at, got, want)
				}
			},
			"": func(t *rapid.T) {
				if q.head != uint64(head) || q.tail != uint64(len(all)) {
					t.Fatalf("from %d to %d, want %d to %d", q.head, q.tail, head, len(all))
				}
				if n := len(q.buf); n&(n-1) != 0 {
					t.Fatalf("%d places, not a power of two", n)
				}
			},
		})
	})
}

// An empty ring gives back the room for very many, bit by bit.
func TestShrink(t *testing.T) {
	var q Queue
	for i := range 4 * rested {
		q.Push(numbered(i))
	}
	popAll(&q)
	for want := 2 * rested; want >= rested; want /= 2 {
		if q.Shrink(); q.Cap() != want {
			t.Errorf("room for %d, want %d", q.Cap(), want)
		}
	}
	q.Shrink()
	if q.Cap() != rested {
		t.Errorf("room for %d in the end, want %d", q.Cap(), rested)
	}
	if at := put(&q, numbered(1)); at != 4*rested || q.At(at) != numbered(1) {
		t.Errorf("the next entry is %v at %d", q.At(at), at)
	}
}

// What is taken out makes room: the queue grows by what waits at a time.
func TestQueueDoesNotGrowByWhatHasPassed(t *testing.T) {
	var q Queue
	for i := range 1000 {
		q.Push(numbered(i))
		if got := q.Pop(); got != numbered(i) {
			t.Fatalf("popped %v, want %d", got, i)
		}
	}
	if len(q.buf) != 64 {
		t.Errorf("there is room for %d", len(q.buf))
	}
}
