package timer_test

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/takt-go/takt/timer"
)

// big is a value of which a test can see whether it is still in memory.
type big struct {
	self *big // because of the pointer, the value shares no block of the allocator
	_    [64]byte
}

// armBig arms new values, and returns weak pointers to them.
func armBig(q *timer.Queue[*big], deadlines ...int64) (alive []weak.Pointer[big]) {
	for _, d := range deadlines {
		v := new(big)
		v.self = v
		q.Arm(d, v)
		alive = append(alive, weak.Make(v))
	}
	return alive
}

// pop pops all items that are due.
func pop(q *timer.Queue[*big], now int64) {
	for ok := true; ok; _, ok = q.PopDue(now) {
	}
}

// settle makes the queue sort its items: All does that.
func settle(q *timer.Queue[*big]) {
	for range q.All() {
	}
}

// The queue copies items when they settle, and when it packs a slice. After an item has fired,
// none of its earlier places refers to its value. The same holds after a Reset.
func TestNothingLingersWhereItWasBefore(t *testing.T) {
	for name, arm := range map[string]func(q *timer.Queue[*big]) []weak.Pointer[big]{
		"behind the others": func(q *timer.Queue[*big]) []weak.Pointer[big] {
			first := armBig(q, 1, 2)
			settle(q)
			return append(first, armBig(q, 3, 4, 5)...)
		},
		"among the others": func(q *timer.Queue[*big]) []weak.Pointer[big] {
			first := armBig(q, 1, 20)
			pop(q, 1)
			return append(first, armBig(q, 3, 4, 5, 25)...)
		},
		"in the tree": func(q *timer.Queue[*big]) []weak.Pointer[big] {
			first := armBig(q, 1, 20, 21, 22, 23)
			pop(q, 1)
			return append(first, armBig(q, 3, 4)...)
		},
		"moved together": func(q *timer.Queue[*big]) []weak.Pointer[big] {
			first := armBig(q, 1, 2, 3, 4, 5, 6)
			pop(q, 5)
			return append(first, armBig(q, 7)...)
		},
	} {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %t", name, reset), func(t *testing.T) {
				q := timer.New[*big]()
				values := arm(q)
				if reset {
					q.Reset()
				} else {
					settle(q)
					pop(q, 3)
					pop(q, 100)
				}
				runtime.GC()
				for i, v := range values {
					if v.Value() != nil {
						t.Errorf("value %d is still in memory", i)
					}
				}
				runtime.KeepAlive(q)
			})
		}
	}
}

// A queue whose items were all canceled keeps little memory.
func TestQueueShrinksWhenAllIsCanceled(t *testing.T) {
	before := heap()
	q := timer.New[int]()
	var keys [1 << 16]timer.Key
	for i := range keys {
		keys[i] = q.Arm(int64(i), i)
	}
	for _, k := range keys {
		q.Cancel(k)
	}
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d bytes with none of the items", left)
	}
	runtime.KeepAlive(q)
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A queue that gets shorter frees memory: with an eighth of its items it takes at most a
// quarter of the memory, and with none at most 1 MiB.
func TestQueueShrinks(t *testing.T) {
	const n = 1 << 18
	for name, deadline := range map[string]func(i int) int64{
		"in order":  func(i int) int64 { return int64(i) },
		"backwards": func(i int) int64 { return int64(n - i) },
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			q := timer.New[int]()
			for i := range n {
				q.Arm(deadline(i), i)
			}
			full := heap() - before
			for q.Len() > n/8 {
				q.PopDue(timer.Never)
			}
			if left := heap() - before; left > full/4 {
				t.Errorf("%d bytes with an eighth of the items, %d with all", left, full)
			}
			for q.Len() > 0 {
				q.PopDue(timer.Never)
			}
			if left := heap() - before; left > 1<<20 {
				t.Errorf("%d bytes with none of the items, %d with all", left, full)
			}
			runtime.KeepAlive(q)
		})
	}
}
