package timer_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/btree"

	"github.com/takt-go/takt/timer"
)

// batch is the number of items that are armed together in a benchmark.
const batch = 10_000

// patterns has the deadlines of a batch, in ns: at random within a second; each later than the
// one before, as with sleeps of one length; and all equal, as if all tasks waited for one tick.
func patterns() map[string][]int64 {
	rng := rand.New(rand.NewPCG(1, 2))
	p := map[string][]int64{}
	for i := range int64(batch) {
		p["random"] = append(p["random"], rng.Int64N(int64(time.Second)))
		p["rising"] = append(p["rising"], i*1000)
		p["equal"] = append(p["equal"], int64(time.Second))
	}
	return p
}

type item = timer.Item[*int]

// bareTree is the floor: a B-tree without the queue around it.
func bareTree() *btree.BTreeG[item] {
	return btree.NewWithFreeListG(32, func(a, b item) bool {
		return a.Deadline < b.Deadline || a.Deadline == b.Deadline && a.Seq < b.Seq
	}, btree.NewFreeListG[item](256))
}

// against runs queue and floor in turn, each for one batch, and reports the ns for each item
// and their ratio. Allocations and ns/op are those of the queue alone.
func against(b *testing.B, queue, floor func()) {
	var below time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		t := time.Now()
		floor()
		below += time.Since(t)
		b.StartTimer()
		queue()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/batch, "ns/item")
	b.ReportMetric(float64(b.Elapsed())/float64(below), "x-bare-tree")
}

// BenchmarkArmPop arms a batch and pops it until nothing is left.
func BenchmarkArmPop(b *testing.B) {
	for _, name := range []string{"random", "rising", "equal"} {
		b.Run(name, func(b *testing.B) {
			deadlines := patterns()[name]
			q, tree := timer.New[*int](), bareTree()
			against(b, func() {
				for _, d := range deadlines {
					q.Arm(d, nil)
				}
				for range deadlines {
					if _, ok := q.PopDue(timer.Never); !ok {
						b.Fatal("an item is missing")
					}
				}
			}, func() {
				for i, d := range deadlines {
					tree.ReplaceOrInsert(item{Key: timer.Key{Deadline: d, Seq: uint64(i)}})
				}
				for range deadlines {
					tree.DeleteMin()
				}
			})
		})
	}
}

// BenchmarkArmCancel arms a batch and cancels it, in the order of arming, which is how most
// time limits end.
func BenchmarkArmCancel(b *testing.B) {
	for _, name := range []string{"random", "rising", "equal"} {
		b.Run(name, func(b *testing.B) {
			deadlines := patterns()[name]
			keys := make([]timer.Key, batch)
			q, tree := timer.New[*int](), bareTree()
			against(b, func() {
				for i, d := range deadlines {
					keys[i] = q.Arm(d, nil)
				}
				for _, k := range keys {
					if _, ok := q.Cancel(k); !ok {
						b.Fatal("an item is missing")
					}
				}
			}, func() {
				for i, d := range deadlines {
					tree.ReplaceOrInsert(item{Key: timer.Key{Deadline: d, Seq: uint64(i)}})
				}
				for i, d := range deadlines {
					tree.Delete(item{Key: timer.Key{Deadline: d, Seq: uint64(i)}})
				}
			})
		})
	}
}

// BenchmarkEarliest calls Earliest on a full queue, as the loop does in each turn.
func BenchmarkEarliest(b *testing.B) {
	q := timer.New[*int]()
	for _, d := range patterns()["random"] {
		q.Arm(d, nil)
	}
	for b.Loop() {
		q.Earliest()
	}
}
