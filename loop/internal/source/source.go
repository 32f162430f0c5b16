// Package source has the ways by which something comes into a loop from outside, and the
// [Hub], at which they meet. It knows nothing of tasks.
//
// A loop asks its hub and no source. So a further way in is one type, in one file, and one
// line where the loop lists its sources.
package source

import (
	"sync"
	"sync/atomic"
)

// A Source is a way in from outside. Its methods are called by the loop, on the loop's
// goroutine. [Nothing] has methods for what a source leaves out.
type Source interface {
	// See notes what has come so far, and Take hands over what was noted. Take of a source
	// where all is ready at once needs no See. [Hub.TakeIn] says why there are two.
	See()
	Take()
	// Pending reports whether something has come, although nothing has nudged the hub yet.
	// What waits in a channel is found by Take only.
	Pending() bool
	// MayCome reports whether something might come that nobody has announced: with a
	// real clock the loop is not deadlocked.
	MayCome() bool
	// Sleep is called when the loop is going to wait, and Wake when it goes on. In
	// between, the source sees to it that the hub is nudged when something comes.
	Sleep()
	Wake()
	// Close drops what still waits. The loop is closed.
	Close()
	// Hint is what a report of a deadlock says about the source, empty for nothing.
	Hint() string
}

// Nothing is a source to which nothing ever comes. Other sources embed it.
type Nothing struct{}

func (Nothing) See()          {}
func (Nothing) Take()         {}
func (Nothing) Pending() bool { return false }
func (Nothing) MayCome() bool { return false }
func (Nothing) Sleep()        {}
func (Nothing) Wake()         {}
func (Nothing) Close()        {}
func (Nothing) Hint() string  { return "" }

// A Hub is where the sources of a loop meet:
//
//	goroutines           sources, in their order            the loop
//
//	Post ──────────────▶ Inbox    ─┐
//	a context ends ────▶ watches   │  See, from the last    ┌─▶ ready queue
//	a channel ─────────▶ Ports     ├─ to the first; ────────┘   (beginTurn)
//	work returns ──────▶ Offloads ─┘  Take, first to last
//	      │
//	      ├──── Nudge: news = true, and a token for a loop that is asleep
//	      └──── Announce, for Hold: something is owed
//
// One word, news, says whether anything has come since the hub looked last. Other things are
// looked at in every turn, and [Hub.Watch] counts them: those that cannot tell that they have
// come, such as a value in a channel, and calls that were seen to have ended and are not taken in
// yet.
type Hub struct {
	news    atomic.Bool
	asleep  atomic.Bool
	token   chan struct{} // of size 1
	watched int           // what is looked at in every turn
	coming  int           // what is sure to come, by Expect
	owed    atomic.Int64  // the same, by Announce
	slept   bool          // the sources were told to
	asked   bool          // there was news when the present TakeIn began
	sources []Source
}

// Init gives the hub its sources. Their order is that in which a turn takes in what has come.
// The first is the one for which things come unforeseen: the others do nothing unless
// [Hub.Watch] or [Hub.Expect] has told of something.
func (h *Hub) Init(sources ...Source) {
	h.token, h.sources = make(chan struct{}, 1), sources
}

// Nudge makes the loop look around at the beginning of its next turn, and wakes it if it
// is asleep. It is safe from any goroutine: the loop says that it is going to sleep before
// it asks for news for the last time.
func (h *Hub) Nudge() {
	h.news.Store(true)
	if h.asleep.Load() {
		h.awaken()
	}
}

func (h *Hub) awaken() {
	select {
	case h.token <- struct{}{}:
	default:
	}
}

// News reports whether the hub was nudged since it looked last.
func (h *Hub) News() bool { return h.news.Load() }

// Watch adds n to the number of things that are looked at in every turn.
func (h *Hub) Watch(n int) { h.watched += n }

// Expect adds n to the number of things that are sure to come. As long as there are any, the
// loop is not deadlocked, and a virtual clock does not jump.
func (h *Hub) Expect(n int) { h.coming += n }

// Announce is Expect for any goroutine: something is sure to come until release is called,
// which any goroutine may do. Releasing again does nothing.
//
// release nudges twice. The first nudge comes before nothing is owed any more: a loop that
// finds nothing owed and then no news has missed nothing, also of what nudges nobody, such as
// a value in a channel. The second one is for a loop that has gone to sleep in between.
func (h *Hub) Announce() (release func()) {
	h.owed.Add(1)
	return sync.OnceFunc(func() {
		h.Nudge()
		h.owed.Add(-1)
		h.Nudge()
	})
}

// Owed reports whether something is sure to come.
func (h *Hub) Owed() bool { return h.coming > 0 || h.owed.Load() > 0 }

// Quiet reports whether nothing has come, and nothing has to be looked at. It costs two
// loads.
func (h *Hub) Quiet() bool { return h.watched == 0 && !h.news.Load() }

// Watching reports whether something is looked at in every turn.
func (h *Hub) Watching() bool { return h.watched > 0 }

// TakeIn takes in what has come. The sources are looked at from the last to the first, and
// taken from the first to the last: so what a goroutine did before something that is seen
// here is seen too. What comes after a look nudges again, so the next turn looks again.
func (h *Hub) TakeIn() {
	if h.asked = h.news.Load(); h.asked {
		h.news.Store(false)
	}
	if h.watched+h.coming == 0 { // the usual case
		h.sources[0].Take()
		return
	}
	for at := len(h.sources) - 1; at >= 0; at-- {
		h.sources[at].See()
	}
	for _, s := range h.sources {
		s.Take()
	}
}

// Pending reports whether something is known to have come. What waits in a channel is found
// by TakeIn only.
func (h *Hub) Pending() bool { return h.news.Load() || h.some(Source.Pending) }

// MayCome reports whether something might come.
func (h *Hub) MayCome() bool { return h.some(Source.MayCome) }

func (h *Hub) some(is func(Source) bool) bool {
	for _, s := range h.sources {
		if is(s) {
			return true
		}
	}
	return false
}

// Doze says that the loop is going to sleep: from now on Nudge sends a token. The loop
// asks for news once more after it.
func (h *Hub) Doze() { h.asleep.Store(true) }

// Asleep reports whether the loop is between Doze and Wake. It is safe from any goroutine.
func (h *Hub) Asleep() bool { return h.asleep.Load() }

// Token is sent to where a dozing loop is nudged. One that was sent and not received may
// be left from before, so the loop looks around again.
func (h *Hub) Token() <-chan struct{} { return h.token }

// Sleep has the sources get ready for a loop that waits.
func (h *Hub) Sleep() {
	h.slept = true
	for _, s := range h.sources {
		s.Sleep()
	}
}

// Wake says that the loop goes on. Every source is told, also where one of them, or what
// it calls, calls Goexit.
func (h *Hub) Wake() {
	h.asleep.Store(false)
	if h.slept {
		h.slept = false
		wake(h.sources)
	}
}

func wake(sources []Source) {
	if len(sources) > 0 {
		defer wake(sources[1:])
		sources[0].Wake()
	}
}

// Close has the sources drop what still waits.
func (h *Hub) Close() {
	for _, s := range h.sources {
		s.Close()
	}
}

// Hints returns what the sources have to say about a deadlock.
func (h *Hub) Hints() (hints []string) {
	for _, s := range h.sources {
		if hint := s.Hint(); hint != "" {
			hints = append(hints, hint)
		}
	}
	return hints
}
