package loop

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// The clock of a realm. It is made of two parts:
//
//   - The realm's time, in ns, goes by the clock of the realm around it, or by the loop's clock. It stands
//     still while the realm is paused, and it never jumps. Sleeps and timers go by it.
//   - The offset is what the clock shows more than that. It may jump.
//
// The timer queue of the loop knows only the time of the loop. A timer of a realm is armed for the first
// instant of the loop at which the realm's time has come. If the rate of a realm changes, its timers are
// armed again, in their order. So a realm that never changes its clock costs two additions for each timer.
type realmClock struct {
	from, at int64         // the realm's time was at when that of the clock around it was from
	rate     int64         // billionths of a second that pass in a second of the clock around it
	offset   time.Duration // from the realm's time to the time that the clock shows
}

// normal is the rate of a clock that does not drift.
const normal = 1e9

// realmCall is a callback that goes by the clock of a realm, and ends with the realm.
type realmCall struct {
	fn    function
	realm *realm
	first timer.Key // the key in the Handle
	now   timer.Key // the key in the timer queue if it is another one: see Loop.moved
}

func (c *realmCall) Run() {
	delete(c.realm.env.loop.moved, c.first)
	c.fn()
}

// time returns the realm's time.
func (r *realm) time() int64 { return r.timeAt(r.env.loop.clock.Now()) }

// timeAt returns the realm's time at the instant at of the loop, if its clock and those around it go on as
// they do now.
func (r *realm) timeAt(at int64) int64 {
	if r.parent != nil {
		at = r.parent.timeAt(at)
	}
	if at == timer.Never {
		return timer.Never
	}
	c := &r.clock
	if r.paused {
		return c.at
	}
	return later(c.at, scaled(since(at, c.from), c.rate, normal, false))
}

// instantOf returns the first instant of the loop at which the realm's time is at or later.
func (r *realm) instantOf(at int64) int64 {
	if at >= timer.Never {
		return timer.Never
	}
	c := &r.clock
	at = later(c.from, scaled(since(at, c.at), normal, c.rate, true))
	if r.parent != nil {
		return r.parent.instantOf(at)
	}
	return at
}

// shows returns what the realm's clock shows more than the realm's time.
func (r *realm) shows() time.Duration {
	var sum int64
	for ; r != nil; r = r.parent {
		sum = later(sum, int64(r.clock.offset))
	}
	return time.Duration(sum)
}

// after returns the realm's time when d has passed.
func (r *realm) after(d time.Duration) int64 { return later(r.time(), max(0, int64(d))) }

// The instants of a program may be as far away as an int64 reaches, such as a deadline that was made from the zero
// time.Time. So all sums of instants have a limit in place of an overflow: Never, or its opposite in the past.

// later returns at + d. If at is Never, it stays so.
func later(at, d int64) int64 {
	switch sum := at + d; {
	case at == timer.Never || d > 0 && sum < at:
		return timer.Never
	case d < 0 && sum > at:
		return -timer.Never
	default:
		return sum
	}
}

// since returns at - from.
func since(at, from int64) int64 {
	switch d := at - from; {
	case at == timer.Never || from < 0 && d < at:
		return timer.Never
	case from > 0 && d > at:
		return -timer.Never
	default:
		return d
	}
}

// scaled returns d*by/per, rounded up or down, but not more than Never.
func scaled(d, by, per int64, up bool) int64 {
	if by == per {
		return d
	}
	if d < 0 {
		return -scaled(-max(d, -timer.Never), by, per, !up)
	}
	hi, lo := bits.Mul64(uint64(d), uint64(by))
	if up {
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(per-1), 0)
		hi += carry
	}
	if hi >= uint64(per) {
		return timer.Never
	}
	q, _ := bits.Div64(hi, lo, uint64(per))
	return int64(min(q, timer.Never))
}

// Now returns the time that the realm's clock shows.
func (r *realm) Now() time.Time {
	return r.env.loop.clock.Start().Add(time.Duration(later(r.time(), int64(r.shows()))))
}

// SetClock sets the offset and the rate of the realm's clock.
func (r *realm) SetClock(offset time.Duration, rate float64) {
	if !(rate >= 1e-3 && rate <= 1e3) { // also for NaN
		panic(fmt.Sprintf("loop: SetClock with the rate %v; give a rate from 0.001 to 1000, where 1 is the rate of the clock around the realm", rate))
	}
	l := r.env.loop
	l.check("SetClock")
	c := &r.clock
	c.offset = offset
	if to := int64(math.Round(rate * normal)); to != c.rate {
		armed := r.disarmAll()
		r.rebase()
		c.rate = to
		l.armAll(armed)
	}
}

// rebase makes the present instant the one from which the realm's time counts.
func (r *realm) rebase() {
	now := r.env.loop.clock.Now()
	at := r.timeAt(now)
	if r.parent != nil {
		now = r.parent.timeAt(now)
	}
	r.clock.from, r.clock.at = now, at
}

// A realmTimer is a timer of a realm, while it is not armed.
type realmTimer struct {
	of    *realm
	at    int64 // of the realm's time
	value Runnable
}

// realmOf returns the realm of a timer with the value v, or nil.
func realmOf(v Runnable) *realm {
	switch v := v.(type) {
	case *sleeper:
		return v.env.realm
	case *realmCall:
		return v.realm
	}
	return nil
}

// within reports whether r is outer, or a part of it. r may be nil.
func (r *realm) within(outer *realm) bool {
	for r != nil && r != outer {
		r = r.parent
	}
	return r != nil
}

// disarmAll disarms the timers of r and of the realms in it, except those that are due, and returns them in order.
func (r *realm) disarmAll() (all []realmTimer) {
	l := r.env.loop
	var keys []timer.Key
	for it := range l.timers.All() {
		if of := realmOf(it.Value); of.within(r) {
			all = append(all, realmTimer{of, of.timeAt(it.Deadline), it.Value})
			keys = append(keys, it.Key)
		}
	}
	for _, key := range keys {
		l.disarm(key)
	}
	return all
}

// armAll arms timers that disarmAll has disarmed.
func (l *Loop) armAll(all []realmTimer) {
	for _, t := range all {
		key := l.arm(t.of.instantOf(t.at), t.value)
		switch v := t.value.(type) {
		case *sleeper:
			(*Task)(v).keepAlarm(key)
		case *realmCall:
			v.now = key
			l.move(v)
		}
	}
}

// move notes that the key of c is not that of its Handle any more.
func (l *Loop) move(c *realmCall) {
	if l.moved == nil {
		l.moved = map[timer.Key]*realmCall{}
	}
	l.moved[c.first] = c
}

// disarmMoved is disarm for the key in the Handle of a realmCall that has another key now.
func (l *Loop) disarmMoved(first timer.Key) bool {
	c := l.moved[first]
	if c == nil {
		return false
	}
	delete(l.moved, first)
	if c.now.Seq == 0 { // the realm is paused
		p := &l.pauses
		p.timers = slices.DeleteFunc(p.timers, func(t realmTimer) bool { return t.value == Runnable(c) })
		return true
	}
	return l.disarm(c.now)
}

// callAt schedules fn for an instant of the realm's time.
func (r *realm) callAt(at int64, fn function) Handle {
	l := r.env.loop
	if r.ended {
		return Handle{}
	}
	c := &realmCall{fn: fn, realm: r}
	l.realmCalls = true
	if r.still() {
		c.first = l.timers.Arm(timer.Never, c) // for a key that no other timer has
		l.timers.Cancel(c.first)
		l.freeze(realmTimer{r, at, c})
	} else {
		c.first = l.arm(r.instantOf(at), c)
	}
	return Handle{loop: l, key: c.first}
}

// dropCalls removes the callbacks of the realms that have ended.
func (l *Loop) dropCalls() {
	if !l.realmCalls {
		return
	}
	for first, c := range l.moved {
		if c.realm.ended {
			delete(l.moved, first)
		}
	}
	var keys []timer.Key
	for it := range l.timers.All() {
		if c, ok := it.Value.(*realmCall); ok && c.realm.ended {
			keys = append(keys, it.Key)
		}
	}
	for _, d := range l.due {
		if c, ok := l.ready.At(d.at).(*realmCall); ok && d.at >= l.ready.Head() && c.realm.ended {
			keys = append(keys, d.key)
		}
	}
	for _, key := range keys {
		l.disarm(key)
	}
}

// realmIn returns the realm of ctx, or nil. It panics if ctx belongs to no loop.
func realmIn(ctx context.Context) (*Loop, *realm) {
	t, _, _ := own(ctx)
	if t == nil {
		panic(noLoop(ctx))
	}
	return t.env.loop, t.env.realm
}

// nowIn is Now in package lowlevel.
func nowIn(ctx context.Context) time.Time {
	l, r := realmIn(ctx)
	if r == nil {
		return l.Now()
	}
	return r.Now()
}

// realmContext is RealmContext in package lowlevel.
func realmContext(ctx context.Context) context.Context {
	l, r := realmIn(ctx)
	if r == nil {
		return l.Context()
	}
	return r.Context()
}

// elapsedIn is Elapsed in package lowlevel.
func elapsedIn(ctx context.Context) time.Duration {
	l, r := realmIn(ctx)
	if r == nil {
		return l.Elapsed()
	}
	return time.Duration(r.time())
}

// elapsedAt is ElapsedAt in package lowlevel.
func elapsedAt(ctx context.Context, when time.Time) time.Duration {
	l, r := realmIn(ctx)
	return time.Duration(r.timeOf(l.instant(when)))
}

// timeOf returns the realm's time at which the clock of r shows at. r may be nil.
func (r *realm) timeOf(at int64) int64 { return since(at, int64(r.shows())) }

// callLater is CallLater in package lowlevel.
func callLater(ctx context.Context, d time.Duration, fn func()) Handle {
	l, r := realmIn(ctx)
	if r == nil {
		return l.CallLater(d, fn)
	}
	l.check("CallLater")
	return r.callAt(r.after(d), callback("CallLater", fn))
}

// callAt is CallAt in package lowlevel.
func callAt(ctx context.Context, when time.Time, fn func()) Handle {
	l, r := realmIn(ctx)
	if r == nil {
		return l.CallAt(when, fn)
	}
	l.check("CallAt")
	return r.callAt(r.timeOf(l.instant(when)), callback("CallAt", fn))
}

// callElapsed is CallElapsed in package lowlevel.
func callElapsed(ctx context.Context, at time.Duration, fn func()) Handle {
	l, r := realmIn(ctx)
	l.check("CallElapsed")
	f := callback("CallElapsed", fn)
	if r == nil {
		return Handle{loop: l, key: l.arm(int64(at), f)}
	}
	return r.callAt(int64(at), f)
}
