package source

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/internal/ready"
)

// logged is a source that logs the calls of the hub.
type logged struct {
	Nothing
	name string
	log  *[]string
}

func (s logged) add(what string) { *s.log = append(*s.log, what+" "+s.name) }
func (s logged) See()            { s.add("see") }
func (s logged) Take()           { s.add("take") }
func (s logged) Sleep()          { s.add("sleep") }
func (s logged) Close()          { s.add("close") }

func (s logged) Wake() {
	s.add("wake")
	if s.name == "b" {
		runtime.Goexit()
	}
}

// The hub calls See from the last source to the first, and every other method from the first to the last.
// It calls Wake of every source, although one of them calls Goexit.
func TestHubOrder(t *testing.T) {
	var log []string
	var hub Hub
	hub.Init(logged{name: "a", log: &log}, logged{name: "b", log: &log}, logged{name: "c", log: &log})
	hub.TakeIn() // while nothing is watched or expected
	hub.Expect(1)
	hub.TakeIn()
	hub.Wake() // without Sleep
	hub.Sleep()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hub.Wake()
	}()
	<-ended
	hub.Close()
	want := []string{
		"take a", "see c", "see b", "see a", "take a", "take b", "take c",
		"sleep a", "sleep b", "sleep c", "wake a", "wake b", "wake c", "close a", "close b", "close c",
	}
	if !slices.Equal(log, want) {
		t.Errorf("the hub calls\n%v, want\n%v", log, want)
	}
}

// A source that has only the methods of Nothing never has an event.
func TestNothing(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{}, &Nothing{})
	hub.TakeIn()
	hub.Sleep()
	hub.Wake()
	hub.Close()
	if hub.Pending() || hub.Owed() || hub.MayCome() || hub.Hints() != nil || !hub.Quiet() || hub.Watching() {
		t.Error("the hub reports that an event has come, or may come")
	}
}

// answers is a source with fixed answers.
type answers struct {
	Nothing
	pending, mayCome bool
	hint             string
}

func (a answers) Pending() bool { return a.pending }
func (a answers) MayCome() bool { return a.mayCome }
func (a answers) Hint() string  { return a.hint }

func TestHubAsksAll(t *testing.T) {
	for _, last := range []answers{{pending: true}, {mayCome: true}, {hint: "a word"}} {
		var hub Hub
		hub.Init(Nothing{}, last)
		hub.Watch(1) // otherwise only a nudge can be pending
		got := answers{pending: hub.Pending(), mayCome: hub.MayCome(), hint: fmt.Sprint(hub.Hints())}
		if want := "[" + last.hint + "]"; got.hint != want {
			t.Errorf("the hints are %s, want %s", got.hint, want)
		}
		if got.hint = last.hint; got != last {
			t.Errorf("the hub answers %v, want %v", got, last)
		}
	}
}

// After a nudge there is news until TakeIn. Two nudges send one token to a loop that dozes.
func TestNudge(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{})
	tokens := func() int { return len(hub.Token()) }
	hub.Nudge()
	if !hub.News() || hub.Quiet() || !hub.Pending() || tokens() != 0 {
		t.Errorf("nudged while awake: news %t, quiet %t, pending %t, %d tokens", hub.News(), hub.Quiet(), hub.Pending(), tokens())
	}
	hub.TakeIn()
	if hub.News() || !hub.Quiet() || hub.Pending() {
		t.Error("there is news after TakeIn")
	}
	hub.Doze()
	if !hub.Asleep() {
		t.Error("the hub is not asleep after Doze")
	}
	hub.Nudge()
	hub.Nudge()
	if !hub.News() || tokens() != 1 {
		t.Errorf("nudged while asleep: news %t, %d tokens; want news and one token", hub.News(), tokens())
	}
	if hub.Wake(); hub.Asleep() {
		t.Error("the hub is asleep after Wake")
	}
}

// numbered is a Runnable that differs from others.
type numbered int

func (numbered) Run() {}

// contents empties q and returns the numbers of its entries.
func contents(q *ready.Queue) (all []int) {
	for !q.Empty() {
		all = append(all, int(q.Pop().(numbered)))
	}
	return all
}

// contentsByRun empties q by running the entries, which append to ran, and returns ran.
func contentsByRun(q *ready.Queue, ran *[]int) []int {
	*ran = nil
	for !q.Empty() {
		q.Pop().Run()
	}
	return *ran
}

func TestInbox(t *testing.T) {
	var hub Hub
	var in Inbox
	var q ready.Queue
	var ran []int
	taken := 0
	in.Init(&hub, &q, func(n int) { taken += n })
	hub.Init(&in)
	for n := range 3 {
		if in.Post(func() { ran = append(ran, n) }, true) != Taken {
			t.Fatal("an open inbox refuses")
		}
	}
	in.Take() // works if there is news, also outside of TakeIn
	if got := contentsByRun(&q, &ran); !slices.Equal(got, []int{0, 1, 2}) || taken != 3 {
		t.Errorf("the queue has %v, %d were taken", got, taken)
	}
	hub.TakeIn()
	in.Post(func() { ran = append(ran, 3) }, true)
	hub.news.Store(false) // as if it came between the two looks at the news: the next nudge brings it
	if hub.TakeIn(); !q.Empty() {
		t.Error("without news the inbox takes its lock")
	}
	in.Post(func() { ran = append(ran, 4) }, true)
	hub.TakeIn()
	if got := contentsByRun(&q, &ran); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("the queue has %v", got)
	}
	in.Post(func() { ran = append(ran, 5) }, true)
	in.Refuse()
	if in.Post(func() { ran = append(ran, 6) }, true) != Closed {
		t.Error("a closed inbox takes what is posted")
	}
	if hub.TakeIn(); !q.Empty() {
		t.Error("a closed inbox has kept something")
	}
}

// After a burst of posts the inbox keeps little memory.
func TestInboxAfterABurst(t *testing.T) {
	var hub Hub
	var in Inbox
	var q ready.Queue
	var ran []int
	in.Init(&hub, &q, func(int) {})
	hub.Init(&in)
	for _, burst := range []int{maxSpare + 1, 10, 10, 10} {
		for n := range burst {
			in.Post(func() { ran = append(ran, n) }, true)
		}
		hub.TakeIn()
		if got := contentsByRun(&q, &ran); len(got) != burst {
			t.Fatalf("%d of %d posts are in the queue", len(got), burst)
		}
	}
	if cap(in.posts) > maxSpare || cap(in.spare) > maxSpare || cap(in.spare) == 0 {
		t.Errorf("the inbox keeps room for %d and %d posts, want at most %d", cap(in.posts), cap(in.spare), maxSpare)
	}
}

func TestAnnounce(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{})
	first, second := hub.Announce(), hub.Announce()
	first()
	first()
	if !hub.Owed() || !hub.News() {
		t.Errorf("after one of two releases: owed %t, news %t; want both", hub.Owed(), hub.News())
	}
	if second(); hub.Owed() {
		t.Error("after both releases something is owed")
	}
	hub.Expect(2)
	hub.Expect(-1)
	if !hub.Owed() {
		t.Error("one event is still expected, but nothing is owed")
	}
	if hub.Expect(-1); hub.Owed() {
		t.Error("nothing is expected, but something is owed")
	}
}

// If a loop finds that nothing is owed, and after that no news, it has missed nothing. A loop that sleeps
// is nudged once more when nothing is owed any more. The loop and the goroutine that calls release run at
// the same time here. On one processor this test cannot fail.
func TestReleaseMissesNoLoop(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{})
	var releases atomic.Pointer[func()]
	var released, stopped atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !stopped.Load() {
			if release := releases.Swap(nil); release != nil {
				(*release)()
				released.Store(true)
			}
			runtime.Gosched()
		}
	}()
	defer func() {
		stopped.Store(true)
		<-ended
	}()
	awake := func() (missed bool) {
		for hub.Owed() {
			runtime.Gosched()
		}
		return !hub.News()
	}
	asleep := func() (missed bool) {
		hub.Doze()
		defer hub.Wake()
		if !hub.Owed() || hub.News() {
			return false
		}
		for {
			over := released.Load()
			select {
			case <-hub.Token(): // only a token wakes the loop
				if hub.TakeIn(); !hub.Owed() {
					return false
				}
			default:
				if over {
					return true
				}
				runtime.Gosched()
			}
		}
	}
	for round := range 50_000 {
		for name, loop := range map[string]func() bool{"awake": awake, "asleep": asleep} {
			release := hub.Announce()
			released.Store(false)
			releases.Store(&release)
			missed := loop()
			for !released.Load() {
				runtime.Gosched()
			}
			if missed {
				t.Fatalf("round %d: a loop that is %s has missed the release", round, name)
			}
			hub.TakeIn()
		}
	}
}

// The follow-up of a call goes to the queue after See has found that the call has finished. Take hands
// over all such follow-ups, in the order of the calls. With Ordered, TakeOldest hands over one at a time.
func TestOffloads(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		var hub Hub
		var calls Offloads
		var q ready.Queue
		calls.Init(&hub, &q)
		hub.Init(&calls)
		calls.Ordered = ordered
		blocked := make(chan struct{})
		calls.Go(func() { <-blocked }, numbered(0))
		for n := range 2 {
			calls.Go(func() {}, numbered(n+1))
		}
		<-calls.calls[1].finished
		<-calls.calls[2].finished
		if !hub.Owed() || calls.Len() != 3 {
			t.Errorf("ordered %t: owed %t, %d calls", ordered, hub.Owed(), calls.Len())
		}
		hub.Nudge() // the nudges of the calls may not have come yet
		hub.TakeIn()
		var want []int
		if !ordered {
			want = []int{1, 2}
		}
		if got := contents(&q); !slices.Equal(got, want) {
			t.Errorf("ordered %t: the queue has %v, want %v", ordered, got, want)
		}
		if calls.TakeOldest() {
			t.Errorf("ordered %t: TakeOldest took the oldest call, which has not finished", ordered)
		}
		oldest := calls.calls[0].finished
		close(blocked)
		<-oldest
		if calls.TakeOldest() {
			t.Errorf("ordered %t: TakeOldest took the oldest call before See has found it finished", ordered)
		}
		hub.Nudge()
		hub.TakeIn()
		for ordered && calls.TakeOldest() {
			want = append(want, len(want))
			if got := contents(&q); !slices.Equal(got, want[len(want)-1:]) {
				t.Errorf("TakeOldest took %v, want %v", got, want[len(want)-1:])
			}
		}
		if n := len(contents(&q)); ordered && (len(want) != 3 || n != 0) || !ordered && n != 1 {
			t.Errorf("ordered %t: TakeOldest took %d calls, and Take took %d at the end", ordered, len(want), n)
		}
		if hub.Owed() || calls.Len() != 0 {
			t.Errorf("ordered %t: %d calls are left", ordered, calls.Len())
		}
		calls.working.Wait()
	}
}

// Await waits for all calls, and runs all follow-ups, although the first follow-up calls Goexit.
func TestAwaitOffloads(t *testing.T) {
	var hub Hub
	var calls Offloads
	calls.Init(&hub, new(ready.Queue))
	hub.Init(&calls)
	returned := make([]bool, 3)
	for n := range returned {
		calls.Go(func() { returned[n] = true }, numbered(n))
	}
	var ran []int
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		calls.Await(func(r ready.Runnable) {
			ran = append(ran, int(r.(numbered)))
			if len(ran) == 1 {
				runtime.Goexit()
			}
		})
	}()
	<-ended
	if !slices.Equal(ran, []int{0, 1, 2}) || slices.Contains(returned, false) || calls.Len() != 0 {
		t.Errorf("the follow-ups %v ran; calls that have returned: %v; %d calls are left", ran, returned, calls.Len())
	}
}

// clumsy is a source that panics in its first Take.
type clumsy struct {
	Nothing
	taken bool
}

func (c *clumsy) Take() {
	if !c.taken {
		c.taken = true
		panic("on purpose")
	}
}

// See has found a call finished, but TakeIn has not taken it: Take has left it, or a panic came before.
// Then a later TakeIn takes it, without another nudge.
func TestOffloadThatWasSeenAndLeft(t *testing.T) {
	for name, first := range map[string]Source{"left": Nothing{}, "not come to": new(clumsy)} {
		var hub Hub
		var calls Offloads
		var q ready.Queue
		calls.Init(&hub, &q)
		hub.Init(Nothing{}, first, &calls)
		calls.Go(func() {}, numbered(0))
		calls.working.Wait() // the call has nudged
		calls.Ordered = name == "left"
		for range 2 { // the second TakeIn finds no news
			func() {
				defer func() { _ = recover() }()
				hub.TakeIn()
			}()
			if name != "left" {
				break
			}
		}
		calls.Ordered = false
		if hub.Quiet() || !hub.Owed() {
			t.Fatalf("%s: quiet %t, owed %t", name, hub.Quiet(), hub.Owed())
		}
		hub.TakeIn()
		if got := contents(&q); !slices.Equal(got, []int{0}) {
			t.Errorf("%s: the queue has %v", name, got)
		}
		if !hub.Quiet() || hub.Owed() {
			t.Errorf("%s: after the last call: quiet %t, owed %t; want only quiet", name, hub.Quiet(), hub.Owed())
		}
	}
}

// A full inbox refuses until the loop has taken what waits.
func TestInboxWithALimit(t *testing.T) {
	var hub Hub
	var in Inbox
	var q ready.Queue
	in.Init(&hub, &q, func(int) {})
	hub.Init(&in)
	in.SetLimit(2)
	post := func(want Answer, waiting int) {
		t.Helper()
		if got := in.Post(func() {}, true); got != want || in.Len() != waiting {
			t.Errorf("the answer is %d, and %d functions wait; want %d and %d", got, in.Len(), want, waiting)
		}
	}
	post(Taken, 1)
	post(Taken, 2)
	post(Full, 2)
	hub.TakeIn()
	post(Taken, 1)
	in.SetLimit(1)
	post(Full, 1)
	if got := in.Post(func() {}, false); got != Taken || in.Len() != 2 {
		t.Errorf("beyond the limit the answer is %d, and %d functions wait; want %d and 2", got, in.Len(), Taken)
	}
	hub.TakeIn()
	post(Taken, 1)
	in.SetLimit(0)
	post(Taken, 2)
	post(Taken, 3)
	in.SetLimit(1)
	in.Refuse()
	post(Closed, 0)
}
