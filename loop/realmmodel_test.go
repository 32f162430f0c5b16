package loop_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"pgregory.net/rapid"
)

// realmWorld is the model of realms with clocks: it moves from one operation to the next, and counts down
// what is left of each sleep and callback. All numbers are whole: the rates are powers of two, the operations
// come at multiples of realmStep, and nothing else happens at the instant of an operation.
type realmWorld struct {
	now    time.Duration
	realms []*modelRealm
	timers []*modelTimer
	log    []realmEvent
}

const realmStep = 16 * time.Millisecond

type modelRealm struct {
	around        *modelRealm
	rate          time.Duration // quarters
	paused, ended bool
}

// passes returns how many 16ths of a second of r pass in a second.
func (r *modelRealm) passes() time.Duration {
	sixteenths := time.Duration(16)
	for ; r != nil; r = r.around {
		if r.paused {
			return 0
		}
		sixteenths = sixteenths * r.rate / 4
	}
	return sixteenths
}

func (r *modelRealm) over() bool { return r != nil && (r.ended || r.around.over()) }

type modelTimer struct {
	id     int
	in     *modelRealm
	left   time.Duration
	sleep  bool // it is a task that sleeps, and not a callback
	begun  bool // the task sleeps
	result string
	over   bool
}

type realmEvent struct {
	at   time.Duration
	id   int
	what string
}

// pass lets time pass, until the next operation or for ever.
func (w *realmWorld) pass(until time.Duration) {
	for _, t := range w.timers {
		passes := t.in.passes()
		if t.over || passes == 0 || !t.begun {
			continue
		}
		if takes := t.left * 16 / passes; until < 0 || takes < until-w.now {
			w.end(t, w.now+takes, "ends")
		} else {
			t.left -= (until - w.now) * passes / 16
		}
	}
	w.now = until
}

func (w *realmWorld) end(t *modelTimer, at time.Duration, what string) {
	t.over = true
	w.log = append(w.log, realmEvent{at, t.id, what})
}

// settle begins and ends the tasks that can do so at this instant.
func (w *realmWorld) settle() {
	for _, t := range w.timers {
		switch {
		case t.over:
		case t.in.over():
			if t.over = true; t.sleep && t.begun {
				w.end(t, w.now, "is unwound")
			}
		case t.in.passes() == 0:
		case t.result != "" && !t.begun:
			t.over = true // canceled before its first step
		case t.result != "":
			w.end(t, w.now, t.result)
		default:
			t.begun = true
		}
	}
}

// A sleep never ends early by the realm's clock, whatever its rates. It ends late by a nanosecond of the
// loop's clock at most, and by one more for each change of the rate.
func TestSleepsAtAnyRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := loop.New(loop.WithVirtualTime())
		defer l.Close()
		realm := lowlevel.NewRealm(l.Context())
		rates := rapid.Float64Range(0.001, 1000)
		d := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "d"))
		rate := rates.Draw(t, "rate") // the present rate
		realm.SetClock(0, rate)
		spawn(realm.Context(), "sleeps", func(ctx context.Context) error {
			began := realm.Now()
			late := 0.0 // in ns of the realm's time
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				l.CallLater(time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "after")), func() {
					late += rate
					rate = rates.Draw(t, "rate")
					realm.SetClock(0, rate)
				})
			}
			err := task.Sleep(ctx, d)
			took := realm.Now().Sub(began)
			if late += rate; took < d || float64(took-d) > late+1 {
				t.Fatalf("a sleep of %v took %v", d, took)
			}
			return err
		})
		_ = l.Run()
	})
}

// Realms with clocks, pauses and ends do what the model does.
func TestRealmsAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := loop.New(loop.WithVirtualTime())
		defer l.Close()
		outer := lowlevel.NewRealm(l.Context())
		realms := []lowlevel.Realm{outer, lowlevel.NewRealm(outer.Context()), lowlevel.NewRealm(l.Context())}
		first := &modelRealm{rate: 4}
		w := &realmWorld{realms: []*modelRealm{first, {around: first, rate: 4}, {rate: 4}}}

		var log []realmEvent
		add := func(id int, what string) { log = append(log, realmEvent{l.Elapsed(), id, what}) }
		var tasks []*task.Task[none]
		var calls []loop.Handle
		var called, slept []*modelTimer
		closing := false
		number := 0
		actions := map[string]func(){}
		pick := func() int { return rapid.IntRange(0, 2).Draw(t, "realm") }
		within := func() (context.Context, *modelRealm) {
			at := rapid.IntRange(-1, 2).Draw(t, "realm")
			if at < 0 {
				return l.Context(), nil
			}
			return realms[at].Context(), w.realms[at]
		}
		long := func() time.Duration {
			return time.Duration(rapid.IntRange(0, 200).Draw(t, "ms"))*time.Millisecond + 300*time.Microsecond
		}
		actions["sleep"] = func() {
			ctx, in := within()
			d, id := long(), number
			number++
			tasks = append(tasks, spawn(ctx, fmt.Sprint(id), func(ctx context.Context) error {
				err := task.Sleep(ctx, d)
				switch {
				case closing:
				case err == nil:
					add(id, "ends")
				case causeOf(err) == lowlevel.ErrRealmEnded:
					add(id, "is unwound")
				default:
					add(id, "is canceled")
				}
				return err
			}))
			m := &modelTimer{id: id, in: in, left: d, sleep: true}
			w.timers, slept = append(w.timers, m), append(slept, m)
		}
		actions["call"] = func() {
			ctx, in := within()
			d, id := long(), number
			number++
			calls = append(calls, lowlevel.CallLater(ctx, d, func() { add(id, "ends") }))
			m := &modelTimer{id: id, in: in, left: d, begun: true}
			m.over = in.over()
			w.timers, called = append(w.timers, m), append(called, m)
		}
		actions["cancel a call"] = func() {
			if len(calls) == 0 {
				return
			}
			at := rapid.IntRange(0, len(calls)-1).Draw(t, "call")
			if canceled := calls[at].Cancel(); canceled != !called[at].over {
				t.Fatalf("Cancel of call %d returned %v", called[at].id, canceled)
			}
			called[at].over = true
		}
		actions["cancel a task"] = func() {
			if len(tasks) == 0 {
				return
			}
			at := rapid.IntRange(0, len(tasks)-1).Draw(t, "task")
			tasks[at].Cancel(nil)
			slept[at].result = "is canceled"
		}
		actions["rate"] = func() {
			at, rate := pick(), rapid.SampledFrom([]float64{0.5, 1, 2, 4}).Draw(t, "rate")
			realms[at].SetClock(time.Duration(rapid.IntRange(-9, 9).Draw(t, "offset"))*time.Second, rate)
			w.realms[at].rate = time.Duration(4 * rate)
		}
		actions["pause"] = func() {
			at := pick()
			realms[at].Pause()
			w.realms[at].paused = !w.realms[at].over()
		}
		actions["resume"] = func() {
			at := pick()
			realms[at].Resume()
			w.realms[at].paused = false
		}
		ends := 0
		actions["end"] = func() {
			if ends++; ends%4 == 0 {
				at := pick()
				realms[at].End()
				w.realms[at].ended = true
			}
		}
		var names []string
		for name := range actions {
			names = append(names, name)
		}
		slices.Sort(names)

		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			doing := rapid.SliceOfN(rapid.SampledFrom(names), 1, 5).Draw(t, "actions")
			at(l, realmStep*time.Duration(step+1), func() {
				w.pass(l.Elapsed())
				for _, name := range doing {
					actions[name]()
				}
				for _, t := range w.timers { // a callback of a realm that has ended is dropped
					t.over = t.over || !t.sleep && t.in.over()
				}
				w.settle()
			})
		}
		_ = l.Run() // tasks of paused realms are a deadlock
		w.pass(-1)
		closing = true
		order := func(a, b realmEvent) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) }
		slices.SortFunc(w.log, order)
		slices.SortFunc(log, order)
		if !slices.Equal(log, w.log) {
			t.Fatalf("the loop:  %v\nthe model: %v", log, w.log)
		}
		for at, r := range realms {
			if r.Ended() != w.realms[at].over() || !r.Ended() && r.Paused() != (w.realms[at].passes() == 0) {
				t.Fatalf("realm %d: ended %v, paused %v", at, r.Ended(), r.Paused())
			}
		}
	})
}
