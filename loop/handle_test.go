package loop_test

import (
	"math"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/timer"
)

func TestCallSoonRunsInOrderOfCalls(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	for _, name := range []string{"a", "b", "c"} {
		l.CallSoon(log.Callback(name))
	}
	run(t, l)
	log.Want(t, "a", "b", "c")
}

func TestCallsAreOrderedByDeadlineThenByArming(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	start := l.Clock().Start()
	l.CallLater(2*time.Second, log.Callback("2s, first"))
	l.CallAt(start.Add(time.Second), log.Callback("1s, first"))
	l.CallLater(time.Second, log.Callback("1s, second"))
	l.CallAt(start.Add(2*time.Second), log.Callback("2s, second"))
	l.CallLater(time.Second, log.Callback("1s, third"))
	run(t, l)
	log.Want(t, "1s, first", "1s, second", "1s, third", "2s, first", "2s, second")
	if l.Elapsed() != 2*time.Second {
		t.Errorf("the clock stands at %v", l.Elapsed())
	}
}

func TestDelayThatIsNotPositiveMeansNextTurnBehindWhatIsReady(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() {
		log.Add("turn 1")
		l.CallLater(0, log.Callback("zero"))
		l.CallLater(-time.Hour, log.Callback("negative"))
		l.CallLater(math.MinInt64, log.Callback("most negative"))
		l.CallSoon(log.Callback("soon"))
	})
	if more := l.RunOnce(); !more {
		t.Error("RunOnce reports nothing ready with a call of CallSoon waiting")
	}
	log.Want(t, "turn 1")
	l.RunOnce()
	log.Want(t, "soon", "zero", "negative", "most negative")
	if l.Elapsed() != 0 {
		t.Errorf("time has passed: the clock stands at %v", l.Elapsed())
	}
}

func TestCallAtThePastMeansNextTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallAt(time.Time{}, log.Callback("past"))
	l.CallSoon(log.Callback("soon"))
	l.RunOnce()
	log.Want(t, "soon", "past")
}

func TestCallAtTakesAnyLocation(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallAt(l.Now().Add(time.Minute).In(time.FixedZone("east", 3600)), log.Callback("then"))
	run(t, l)
	log.Want(t, "then")
	if l.Elapsed() != time.Minute {
		t.Errorf("the callback ran after %v", l.Elapsed())
	}
}

func TestFarthestDelaysNeverCome(t *testing.T) {
	clock := timer.NewVirtual()
	clock.Advance(time.Hour) // now + MaxInt64 is more than an int64 holds
	l := newLoop(t, loop.WithClock(clock))
	fails := func() { t.Error("a call ran whose instant is too far away to come") }
	hs := []loop.Handle{
		l.CallLater(math.MaxInt64, fails),
		l.CallLater(math.MaxInt64-time.Minute, fails),
		l.CallAt(l.Now().AddDate(1000, 0, 0), fails),
	}
	run(t, l)
	if l.Elapsed() != time.Hour {
		t.Errorf("the clock has jumped to %v", l.Elapsed())
	}
	for _, h := range hs {
		if !h.Cancel() {
			t.Error("the call could not be canceled")
		}
	}
	if at, ok := l.NextDeadline(); ok {
		t.Errorf("a timer is left, at %v", at)
	}
}

func TestFarDelayThatFitsComes(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallLater(math.MaxInt64-1, log.Callback("the end of time"))
	run(t, l)
	log.Want(t, "the end of time")
}

// ways are the three ways to schedule a call that is due at once or within the hour.
var ways = map[string]func(l *loop.Loop, fn func()) loop.Handle{
	"CallSoon":  (*loop.Loop).CallSoon,
	"CallLater": func(l *loop.Loop, fn func()) loop.Handle { return l.CallLater(time.Minute, fn) },
	"CallAt":    func(l *loop.Loop, fn func()) loop.Handle { return l.CallAt(l.Now().Add(time.Minute), fn) },
}

func TestCancelBeforeTwiceAndAfter(t *testing.T) {
	for name, schedule := range ways {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			canceled := schedule(l, func() { t.Error("a canceled call ran") })
			runs := 0
			var other loop.Handle
			other = schedule(l, func() {
				runs++
				if other.Cancel() {
					t.Error("a call could cancel itself while it ran")
				}
			})
			if !canceled.Cancel() || canceled.Cancel() {
				t.Error("the first Cancel must return true, and the second false")
			}
			run(t, l)
			if runs != 1 {
				t.Errorf("the other call ran %d times", runs)
			}
			if canceled.Cancel() || other.Cancel() {
				t.Error("Cancel of a call that has run returned true")
			}
		})
	}
}

func TestCancelOfZeroHandle(t *testing.T) {
	if (loop.Handle{}).Cancel() {
		t.Error("Cancel of the zero Handle returned true")
	}
}

func TestCallbacksCancelEachOther(t *testing.T) {
	for name, schedule := range ways {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			var log looptest.Journal
			var a, b, c loop.Handle
			a = schedule(l, func() { log.Add("a cancels: b %t, c %t", b.Cancel(), c.Cancel()) })
			b = schedule(l, func() { log.Add("b cancels: a %t", a.Cancel()) })
			c = schedule(l, func() { log.Add("c cancels: a %t", a.Cancel()) })
			schedule(l, func() { log.Add("d cancels: a %t, b %t, c %t", a.Cancel(), b.Cancel(), c.Cancel()) })
			run(t, l)
			log.Want(t, "a cancels: b true, c true", "d cancels: a false, b false, c false")
		})
	}
}

// A timer that is due is in the ready queue, and can be canceled there: the first that was armed, the
// last, and each between other due timers.
func TestCancelOfTimersThatAreDue(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	var due []loop.Handle
	l.CallLater(time.Second, func() {
		for i, h := range due {
			if i%2 == 0 && !h.Cancel() {
				t.Errorf("timer %d could not be canceled", i)
			}
			if i%2 == 0 && h.Cancel() {
				t.Errorf("timer %d could be canceled twice", i)
			}
		}
	})
	for _, name := range []string{"0", "1", "2", "3", "4", "5"} {
		due = append(due, l.CallLater(time.Second, log.Callback(name)))
	}
	run(t, l)
	log.Want(t, "1", "3", "5")
}

func TestCancelOfDueTimerFromAnEarlierEntryOfTheTurn(t *testing.T) {
	clock := timer.NewVirtual()
	l := newLoop(t, loop.WithClock(clock))
	var log looptest.Journal
	h := l.CallLater(time.Second, log.Callback("timer"))
	clock.Advance(time.Second)
	l.CallSoon(func() { log.Add("canceled: %t", h.Cancel()) })
	l.RunOnce()
	log.Want(t, "canceled: true")
}

// A Goexit leaves a turn unfinished. A timer that was due in it can be canceled in the next turn.
func TestCancelOfDueTimerLeftBehindByGoexit(t *testing.T) {
	l := newLoop(t)
	var late loop.Handle
	l.CallLater(time.Second, goexit)
	l.CallLater(time.Second, func() {
		if !late.Cancel() {
			t.Error("Cancel of a due timer that has not run returned false")
		}
	})
	late = l.CallLater(time.Second, func() { t.Error("a canceled timer ran") })
	l.CallLater(time.Hour, func() {})
	if inGoroutine(func() { run(t, l) }) {
		t.Fatal("Run returned from a Goexit")
	}
	run(t, l)
}

func TestCanceledTimerIsNoDeadline(t *testing.T) {
	l := newLoop(t)
	first := l.CallLater(time.Second, func() {})
	l.CallLater(time.Minute, func() {})
	first.Cancel()
	if at, ok := l.NextDeadline(); !ok || at != l.Now().Add(time.Minute) {
		t.Errorf("NextDeadline = %v, %t", at, ok)
	}
}

func TestSchedule(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	r := lowlevel.Func(log.Callback("runnable"))
	lowlevel.Schedule(l, r)
	l.CallSoon(log.Callback("call"))
	lowlevel.Schedule(l, r) // once for each time that it was scheduled
	run(t, l)
	log.Want(t, "runnable", "call", "runnable")
}

func TestNilFunctionsAreRefused(t *testing.T) {
	l := newLoop(t)
	mustPanic(t, "loop: CallSoon of a nil function", func() { l.CallSoon(nil) })
	mustPanic(t, "loop: CallLater of a nil function", func() { l.CallLater(1, nil) })
	mustPanic(t, "loop: CallAt of a nil function", func() { l.CallAt(l.Now(), nil) })
	mustPanic(t, "loop: Post of a nil function", func() { _ = l.Post(nil) })
	run(t, l)
}

func TestScheduleAllOfANilPanics(t *testing.T) {
	l := newLoop(t)
	ran := lowlevel.Func(func() { t.Error("a Runnable of the refused call ran") })
	mustPanic(t, "loop: ScheduleAll of a nil at index 0; give it Runnables", func() { lowlevel.ScheduleAll(l, []loop.Runnable{nil, ran}) })
	mustPanic(t, "loop: ScheduleAll of a nil at index 1; give it Runnables", func() { lowlevel.ScheduleAll(l, []loop.Runnable{ran, nil}) })
	run(t, l)
}
