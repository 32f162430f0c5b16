package timer

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A program arms and cancels items again and again. The capacity of the queue depends on the
// number of armed items, and not on the number of all items so far. An item with an early
// deadline stands before all others and never fires.
func TestRoomInASteadyState(t *testing.T) {
	for _, live := range []int{1, 10, 1000} {
		for name, deadline := range map[string]func(step int64, chance *rand.Rand) int64{
			"one limit":       func(step int64, _ *rand.Rand) int64 { return 1000 + step },
			"the same":        func(int64, *rand.Rand) int64 { return 1000 },
			"shorter, longer": func(_ int64, chance *rand.Rand) int64 { return 1000 + chance.Int64N(1_000_000) },
		} {
			for order, pick := range map[string]func(n int, chance *rand.Rand) int{
				"oldest first": func(int, *rand.Rand) int { return 0 },
				"newest first": func(n int, _ *rand.Rand) int { return n - 1 },
				"any":          func(n int, chance *rand.Rand) int { return chance.IntN(n) },
			} {
				t.Run(fmt.Sprintf("%d of %s, %s", live, name, order), func(t *testing.T) {
					chance := rand.New(rand.NewPCG(1, 3))
					q := New[int]()
					q.Arm(1, 0)
					var armed []Key
					most := 0
					for step := range int64(60_000) {
						armed = append(armed, q.Arm(deadline(step, chance), 0))
						if len(armed) > live {
							at := pick(len(armed), chance)
							if _, ok := q.Cancel(armed[at]); !ok {
								t.Fatal("an item was not armed")
							}
							armed = append(armed[:at], armed[at+1:]...)
						}
						if step%7 == 0 {
							q.Earliest() // as the loop does in every turn
							if _, due := q.PopDue(0); due {
								t.Fatal("an item is due")
							}
						}
						room := cap(q.young) + cap(q.run)
						if q.tree != nil {
							room += q.tree.Len()
						}
						most = max(most, room)
					}
					if limit := 8*live + 256; most > limit {
						t.Errorf("the queue has room for %d items, but at most %d are armed at a time", most, live+2)
					}
				})
			}
		}
	}
}
