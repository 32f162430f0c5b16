package source

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/internal/ready"
	"github.com/takt-go/takt/loop/internal/testkit"
)

// wakers is a hub with an inbox and n Wakers. Each entry of the ready queue appends to ran: Waker n the
// number n, and a post a number that the test chooses.
type wakers struct {
	hub Hub
	in  Inbox
	all Wakers
	q   ready.Queue
	w   []*Waker
	ran []int
}

func newWakers(n int) *wakers {
	ws := new(wakers)
	ws.in.Init(&ws.hub, &ws.q, nil)
	ws.all.Init(&ws.hub)
	ws.hub.Init(&ws.in, &ws.all)
	for n := range n {
		ws.w = append(ws.w, new(Waker))
		ws.all.Add(ws.w[n], ready.Func(func() { ws.ran = append(ws.ran, n) }), func() {})
	}
	return ws
}

func (ws *wakers) wake(ns ...int) {
	for _, n := range ns {
		ws.w[n].Wake()
	}
}

func (ws *wakers) post(n int) { ws.in.Post(func() { ws.ran = append(ws.ran, n) }, true) }

// want runs a turn, in which exactly the entries with the numbers ns must run.
func (ws *wakers) want(t *testing.T, ns ...int) {
	t.Helper()
	ws.hub.TakeIn()
	if got := contentsByRun(&ws.q, &ws.ran); !slices.Equal(got, ns) {
		t.Errorf("the turn runs %v, want %v", got, ns)
	}
}

// Wakers run in the order of their first calls, after the posts. Several calls before TakeIn are one.
func TestWakers(t *testing.T) {
	ws := newWakers(4)
	ws.want(t)
	ws.wake(2, 0)
	ws.post(10)
	ws.wake(3, 0, 2)
	ws.post(11)
	if !ws.hub.Pending() || ws.hub.Quiet() {
		t.Error("the hub does not know of the calls")
	}
	ws.want(t, 10, 11, 2, 0, 3)
	if ws.hub.Pending() || !ws.hub.Quiet() {
		t.Error("the hub expects more")
	}
	ws.want(t)
	ws.wake(1, 2, 1)
	ws.want(t, 1, 2)
	ws.wake(3)
	ws.hub.TakeIn()
	ws.wake(3) // after the hub has taken in the first call, and before that ran
	ws.want(t, 3, 3)
}

// A call that a Waker makes when it runs is for the next turn.
func TestWakeInATurn(t *testing.T) {
	ws := newWakers(1)
	w := new(Waker)
	ws.all.Add(w, ready.Func(func() {
		ws.ran = append(ws.ran, 7)
		w.Wake()
		ws.w[0].Wake()
	}), func() {})
	w.Wake()
	ws.want(t, 7)
	ws.want(t, 7, 0)
	w.Stop()
	ws.want(t, 0)
	ws.want(t)
}

// A Waker that is stopped does not run: not after a later call, not if it was called before, and not if it
// is in the ready queue already. The others are not affected.
func TestStopOfAWaker(t *testing.T) {
	for stopped := range 3 { // the first, one between others, and the last of the list
		ws := newWakers(3)
		var others []int
		for n := range 3 {
			if n != stopped {
				others = append(others, n)
			}
		}
		ws.wake(0, 1, 2)
		ws.hub.TakeIn() // in the ready queue
		ws.wake(0, 1, 2)
		ws.w[stopped].Stop()
		ws.w[stopped].Stop()
		ws.wake(stopped)
		ws.want(t, append(others, others...)...)
		ws.wake(0, 1, 2)
		ws.want(t, others...)
		if ws.all.Len() != 2 || !ws.w[stopped].Over() || ws.w[others[0]].Over() {
			t.Errorf("%d Wakers are left, want 2", ws.all.Len())
		}
		if !ws.hub.MayCome() || len(ws.hub.Hints()) != 1 {
			t.Errorf("two Wakers are left: may come %t, hints %q", ws.hub.MayCome(), ws.hub.Hints())
		}
		var order []*Waker
		for w := ws.all.first; w != nil; w = w.next {
			order = append(order, w)
		}
		if !slices.Equal(order, []*Waker{ws.w[others[0]], ws.w[others[1]]}) || ws.all.last != ws.w[others[1]] {
			t.Errorf("without Waker %d, the list has %v", stopped, order)
		}
		ws.w[others[1]].Stop()
		ws.w[others[0]].Stop()
		if ws.hub.MayCome() || ws.hub.Hints() != nil || ws.all.first != nil || ws.all.last != nil {
			t.Error("no Waker is left, but the hub waits for one")
		}
	}
}

// End stops the Wakers that are left, in order of making, although the first closed calls Goexit. Then no
// call of Wake does anything, and Wait waits for the goroutines.
func TestEndOfWakers(t *testing.T) {
	ws := newWakers(1)
	stopped := ws.w[0]
	var closed []int
	var added [3]Waker
	ends := make(chan struct{})
	returned := false
	for n := range added {
		ws.all.Add(&added[n], numbered(n), func() {
			closed = append(closed, n)
			switch n {
			case 0:
				runtime.Goexit()
			case 1:
				close(ends)
			}
		})
	}
	added[1].Go(func() {
		<-ends
		returned = true
	})
	added[0].Wake()
	stopped.Stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer ws.all.Wait()
		ws.all.End(func(r ready.Runnable) { r.Run() })
	}()
	<-ended
	if !slices.Equal(closed, []int{0, 1, 2}) || !returned || ws.all.Len() != 0 {
		t.Errorf("closed %v, the goroutine has returned: %t, %d Wakers are left", closed, returned, ws.all.Len())
	}
	added[2].Wake()
	ws.want(t)
	ws.hub.Close()
	if ws.hub.called.Load() != nil {
		t.Error("the closed hub keeps a Waker in memory")
	}
}

// A turn does not touch an idle Waker, of however many: each touch would wait for the mutex of the Waker. A
// turn with a post calls only the inbox, and a turn without news calls nothing.
func TestIdleWakersCostATurnNothing(t *testing.T) {
	const n = 5000
	var log []string
	ws := newWakers(n)
	ws.hub.Init(&ws.in, &ws.all, logged{name: "other", log: &log})
	for _, w := range ws.w[1:] {
		w.mu.Lock()
	}
	if !ws.hub.Quiet() || ws.hub.Watching() || ws.hub.Owed() || ws.hub.Pending() {
		t.Error("idle Wakers make the hub look for events")
	}
	ws.post(-1)
	ws.want(t, -1)
	ws.wake(0)
	ws.post(-1)
	ws.want(t, -1, 0)
	if !ws.hub.MayCome() {
		t.Error("a Waker may be called, but no event may come")
	}
	if !ws.hub.Quiet() || len(log) > 0 {
		t.Errorf("a turn with a post, or with one of %d Wakers, calls the other sources: %v", n, log)
	}
}

// A panic in See does not make the hub forget the calls that had come, although their nudge is used up.
func TestWakeBeforeAPanicOfAnotherSource(t *testing.T) {
	ws := newWakers(1)
	other := &clumsySee{hub: &ws.hub}
	ws.hub.Init(&ws.in, &ws.all, other)
	ws.hub.Watch(1)
	ws.wake(0)
	ws.post(10)
	func() {
		defer func() { _ = recover() }()
		ws.hub.TakeIn()
	}()
	ws.wake(0) // does not nudge, since the first call is not taken in
	ws.want(t, 10, 0)
}

// clumsySee is a source that panics in its first See.
type clumsySee struct {
	Nothing
	hub  *Hub
	seen bool
}

func (c *clumsySee) See() {
	if !c.seen {
		c.seen = true
		panic("on purpose")
	}
}

// A goroutine posts and then calls Wake, or does that in the other order, again and again, while the loop
// takes in events. The loop never takes in the second event before the first. On one processor this test
// cannot fail.
func TestOrderOfPostAndWake(t *testing.T) {
	const n = 50_000 // pairs of events: Waker k, and the post with the number n+k
	for name, wakeFirst := range map[string]bool{"post, wake": false, "wake, post": true} {
		t.Run(name, func(t *testing.T) {
			ws := newWakers(n)
			var wg sync.WaitGroup
			wg.Go(func() {
				for k := range n {
					if !wakeFirst {
						ws.post(n + k)
					}
					ws.wake(k)
					if wakeFirst {
						ws.post(n + k)
					}
				}
			})
			var taken [2 * n]bool
			for k := 0; k < n; {
				ws.hub.TakeIn()
				for _, event := range contentsByRun(&ws.q, &ws.ran) {
					taken[event] = true
				}
				for k < n && taken[k] && taken[n+k] {
					k++
				}
				if k < n && (wakeFirst && taken[n+k] || !wakeFirst && taken[k]) {
					t.Errorf("pair %d: the loop has taken in the second event before the first", k)
					break
				}
				runtime.Gosched()
			}
			wg.Wait()
		})
	}
}

// The order of posts and calls follows from two rules. Another goroutine checks them here, while a goroutine calls
// Wake, and while the loop takes in a post and the call. On one processor this test cannot fail.
func TestPostsAndWakersAreTakenInAtOneMoment(t *testing.T) {
	rounds := 100_000
	if testkit.Race { // a round is far slower
		rounds /= 20
	}
	ws := newWakers(1)
	w := ws.w[0]
	var doing, done atomic.Int64 // rounds
	var wg sync.WaitGroup
	stop := func() {
		doing.Store(-1)
		wg.Wait()
	}
	var do func()
	defer stop()
	wg.Go(func() {
		for {
			switch now := doing.Load(); now {
			case done.Load():
				runtime.Gosched()
			case -1:
				return
			default:
				do()
				done.Store(now)
			}
		}
	})
	check := func(what func(), right func() bool, rule string) {
		do = what
		for looks, now := 1, doing.Add(1); done.Load() < now; looks++ {
			if !right() {
				t.Fatal(rule)
			}
			if looks%50 == 0 {
				runtime.Gosched() // the other goroutine may wait for the mutex
			}
		}
	}
	for range rounds {
		check(w.Wake, func() bool {
			if !w.mu.TryLock() {
				return true
			}
			defer w.mu.Unlock()
			return !w.called || ws.hub.called.Load() == w && ws.hub.News()
		}, "a second Wake can return before the first has put the Waker on the stack and nudged the hub")
		ws.post(0)
		check(ws.hub.TakeIn, func() bool {
			if !ws.in.mu.TryLock() {
				return true
			}
			defer ws.in.mu.Unlock()
			return len(ws.in.posts) == 1 == (ws.hub.called.Load() != nil)
		}, "a goroutine can post while the loop has taken in the posts, but not the Wakers, or the Wakers, but not the posts")
		ws.q.Reset()
	}
}
