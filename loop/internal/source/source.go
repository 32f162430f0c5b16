// Package source has the sources, by which events come into a loop from outside, and the [Hub],
// which connects the sources with the loop. It knows nothing of tasks.
//
// A loop asks only its hub, and not the sources. So a new source needs one type, in one file, and one
// line where the loop lists its sources.
package source

import (
	"sync"
	"sync/atomic"
)

// A Source is a way by which events come in from outside. The loop calls its methods, on the loop's
// goroutine. A source embeds [Nothing] for the methods that it does not need.
type Source interface {
	// See notes the events that have come so far, and Take hands them over to the loop. A source
	// needs no See if Take can hand over its events directly. [Hub.TakeIn] says why there are two
	// methods.
	See()
	Take()
	// Pending reports whether an event has come for which the hub was not nudged yet. It does not
	// find a value that waits in a channel: only Take does.
	Pending() bool
	// MayCome reports whether an event may come that was not announced. Then a loop with a real
	// clock is not deadlocked.
	MayCome() bool
	// Sleep is called before the loop waits, and Wake when the loop goes on, unless Watch and Expect
	// count nothing. In between, the source must nudge the hub when an event comes.
	Sleep()
	Wake()
	// Close drops everything that still waits. The loop is closed.
	Close()
	// Hint returns a line about the source for a deadlock report, or an empty string.
	Hint() string
}

// Nothing is a source without events. Other sources embed it.
type Nothing struct{}

func (Nothing) See()          {}
func (Nothing) Take()         {}
func (Nothing) Pending() bool { return false }
func (Nothing) MayCome() bool { return false }
func (Nothing) Sleep()        {}
func (Nothing) Wake()         {}
func (Nothing) Close()        {}
func (Nothing) Hint() string  { return "" }

// A Hub connects the sources of a loop with the loop:
//
//	goroutines           sources, in their order            the loop
//
//	Post ──────────────▶ Inbox    ─┐
//	Wake ──────────────▶ Wakers    │  See, from the last    ┌─▶ ready queue
//	a context ends ────▶ watches   ├─ to the first; ────────┘   (beginTurn)
//	a channel ─────────▶ Ports     │  Take, first to last
//	work returns ──────▶ Offloads ─┘
//	      │
//	      ├──── Nudge: news = true, and a token for a loop that is asleep
//	      └──── Announce, for Hold: something is owed
//
// The field news says whether an event has come since the hub looked last. Some things need a look
// in every turn, and [Hub.Watch] counts these things. A thing of the first kind is a source of
// events that do not nudge, such as a channel or a context. A thing of the second kind is an event
// that See or Wake has found, and that Take has not handed over yet.
type Hub struct {
	news    atomic.Bool
	asleep  atomic.Bool
	called  atomic.Pointer[Waker] // the stack of the Wakers that were called: see Wakers
	token   chan struct{}         // of size 1; nil before the first Doze
	watched int                   // how many things need a look in every turn: see Watch
	coming  int                   // how many events are sure to come, by Expect
	owed    atomic.Int64          // how many are sure to come, by Announce
	slept   bool                  // Sleep was called, and Wake was not
	asked   bool                  // inside TakeIn: there was news at its beginning
	sources []Source
	room    [5]Source // for sources
}

// Init gives the hub its sources. A turn takes in their events in this order. The first source may have
// an event at any time, and hands over those of [Wakers], too. The others have events only while
// [Hub.Watch] or [Hub.Expect] counts something.
func (h *Hub) Init(sources ...Source) { h.sources = append(h.room[:0], sources...) }

// Nudge makes the loop look at its sources at the beginning of its next turn, and wakes the loop if it
// is asleep. It is safe from any goroutine. No nudge is lost, because the loop calls Doze before it asks
// for news for the last time.
func (h *Hub) Nudge() {
	h.news.Store(true)
	h.Rouse()
}

// Rouse wakes the loop if it is asleep. It is a Nudge without news.
func (h *Hub) Rouse() {
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

// News reports whether the hub was nudged since the last TakeIn.
func (h *Hub) News() bool { return h.news.Load() }

// Watch adds n to the number of things that need a look in every turn.
func (h *Hub) Watch(n int) { h.watched += n }

// Expect adds n to the number of events that are sure to come. While the number is not zero, the loop is
// not deadlocked, and a virtual clock does not jump.
func (h *Hub) Expect(n int) { h.coming += n }

// Announce is Expect for any goroutine: an event is sure to come until release is called. Any goroutine
// may call release. A second call does nothing.
//
// release nudges twice. The first nudge comes before the count of owed events goes down. So if the loop
// finds that nothing is owed, and after that no news, it has missed nothing. This includes events that do
// not nudge, such as a value in a channel. The second nudge is for a loop that has gone to sleep in
// between.
func (h *Hub) Announce() (release func()) {
	h.owed.Add(1)
	return sync.OnceFunc(func() {
		h.Nudge()
		h.owed.Add(-1)
		h.Nudge()
	})
}

// Owed reports whether an event is sure to come.
func (h *Hub) Owed() bool { return h.coming > 0 || h.owed.Load() > 0 }

// Quiet reports whether there is no news, and nothing needs a look in every turn. It costs two loads.
func (h *Hub) Quiet() bool { return h.watched == 0 && !h.news.Load() }

// Watching reports whether something needs a look in every turn.
func (h *Hub) Watching() bool { return h.watched > 0 }

// TakeIn takes in the events that have come. It calls See of the sources from the last to the
// first, and then Take from the first to the last. This keeps the order of two events that one
// goroutine makes, if the source of the first event is also the first of the two sources: if TakeIn
// takes in the second event, it also takes in the first. For posts and Wakers it keeps the order both
// ways: see [Wakers]. An event that comes after the See of its source nudges again, so the next turn
// looks again.
func (h *Hub) TakeIn() {
	if h.news.Load() {
		h.news.Store(false)
		h.asked = true // stays true if a See or Take does not return: the next TakeIn makes up for it
	}
	if h.watched+h.coming == 0 { // the usual case
		h.sources[0].Take()
		h.asked = false
		return
	}
	for at := len(h.sources) - 1; at >= 0; at-- {
		h.sources[at].See()
	}
	for _, s := range h.sources {
		s.Take()
	}
	h.asked = false
}

// Pending reports whether an event has come. It does not find a value that waits in a channel: only
// TakeIn does.
func (h *Hub) Pending() bool {
	return h.news.Load() || h.watched+h.coming > 0 && h.some(Source.Pending)
}

// MayCome reports whether an event may come that was not announced.
func (h *Hub) MayCome() bool { return h.some(Source.MayCome) }

func (h *Hub) some(is func(Source) bool) bool {
	for _, s := range h.sources {
		if is(s) {
			return true
		}
	}
	return false
}

// Doze tells the hub that the loop is going to sleep. From now on Nudge sends a token. After Doze
// the loop must call News once more.
func (h *Hub) Doze() {
	if h.token == nil {
		h.token = make(chan struct{}, 1)
	}
	h.asleep.Store(true)
}

// Asleep reports whether the loop is between Doze and Wake. It is safe from any goroutine.
func (h *Hub) Asleep() bool { return h.asleep.Load() }

// Token returns the channel to which Nudge sends a token if the loop dozes. Call it after Doze. A token may be left from an
// earlier nudge. Then the loop wakes and finds nothing new.
func (h *Hub) Token() <-chan struct{} { return h.token }

// Sleep calls Sleep of each source: the loop is going to wait. If nothing is counted, only posts and Wakers can
// come, which need no Sleep.
func (h *Hub) Sleep() {
	if h.watched+h.coming == 0 {
		return
	}
	h.slept = true
	for _, s := range h.sources {
		s.Sleep()
	}
}

// Wake tells the hub that the loop goes on. It calls Wake of each source, if Sleep was called before.
// It does so for all sources, also if one of them calls Goexit.
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

// Close calls Close of each source.
func (h *Hub) Close() {
	for _, s := range h.sources {
		s.Close()
	}
}

// Hints returns the lines of the sources for a deadlock report.
func (h *Hub) Hints() (hints []string) {
	for _, s := range h.sources {
		if hint := s.Hint(); hint != "" {
			hints = append(hints, hint)
		}
	}
	return hints
}
