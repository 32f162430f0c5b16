package loop_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// operation is a Port that sends v, or receives.
type operation struct {
	id    int
	ch    chan int
	sends bool
	v     int
	log   *looptest.Journal
	tries *int
}

func (o *operation) Try() bool {
	*o.tries++
	if o.sends {
		select {
		case o.ch <- o.v:
			o.log.Add("%d sends", o.id)
			return true
		default:
			return false
		}
	}
	select {
	case v := <-o.ch:
		o.log.Add("%d receives %d", o.id, v)
		return true
	default:
		return false
	}
}

func (o *operation) Case() reflect.SelectCase {
	if o.sends {
		return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(o.ch), Send: reflect.ValueOf(o.v)}
	}
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(o.ch)}
}

func (o *operation) Selected(v reflect.Value, _ bool) {
	if o.sends {
		o.log.Add("%d meets", o.id)
	} else {
		o.log.Add("%d meets %d", o.id, v.Int())
	}
}

// slowPorts is a simple model of ports, a slice. The test compares the ports with it.
type slowPorts []*operation

func (q *slowPorts) poll() {
	type end struct {
		ch    chan int
		sends bool
	}
	waits := map[end]*operation{}
	passed := map[end]bool{} // ends with a port that waits: no later port may overtake it
	gone := map[*operation]bool{}
	for _, o := range *q {
		own, opposite := end{o.ch, o.sends}, end{o.ch, !o.sends}
		switch peer := waits[opposite]; {
		case waits[own] != nil || passed[own]:
			passed[own] = true
		case o.Try():
			gone[o] = true
		case peer == nil || cap(o.ch) > 0:
			waits[own] = o
		default:
			delete(waits, opposite)
			gone[o], gone[peer] = true, true
			sender, receiver := o, peer
			if peer.sends {
				sender, receiver = peer, o
			}
			receiver.Selected(reflect.ValueOf(sender.v), true)
			sender.Selected(reflect.Value{}, true)
		}
	}
	*q = slices.DeleteFunc(*q, func(o *operation) bool { return gone[o] })
}

func TestPortsAreAsInASlice(t *testing.T) {
	for seed := range uint64(60) {
		chance := rand.New(rand.NewPCG(seed, 2))
		l := newLoop(t, loop.WithVirtualTime())
		var got, want looptest.Journal
		var ignored, tries, most int
		var channels, shadows []chan int // the same operations happen to both
		for size := range 6 {
			channels, shadows = append(channels, make(chan int, max(0, size-3))), append(shadows, make(chan int, max(0, size-3)))
		}
		var slow slowPorts
		handles := map[int]lowlevel.PortHandle{}
		for id := range 400 {
			k := chance.IntN(len(channels))
			switch chance.IntN(10) {
			default:
				sends := chance.IntN(2) == 0
				handles[id] = lowlevel.AddPort(l, &operation{id, channels[k], sends, id, &got, &tries})
				slow = append(slow, &operation{id, shadows[k], sends, id, &want, &ignored})
			case 0, 1, 2:
				at := chance.IntN(id + 1)
				in := slices.IndexFunc(slow, func(o *operation) bool { return o.id == at })
				if removed := handles[at].Remove(); removed != (in >= 0) {
					t.Fatalf("Remove of %d is %t, want %t", at, removed, in >= 0)
				}
				if in >= 0 {
					slow = slices.Delete(slow, in, in+1)
				}
			case 3: // a goroutine outside of the loop
				select {
				case channels[k] <- -id:
					shadows[k] <- -id
				default:
				}
			case 4:
				select {
				case <-channels[k]:
					<-shadows[k]
				default:
				}
			case 5, 6:
				tries = 0
				l.RunOnce()
				slow.poll()
				most = max(most, tries)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("ports did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if len(want) == 0 || most == 0 {
			t.Error("no port performed its operation")
		}
	}
}

// A turn looks at one port of each channel and direction, even if many ports wait for it.
func TestATurnTriesOnePortOfEachChannelAndDirection(t *testing.T) {
	l := newLoop(t, loop.WithVirtualTime())
	var log looptest.Journal
	tries := 0
	var channels []chan int
	var handles []lowlevel.PortHandle
	for c := range 50 {
		channels = append(channels, make(chan int, 1))
		for id := range 100 {
			handles = append(handles, lowlevel.AddPort(l, &operation{100*c + id, channels[c], false, 0, &log, &tries}))
		}
	}
	l.RunOnce()
	if tries != 50 {
		t.Errorf("%d tries for 50 channels", tries)
	}
	channels[7] <- 1
	tries = 0
	l.RunOnce()
	log.Want(t, "700 receives 1")
	if tries != 51 { // also the port behind the port that was served
		t.Errorf("%d tries, want 51", tries)
	}
	for id, h := range handles {
		if id%100 < 99 {
			h.Remove()
		}
	}
	tries = 0
	l.RunOnce()
	if tries != 50 {
		t.Errorf("%d tries for the last of each of 50 channels", tries)
	}
	for _, h := range handles {
		h.Remove()
	}
	tries = 0
	l.RunOnce()
	if tries != 0 {
		t.Errorf("%d tries of ports that were removed", tries)
	}
}

func TestPortHandles(t *testing.T) {
	l := newLoop(t, loop.WithVirtualTime())
	var log looptest.Journal
	tries := 0
	ch := make(chan int, 1)
	if (lowlevel.PortHandle{}).Remove() {
		t.Error("Remove of the zero PortHandle returned true")
	}
	a := lowlevel.AddPort(l, &operation{1, ch, true, 5, &log, &tries})
	b := lowlevel.AddPort(l, &operation{2, ch, true, 6, &log, &tries})
	l.RunOnce()
	log.Want(t, "1 sends")
	if a.Remove() || !b.Remove() || b.Remove() {
		t.Error("Remove must return true once for a port that waits, and false in every other case")
	}
	c := lowlevel.AddPort(l, &operation{3, ch, true, 7, &log, &tries})
	l.Close()
	if c.Remove() {
		t.Error("Remove of a port of a closed loop returned true")
	}
}

// meddling is a Port with a Try that calls a function of the test.
type meddling struct {
	operation
	do func()
}

func (m *meddling) Try() bool {
	m.do()
	return m.operation.Try()
}

// A port that a Try adds is tried in the next turn. A port that a Try removes is not tried any more.
func TestPortsThatChangeOthers(t *testing.T) {
	l := newLoop(t, loop.WithVirtualTime())
	var log looptest.Journal
	tries := 0
	full := func() chan int {
		ch := make(chan int, 1)
		ch <- 1
		return ch
	}
	var victim, itself lowlevel.PortHandle
	once := false
	lowlevel.AddPort(l, &meddling{operation{1, make(chan int, 1), false, 0, &log, &tries}, func() {
		if !once {
			once = true
			lowlevel.AddPort(l, &operation{4, full(), false, 0, &log, &tries})
			victim.Remove()
		}
	}})

	victim = lowlevel.AddPort(l, &operation{2, full(), false, 0, &log, &tries})
	itself = lowlevel.AddPort(l, &meddling{operation{3, make(chan int, 1), false, 0, &log, &tries}, func() { itself.Remove() }})
	l.RunOnce()
	log.Want(t)
	l.RunOnce()
	log.Want(t, "4 receives 1")
	tries = 0
	l.RunOnce()
	if tries != 1 {
		t.Errorf("%d tries, want that of 1", tries)
	}
}

// If the Try of a port panics, or ends the driver, the port is removed. No other port is lost.
func TestAPortThatPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("ouch") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			failures := 0
			l := newLoop(t, loop.WithVirtualTime(), loop.WithErrorHandler(func(loop.Failure) { failures++ }))
			var log looptest.Journal
			tries := 0
			var channels []chan int
			for range 3 {
				channels = append(channels, make(chan int, 1))
			}
			lowlevel.AddPort(l, &operation{1, channels[0], false, 0, &log, &tries})
			lowlevel.AddPort(l, &operation{2, channels[0], false, 0, &log, &tries})
			h := lowlevel.AddPort(l, &meddling{operation{3, channels[1], false, 0, &log, &tries}, end})
			lowlevel.AddPort(l, &operation{4, channels[2], false, 0, &log, &tries})
			channels[0] <- 1
			exited := !inGoroutine(func() { l.RunOnce() })
			if wantFailures := map[bool]int{true: 0, false: 1}[exited]; exited != (name == "Goexit") || failures != wantFailures {
				t.Errorf("the driver ended: %v; %d failures, want %d", exited, failures, wantFailures)
			}
			log.Want(t, "1 receives 1")
			if h.Remove() {
				t.Error("the port still waits")
			}
			channels[0] <- 2
			channels[2] <- 3
			l.RunOnce()
			log.Want(t, "2 receives 2", "4 receives 3")
		})
	}
}

// If a port becomes the first of its line after its place in the turn has passed, this port and the
// ports behind it wait for the next turn.
func TestNoPortOvertakesAnother(t *testing.T) {
	l := newLoop(t, loop.WithVirtualTime())
	var log looptest.Journal
	tries := 0
	ch := make(chan int)
	for id, sends := range []bool{false, false, true, false, true} {
		lowlevel.AddPort(l, &operation{id, ch, sends, id, &log, &tries})
	}
	l.RunOnce()
	log.Want(t, "0 meets 2", "2 meets")
	l.RunOnce()
	log.Want(t, "1 meets 4", "4 meets")
}

// told is a Port that also calls a function of the test when the loop has performed its operation.
type told struct {
	operation
	then func()
}

func (o *told) Selected(v reflect.Value, ok bool) {
	o.operation.Selected(v, ok)
	o.then()
}

// A port that a Try removes performs no operation any more: neither the port of the Try itself, nor the
// port at the other end of the channel.
func TestPortsThatChangeWhomTheyMeet(t *testing.T) {
	for _, itself := range []bool{true, false} {
		l := newLoop(t)
		var log looptest.Journal
		tries := 0
		ch := make(chan int)
		receiver := lowlevel.AddPort(l, &operation{1, ch, false, 0, &log, &tries})
		var sender lowlevel.PortHandle
		sender = lowlevel.AddPort(l, &meddling{operation{2, ch, true, 0, &log, &tries}, func() {
			if itself {
				sender.Remove()
			} else {
				receiver.Remove()
			}
		}})

		l.RunOnce()
		log.Want(t)
		if itself == sender.Remove() || itself != receiver.Remove() {
			t.Error("the other port does not wait any more")
		}
	}
}

// A port becomes the first of its line just before the loop goes to sleep. The loop waits for it too,
// and the port has its place in the next turn.
func TestIdleLoopWaitsForALatePort(t *testing.T) {
	var channels []chan int
	for range 4 {
		channels = append(channels, make(chan int))
	}
	var victim lowlevel.PortHandle
	sent := make(chan none)
	once := false
	l := newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.Idle && !once {
			once = true
			victim.Remove()
			go func() {
				defer close(sent)
				channels[2] <- 1
			}()
		}
	}))
	var log looptest.Journal
	tries := 0
	port := func(id, ch int) *operation { return &operation{id, channels[ch], false, 0, &log, &tries} }
	lowlevel.AddPort(l, port(1, 0))
	victim = lowlevel.AddPort(l, port(2, 1))
	lowlevel.AddPort(l, port(3, 1))
	lowlevel.AddPort(l, &told{*port(4, 2), l.Stop})
	lowlevel.AddPort(l, port(5, 3))
	run(t, l)
	<-sent
	log.Want(t, "4 meets 1")
	tries = 0
	l.RunOnce()
	if tries != 3 {
		t.Errorf("%d tries for three ports", tries)
	}
}

// A channel that is closed while an idle loop waits to send on it wakes the loop.
func TestIdleLoopNoticesAClosedChannel(t *testing.T) {
	failures := 0
	ch := make(chan int)
	var l *loop.Loop
	l = newLoop(t, loop.WithClock(timer.NewSystem()), loop.WithErrorHandler(func(loop.Failure) {
		failures++
		l.Stop()
	}), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.Idle {
			close(ch)
		}
	}))
	var log looptest.Journal
	tries := 0
	lowlevel.AddPort(l, &operation{1, ch, true, 1, &log, &tries})
	run(t, l)
	if failures != 1 {
		t.Errorf("%d failures, want one, of the send on a closed channel", failures)
	}
}

// A loop keeps no reference to a port that has ended, also while other ports wait.
func TestPortsThatHaveGoneAreNotHeld(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	tries := 0
	var ports []weak.Pointer[operation]
	add := func(ch chan int) lowlevel.PortHandle {
		o := &operation{len(ports), ch, false, 0, &log, &tries}
		ports = append(ports, weak.Make(o))
		return lowlevel.AddPort(l, o)
	}
	last := add(make(chan int))
	var handles []lowlevel.PortHandle
	for range 8 {
		ch := make(chan int, 2)
		ch <- 1
		ch <- 2
		for range 3 { // the first is served at its place, the second is late, and the third is removed
			handles = append(handles, add(ch))
		}
		add(ch).Remove() // before the loop has looked at it
	}
	l.RunOnce()
	for i, h := range handles {
		if i%3 == 2 {
			h.Remove()
		}
	}
	l.RunOnce()
	handles = nil
	held := func(ports []weak.Pointer[operation]) {
		t.Helper()
		runtime.GC()
		for i, p := range ports {
			if p.Value() != nil {
				t.Errorf("the loop still refers to port %d of %d", i, len(ports))
			}
		}
	}
	held(ports[1:])
	last.Remove()
	last = lowlevel.PortHandle{}
	held(ports)
	runtime.KeepAlive(l)
}

// selectedFails is a Port with a Selected that panics.
type selectedFails struct{ ch chan int }

func (p selectedFails) Try() bool { return false }

func (p selectedFails) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.ch)}
}

func (p selectedFails) Selected(reflect.Value, bool) { panic(errForeign) }

// A panic in Selected while the loop sleeps goes to the error handler, as a panic in Try does, and the
// loop goes on.
func TestSelectedThatPanicsWhileTheLoopSleeps(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told), loop.WithClock(timer.NewSystem()))
	ch := make(chan int)
	lowlevel.AddPort(l, selectedFails{ch})
	go func() {
		ch <- 1
		_ = l.Post(l.Stop)
	}()
	run(t, l)
	if len(told) != 1 || told[0].Kind != loop.CallbackFailed || !errors.Is(told[0].Err, errForeign) {
		t.Errorf("the error handler got %v, want CallbackFailed", told)
	}
}

// quiet is a Port with an operation that wakes nothing. If try is not nil, Try calls it first.
type quiet struct {
	operation
	try func() bool
}

func (q *quiet) Try() bool { return q.try != nil && q.try() || q.operation.Try() }

// A port becomes the first of its line after its place in a poll has passed, and the loop goes to sleep
// after that poll. Then the loop selects on the port too. This holds for every poll.
func TestPortThatIsFirstBehindItsPlaceIsSelected(t *testing.T) {
	for poll := range 6 {
		synctest.Test(t, func(t *testing.T) {
			l := newLoop(t, loop.WithClock(timer.NewSystem()))
			var log looptest.Journal
			tries := 0
			a, b := make(chan int), make(chan int)
			receives := func(id int, ch chan int) operation { return operation{id, ch, false, 0, &log, &tries} }
			first := lowlevel.AddPort(l, &quiet{receives(1, a), nil})
			lowlevel.AddPort(l, &quiet{receives(2, a), nil})
			polls := 0
			lowlevel.AddPort(l, &quiet{receives(3, b), func() bool {
				polls++
				return polls == poll && first.Remove()
			}})

			go func() {
				synctest.Wait() // the loop sleeps
				select {
				case a <- 7:
				default:
					t.Errorf("removed in poll %d: no port receives the value", poll)
				}
				_ = l.Post(l.Stop)
			}()
			run(t, l)
			if len(log) != 1 || log[0] != "1 meets 7" && log[0] != "2 meets 7" {
				t.Errorf("removed in poll %d: %q", poll, log)
			}
		})
	}
}

// failing is a clock that fails when the loop is woken.
type failing struct {
	*timer.System
	asleep func() // called when the loop has gone to sleep
}

var errWoken = errors.New("woken")

func (c failing) Wait(_ int64, wake <-chan struct{}) {
	c.asleep()
	<-wake
	panic(errWoken)
}

// What the loop has received while it was asleep is not lost where the clock fails: the next turn
// hands it on, and so does Close.
func TestReceivedWhileTheClockFails(t *testing.T) {
	for name, after := range map[string]func(l *loop.Loop){
		"the next turn": func(l *loop.Loop) { l.RunOnce(); l.RunOnce() },
		"Close":         (*loop.Loop).Close,
	} {
		t.Run(name, func(t *testing.T) {
			ch, sent := make(chan int), make(chan struct{})
			l := newLoop(t, loop.WithClock(failing{timer.NewSystem(), func() {
				go func() {
					defer close(sent)
					ch <- 7
				}()
			}}))
			var got int
			spawn(l.Context(), "receiver", func(ctx context.Context) (err error) {
				got, _, err = task.Recv(ctx, ch)
				return err
			})
			func() {
				defer func() {
					if p := recover(); p != errWoken {
						t.Errorf("Run panicked with %v", p)
					}
				}()
				_ = l.Run()
			}()
			<-sent
			after(l)
			if got != 7 {
				t.Errorf("the receiver got %d, want 7", got)
			}
		})
	}
}
