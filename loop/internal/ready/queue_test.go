package ready

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// numbered is an entry that differs from other entries and from nil.
type numbered int

func (numbered) Run() {}

// put pushes r and returns its position.
func put(q *Queue, r Runnable) uint64 {
	q.Push(r)
	return q.tail - 1
}

// popAll empties q and returns the numbers of the entries, and -1 for an entry that was taken out.
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
			t.Fatalf("Pop returned %v, want %d", got, i)
		}
	}
	for i := 64; i < 200; i++ { // fills the free places at the beginning of the ring, then grows twice
		if at := put(&q, numbered(i)); at != uint64(i) {
			t.Fatalf("entry %d has the position %d, want the same number", i, at)
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
		t.Error("Take does not find the first entry at its position")
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
			t.Errorf("position %d (%s): Take found an entry: %t, want %t", c.at, c.what, got, c.want)
		}
	}
	if at := put(&q, numbered(5)); at != 5 {
		t.Errorf("the next entry has the position %d, want 5", at)
	}
	got, want := popAll(&q), []int{-1, 2, -1, -1, 5}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("left in the queue: %v, want %v", got, want)
		}
	}
}

// Take of an old position does not find a new entry that is at the same place in the ring.
func TestTakeOfOldPositionLeavesNewEntryAlone(t *testing.T) {
	var q Queue
	old := put(&q, numbered(0))
	q.Pop()
	for i := 1; i <= 64; i++ { // the last entry is at the place of the first one
		q.Push(numbered(i))
	}
	if q.Take(old) != nil {
		t.Error("Take returned an entry for a position that was popped before")
	}
	if got := popAll(&q); len(got) != 64 || got[63] != 64 {
		t.Errorf("the queue has %v, want 64 entries, the last one 64", got)
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
			t.Errorf("place %d of the ring still has %v, want nil", i, e)
		}
	}
}

// The model is a slice of all entries that were ever pushed. An entry that is gone is nil.
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
						t.Fatalf("the entry has the position %d, want %d", at, n)
					}
					all = append(all, n)
				}
			},
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(0, len(all)-head).Draw(t, "entries") {
					if got := q.Pop(); got != all[head] {
						t.Fatalf("Pop returned %v, want %v", got, all[head])
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
					t.Fatalf("Take(%d) returned %v, want %v", at, got, want)
				}
			},
			"reset": func(t *rapid.T) {
				q.Reset()
				for i, e := range q.buf {
					if e != nil {
						t.Fatalf("place %d of the ring still has %v, want nil", i, e)
					}
				}
				all, head = nil, 0
			},
			"": func(t *rapid.T) {
				if q.head != uint64(head) || q.tail != uint64(len(all)) {
					t.Fatalf("the queue goes from %d to %d, want %d to %d", q.head, q.tail, head, len(all))
				}
				if n := len(q.buf); n&(n-1) != 0 {
					t.Fatalf("the ring has %d places, want a power of two", n)
				}
			},
		})
	})
}

// A queue keeps room for the smaller one of the last two bursts, and always a moderate room.
func TestShrink(t *testing.T) {
	var q Queue
	all := 0
	for at, c := range []struct{ burst, want int }{
		{4 * rested, rested}, // a single burst
		{4 * rested, 4 * rested},
		{8 * rested, 4 * rested},
		{8*rested - 1, 8 * rested},
		{rested + 1, 2 * rested},
		{rested + 1, 2 * rested},
		{1, rested},
		{8 * rested, rested},
		{0, rested},
	} {
		for i := range c.burst {
			q.Push(numbered(i))
		}
		popAll(&q)
		if q.Shrink(); q.Cap() != c.want {
			t.Errorf("after burst %d, of %d entries, there is room for %d, want %d", at, c.burst, q.Cap(), c.want)
		}
		all += c.burst
	}
	if at := put(&q, numbered(1)); at != uint64(all) || q.At(at) != numbered(1) {
		t.Errorf("the next entry is %v at %d, want it at %d", q.At(at), at, all)
	}
}

// Reserve makes room for so many entries, and not for more if there is room.
func TestReserve(t *testing.T) {
	var q Queue
	for _, c := range []struct{ n, want int }{{1, 64}, {64, 64}, {65, 128}, {1000, 1024}, {1, 1024}} {
		if q.Reserve(c.n); q.Cap() != c.want {
			t.Errorf("after Reserve(%d) there is room for %d, want %d", c.n, q.Cap(), c.want)
		}
	}
	for i := range 1000 {
		q.Push(numbered(i))
	}
	if q.Reserve(25); q.Cap() != 2048 {
		t.Errorf("with 1000 entries, Reserve(25) makes room for %d, want 2048", q.Cap())
	}
	for i := range 1000 {
		if got := q.Pop(); got != numbered(i) {
			t.Fatalf("Pop returned %v, want %d", got, i)
		}
	}
}

func TestResetKeepsAModerateBuffer(t *testing.T) {
	for _, c := range []struct{ entries, want int }{{0, 0}, {1, 64}, {rested, rested}, {rested + 1, 0}} {
		var q Queue
		for i := range c.entries {
			q.Push(numbered(i))
		}
		if q.Reset(); q.Cap() != c.want {
			t.Errorf("after a Reset of a queue with %d entries there is room for %d, want %d", c.entries, q.Cap(), c.want)
		}
	}
}

// The size of the ring depends on how many entries wait at the same time, not on how many were pushed.
func TestQueueDoesNotGrowByWhatHasPassed(t *testing.T) {
	var q Queue
	for i := range 1000 {
		q.Push(numbered(i))
		if got := q.Pop(); got != numbered(i) {
			t.Fatalf("Pop returned %v, want %d", got, i)
		}
	}
	if len(q.buf) != 64 {
		t.Errorf("the queue has room for %d entries, want 64", len(q.buf))
	}
}
