package future

import (
	"maps"
	"math/rand/v2"
	"reflect"
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

// mustBeInOrder checks that the waiters are want, and that the indexes match them.
func mustBeInOrder(t *testing.T, c *core, want []loop.Runnable) {
	t.Helper()
	var got []loop.Runnable
	switch r := c.rest(); {
	case r == nil && c.waits != nil:
		got = append(got, c.waits)
	case r != nil && r.crowd() != nil:
		for _, w := range waitersIn(t, &r.crowd().tasks) {
			got = append(got, sleepers[w])
		}
		got = append(got, waitersIn(t, &r.crowd().others)...)
	case r != nil:
		if r.Runnable != nil {
			got = append(got, r.Runnable)
		}
		got = append(got, r.more...)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the %d waiters are not the %d expected ones, or not in their order", len(got), len(want))
	}
}

// waitersIn returns the waiters of q, and checks that its fields match them.
func waitersIn[T comparable](t *testing.T, q *line[T]) (all []T) {
	t.Helper()
	var hole T
	seen := map[T]place{}
	holes := 0
	for i, part := range q.parts {
		if cap(part) > laterPart {
			t.Fatalf("part %d has room for %d waiters, want at most %d", i, cap(part), laterPart)
		}
		if i > q.last && len(part) > 0 {
			t.Fatalf("%d waiters are in part %d, but the last part is %d", len(part), i, q.last)
		}
		for at, w := range part {
			if w == hole {
				holes++
				continue
			}
			all = append(all, w)
			if p, again := seen[w]; again {
				seen[w] = place{p.part, p.at, p.others + 1}
			} else {
				seen[w] = place{part: int32(i), at: int32(at)}
			}
		}
	}
	if len(all) != q.n || holes != q.holes || holes > q.n || q.index == nil && holes > 0 {
		t.Fatalf("%d waiters and %d holes, but the line has counted %d and %d", len(all), holes, q.n, q.holes)
	}
	if q.index != nil && !maps.Equal(q.index, seen) {
		t.Fatal("the index does not have the places of the waiters")
	}
	return all
}

// sleepers has what suspended tasks have given to AddWaiter.
var sleepers = map[*loop.Task]loop.Runnable{}

// A pier is an awaitable that is never done, and collects its waiters in sleepers.
type pier struct{ Future[int] }

func (p *pier) AddWaiter(r loop.Runnable) { sleepers[loop.Internals.TaskOf(r)] = r }

// dozer is the body of a task that awaits a pier, and ends when it is woken.
type dozer struct {
	pier *pier
	n    int
	ran  *[]int
}

func (d *dozer) Step(t *loop.Task, err error) loop.Suspension {
	if d.pier == nil || err != nil {
		*d.ran = append(*d.ran, d.n)
		return loop.Suspension{}
	}
	p := d.pier
	d.pier = nil
	return loop.Internals.On(p)
}

func (d *dozer) Fail(*loop.Task, error) {}

// doze makes a task that waits, and returns the waiter that wakes it. Then the task writes n.
func doze(l *loop.Loop, n int, ran *[]int) loop.Runnable {
	t, f := new(loop.Task), New[int](l.Context())
	p := &pier{}
	p.core = core{home: lowlevel.HomeOfLoop(l)}
	lowlevel.Spawn(l.Context(), t, lowlevel.Stackless, &dozer{p, n, ran}, f, "", lowlevel.AsAsked)
	l.RunOnce()
	return sleepers[t]
}

func TestWaitersAreAsInASlice(t *testing.T) {
	for seed := range uint64(10) {
		chance := rand.New(rand.NewPCG(seed, 1))
		l := loop.New()
		f := New[int](l.Context())
		var model []loop.Runnable
		var ran, want []int
		var all []loop.Runnable
		numbers := map[loop.Runnable]int{} // of the tasks
		for n := range 300 {
			w := doze(l, n, &ran)
			all, numbers[w] = append(all, w), n
		}
		tasks := len(all)
		for n := range 300 {
			all = append(all, &numbered{n, &ran})
			if n%10 == 0 {
				all = append(all, byValue{n, &ran})
			}
		}
		growing := 6
		onlyTasks := 300 * int(seed%6) // so many steps have only tasks
		for step := range 1500 {
			if step%300 == 0 {
				growing = 10 - growing // the list grows and shrinks, so that indexes are made and dropped
			}
			some := len(all)
			if step < onlyTasks {
				some = tasks
			}
			w := all[chance.IntN(some)] // may be a waiter already
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
			default:
				if n, first := numbers[w]; first { // once, although the task may have been added again
					want = append(want, n)
					delete(numbers, w)
				}
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
			waitersIn(t, &f.rest().crowd().others)
			indexes := map[uintptr]bool{}
			for left, at := range places {
				if !callbacks[at].Remove() || callbacks[at].Remove() {
					t.Fatalf("Remove of callback %d must report true, then false", at)
				}
				q := &f.rest().crowd().others
				if q.index == nil && q.n > few && left >= searches {
					t.Fatalf("%d waiters are left, but there is no index", q.n)
				}
				indexes[reflect.ValueOf(q.index).Pointer()] = true
			}
			if len(indexes) > 14 { // a new index each time that half of the waiters have left
				t.Errorf("%d indexes were made", len(indexes))
			}
			if q := &f.rest().crowd().others; q.n > 0 || len(q.parts) > 1 || len(q.parts) == 1 && cap(q.parts[0]) > firstPart {
				t.Errorf("an empty line has %d waiters and %d parts", q.n, len(q.parts))
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

// The list of the waiters of a shared future that is done holds on to none of them, and has room for as many.
func TestListOfASharedFutureIsEmptiedBeforeItIsUsedAgain(t *testing.T) {
	for _, n := range []int{few, 1000} {
		l := loop.New()
		defer l.Close()
		f := NewShared[int](l.Context())
		for range n {
			f.OnDone(func() {})
		}
		list := f.owner().(*sharedList)
		_ = f.SetResult(1)
		parts := [][]loop.Runnable{list.waiters}
		if list.crowd != nil {
			parts = append(parts, list.crowd.others.parts...)
		}
		room := 0
		for _, part := range parts {
			room += cap(part)
			for at, w := range part[:cap(part)] {
				if w != nil {
					t.Fatalf("the list holds on to a waiter at %d", at)
				}
			}
		}
		if room < n-1 {
			t.Errorf("the list has room for %d, though the future had %d waiters", room, n)
		}
	}
}
