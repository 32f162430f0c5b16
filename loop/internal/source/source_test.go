package source

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/loop/internal/ready"
)

// logged is a source that writes down what the hub asks of it.
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

// The hub sees from the last to the first, and does all else from the first to the last.
// Every source is told to wake, although one of them calls Goexit.
func TestHubOrder(t *testing.T) {
	var log []string
	var hub Hub
	hub.Init(logged{name: "a", log: &log}, logged{name: "b", log: &log}, logged{name: "c", log: &log})
	hub.TakeIn() // where nothing is foreseen
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

// A source that leaves out everything says no to all.
func TestNothing(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{}, &Nothing{})
	hub.TakeIn()
	hub.Sleep()
	hub.Wake()
	hub.Close()
	if hub.Pending() || hub.Owed() || hub.MayCome() || hub.Hints() != nil || !hub.Quiet() || hub.Watching() {
		t.Error("something comes, or may come, from nothing")
	}
}

// answers is a source that says yes to one of the questions.
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
		got := answers{pending: hub.Pending(), mayCome: hub.MayCome(), hint: fmt.Sprint(hub.Hints())}
		if want := "[" + last.hint + "]"; got.hint != want {
			t.Errorf("hints are %s, want %s", got.hint, want)
		}
		if got.hint = last.hint; got != last {
			t.Errorf("the hub says %v for %v", got, last)
		}
	}
}

// A nudge is news until the hub takes in, and sends one token to a loop that dozes.
func TestNudge(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{})
	tokens := func() int { return len(hub.Token()) }
	hub.Nudge()
	if !hub.News() || hub.Quiet() || !hub.Pending() || tokens() != 0 {
		t.Errorf("awake: news %t, quiet %t, pending %t, %d tokens", hub.News(), hub.Quiet(), hub.Pending(), tokens())
	}
	hub.TakeIn()
	if hub.News() || !hub.Quiet() || hub.Pending() {
		t.Error("there is news behind TakeIn")
	}
	hub.Doze()
	if !hub.Asleep() {
		t.Error("not asleep")
	}
	hub.Nudge()
	hub.Nudge()
	if !hub.News() || tokens() != 1 {
		t.Errorf("asleep: news %t, %d tokens", hub.News(), tokens())
	}
	if hub.Wake(); hub.Asleep() {
		t.Error("still asleep")
	}
}

// numbered is a Runnable that can be told from others.
type numbered int

func (numbered) Run() {}

// contents empties q.
func contents(q *ready.Queue) (all []int) {
	for !q.Empty() {
		all = append(all, int(q.Pop().(numbered)))
	}
	return all
}

// contentsByRun empties q by running the entries, which append to ran.
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
	in.Take() // with news, also outside of TakeIn
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

// After a burst of posts there is little room for the next.
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
			t.Fatalf("%d of %d posts came", len(got), burst)
		}
	}
	if cap(in.posts) > maxSpare || cap(in.spare) > maxSpare || cap(in.spare) == 0 {
		t.Errorf("there is room for %d and %d", cap(in.posts), cap(in.spare))
	}
}

func TestAnnounce(t *testing.T) {
	var hub Hub
	hub.Init(Nothing{})
	first, second := hub.Announce(), hub.Announce()
	first()
	first()
	if !hub.Owed() || !hub.News() {
		t.Errorf("one of two is released: owed %t, news %t", hub.Owed(), hub.News())
	}
	if second(); hub.Owed() {
		t.Error("all are released, and something is owed")
	}
	hub.Expect(2)
	hub.Expect(-1)
	if !hub.Owed() {
		t.Error("one of two is expected, and nothing is owed")
	}
	if hub.Expect(-1); hub.Owed() {
		t.Error("nothing is expected, and something is owed")
	}
}

// A loop that finds nothing owed, and no news after that, has missed nothing; and a loop that
// sleeps is nudged once more when nothing is owed any more. The loop and the goroutine that
// releases run side by side here: on one processor this test cannot fail.
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
			case <-hub.Token(): // a token is all that wakes the loop
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

// What follows on a call comes when the call was seen to have finished: in order of calls,
// or one at a time where that is asked for.
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
		hub.Nudge() // theirs may not have come yet
		hub.TakeIn()
		var want []int
		if !ordered {
			want = []int{1, 2}
		}
		if got := contents(&q); !slices.Equal(got, want) {
			t.Errorf("ordered %t: the queue has %v, want %v", ordered, got, want)
		}
		if calls.TakeOldest() {
			t.Errorf("ordered %t: the oldest has not finished, and is taken", ordered)
		}
		oldest := calls.calls[0].finished
		close(blocked)
		<-oldest
		if calls.TakeOldest() {
			t.Errorf("ordered %t: the oldest is taken before it was seen to have finished", ordered)
		}
		hub.Nudge()
		hub.TakeIn()
		for ordered && calls.TakeOldest() {
			want = append(want, len(want))
			if got := contents(&q); !slices.Equal(got, want[len(want)-1:]) {
				t.Errorf("the oldest is %v, want %v", got, want[len(want)-1:])
			}
		}
		if n := len(contents(&q)); ordered && (len(want) != 3 || n != 0) || !ordered && n != 1 {
			t.Errorf("ordered %t: %d taken one by one, %d at once", ordered, len(want), n)
		}
		if hub.Owed() || calls.Len() != 0 {
			t.Errorf("ordered %t: %d calls are left", ordered, calls.Len())
		}
		calls.working.Wait()
	}
}

// The end of the loop waits for all calls, and runs what follows on each, although the
// first of these calls Goexit.
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
		t.Errorf("ran %v, returned %v, %d are left", ran, returned, calls.Len())
	}
}

// clumsy is a source that panics in the first Take.
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

// A call that was seen to have finished is taken in later where the TakeIn that saw it has
// left it, or has not come to it. Nothing nudges again.
func TestOffloadThatWasSeenAndLeft(t *testing.T) {
	for name, first := range map[string]Source{"left": Nothing{}, "not come to": new(clumsy)} {
		var hub Hub
		var calls Offloads
		var q ready.Queue
		calls.Init(&hub, &q)
		hub.Init(Nothing{}, first, &calls)
		calls.Go(func() {}, numbered(0))
		calls.working.Wait() // it has nudged
		calls.Ordered = name == "left"
		for range 2 { // the second sees nothing new
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
			t.Errorf("%s: no call is left: quiet %t, owed %t", name, hub.Quiet(), hub.Owed())
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
