package future

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// numbered is a waiter that writes its number when it runs.
type numbered struct {
	n   int
	ran *[]int
}

func (w *numbered) Run() { *w.ran = append(*w.ran, w.n) }

// byValue is a waiter that == compares by its fields.
type byValue numbered

func (w byValue) Run() { *w.ran = append(*w.ran, w.n) }

// mustBeInOrder checks that the waiters are want, and that the index matches them.
func mustBeInOrder(t *testing.T, c *core, want []loop.Runnable) {
	t.Helper()
	var got []loop.Runnable
	r := c.rest()
	switch {
	case r == nil && c.waits != nil:
		got = append(got, c.waits)
	case r != nil:
		x := r.index()
		if x == nil && r.Runnable != nil {
			got = append(got, r.Runnable)
		}
		seen := map[loop.Runnable]place{}
		holes := 0
		for at, w := range r.more {
			if w == nil {
				holes++
				continue
			}
			got = append(got, w)
			if x == nil {
				continue
			}
			if p, again := seen[w]; again {
				seen[w] = place{p.at, p.others + 1}
			} else {
				seen[w] = place{at: at}
			}
		}
		if x == nil && holes > 0 || x != nil && (x.holes != holes || 2*holes > len(r.more)) {
			t.Fatalf("%d holes among %d, index: %v", holes, len(r.more), x)
		}
		if x != nil {
			for w, p := range seen {
				if x.at[w] != p {
					t.Fatalf("a waiter is at %v, but the index has %v", p, x.at[w])
				}
			}
			if len(x.at) != len(seen) {
				t.Fatalf("the index has %d waiters, want %d", len(x.at), len(seen))
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the %d waiters are not the %d expected ones, or not in their order", len(got), len(want))
	}
}

func TestWaitersAreAsInASlice(t *testing.T) {
	for seed := range uint64(10) {
		chance := rand.New(rand.NewPCG(seed, 1))
		l := loop.New()
		f := New[int](l.Context())
		var model []loop.Runnable
		var ran, want []int
		var all []loop.Runnable
		for n := range 300 {
			all = append(all, &numbered{n, &ran})
			if n%10 == 0 {
				all = append(all, byValue{n, &ran})
			}
		}
		growing := 6
		for step := range 1500 {
			if step%300 == 0 {
				growing = 10 - growing // the list grows and shrinks, so that indexes are made and dropped
			}
			w := all[chance.IntN(len(all))] // may be a waiter already
			if chance.IntN(10) < growing {
				f.AddWaiter(w)
				model = append(model, w)
			} else {
				if len(model) > 0 && chance.IntN(3) > 0 { // mostly one of the waiters
					w = model[chance.IntN(len(model))]
				}
				at := slices.Index(model, w)
				if got := f.RemoveWaiter(w); got != (at >= 0) {
					t.Fatalf("RemoveWaiter is %t, want %t", got, at >= 0)
				}
				if at >= 0 {
					model = slices.Delete(model, at, at+1)
				}
			}
			mustBeInOrder(t, &f.core, model)
		}
		for _, w := range model {
			switch w := w.(type) {
			case *numbered:
				want = append(want, w.n)
			case byValue:
				want = append(want, w.n)
			}
		}
		_ = f.SetResult(1)
		l.RunOnce()
		if !slices.Equal(ran, want) {
			t.Fatalf("ran %v, want %v", ran, want)
		}
		l.Close()
	}
}

// The first removals from a long list search it. The next one makes an index, and the later ones
// use it.
func TestRemovalFromALongListIsByAnIndex(t *testing.T) {
	for name, order := range map[string]func(n int, places []int){
		"in order":   func(int, []int) {},
		"in reverse": func(_ int, places []int) { slices.Reverse(places) },
		"from within": func(n int, places []int) {
			rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { places[i], places[j] = places[j], places[i] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 5000
			l := loop.New()
			defer l.Close()
			f := New[int](l.Context())
			var callbacks []Callback
			places := make([]int, n)
			for i := range n {
				callbacks = append(callbacks, f.OnDone(func() {}))
				places[i] = i
			}
			order(n, places)
			indexes := map[*index]bool{}
			for left, at := range places {
				if !callbacks[at].Remove() || callbacks[at].Remove() {
					t.Fatalf("Remove of callback %d must report true, then false", at)
				}
				x := f.rest().index()
				if x == nil && n-left-1 > few && left >= searches {
					t.Fatalf("%d waiters are left, but there is no index", n-left-1)
				}
				indexes[x] = true
			}
			if len(indexes) > 14 { // a new index each time that half of the waiters have left
				t.Errorf("%d indexes were made", len(indexes))
			}
			if r := f.rest(); r.Runnable != nil || len(r.more) > 0 || cap(r.more) > few {
				t.Errorf("an empty list has room for %d waiters", cap(r.more))
			}
		})
	}
}

func TestRemoveOfWhatCannotBeCompared(t *testing.T) {
	l := loop.New()
	defer l.Close()
	f := New[int](l.Context())
	n := 0
	count := lowlevel.Func(func() { n++ })
	for range few + 2 {
		f.AddWaiter(count)
	}
	c := f.OnDone(count)
	if !c.Remove() { // although there are waiters that cannot be compared
		t.Error("the callback was not there")
	}
	func() {
		const want = "future: RemoveWaiter of a lowlevel.Func, which == cannot compare; give AddWaiter and RemoveWaiter a pointer"
		defer func() {
			if got := recover(); got != want {
				t.Errorf("the panic is %v", got)
			}
		}()
		f.RemoveWaiter(count)
	}()
	_ = f.SetResult(1)
	l.RunOnce()
	if n != few+2 {
		t.Errorf("called %d times", n)
	}
}

// The list of the waiters of a shared future that is done holds on to none of them.
func TestListOfASharedFutureIsEmptiedBeforeItIsUsedAgain(t *testing.T) {
	l := loop.New()
	defer l.Close()
	f := NewShared[int](l.Context())
	for range 100 {
		f.OnDone(func() {})
	}
	list := f.owner().(*sharedList)
	_ = f.SetResult(1)
	if cap(list.waiters) < 99 {
		t.Errorf("the list has room for %d, though the future had 100 waiters", cap(list.waiters))
	}
	for at, w := range list.waiters[:cap(list.waiters)] {
		if w != nil {
			t.Fatalf("the list holds on to a waiter at %d", at)
		}
	}
}
