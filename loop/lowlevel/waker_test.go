package lowlevel_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

// nothing is the closed of a Waker without goroutines.
func nothing() {}

// add makes a Runnable that adds line to log.
func add(log *looptest.Journal, line string) loop.Runnable { return lowlevel.Func(log.Callback(line)) }

// spawn makes a task without a result.
func spawn(l *loop.Loop, name string, body func(ctx context.Context) error) *task.Task[struct{}] {
	return task.Go(l.Context(), func(ctx context.Context) (struct{}, error) { return struct{}{}, body(ctx) }, task.Named(name))
}

// A turn runs what it takes in in this order: posts, Wakers, ended contexts, channels, timers. Wakers
// run in the order in which they were called first, once for several calls.
func TestPlaceOfAWakerInATurn(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	a := lowlevel.NewWaker(l, add(&log, "a"), nothing)
	b := lowlevel.NewWaker(l, add(&log, "b"), nothing)
	from := make(chan int, 1)
	var cancel context.CancelFunc
	spawn(l, "channel", func(ctx context.Context) error {
		_, _, err := task.Recv(ctx, from)
		log.Add("channel")
		return err
	})
	spawn(l, "context", func(ctx context.Context) error {
		ctx, cancel = context.WithCancel(ctx)
		_ = future.New[int](ctx).Wait(ctx)
		log.Add("context")
		return nil
	})
	l.RunUntilIdle()
	l.CallLater(0, log.Callback("timer"))
	from <- 1
	cancel()
	b.Wake()
	a.Wake()
	b.Wake()
	_ = l.Post(log.Callback("post"))
	l.CallSoon(log.Callback("ready"))
	l.RunOnce()
	log.Want(t, "ready", "post", "b", "a", "context", "channel", "timer")
	l.RunUntilIdle()
	log.Want(t)
}

// A call in the Waker's own run, or after the loop has taken in the earlier calls, makes woken run in the
// next turn.
func TestWakeAgain(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	var w *lowlevel.Waker
	again := true
	w = lowlevel.NewWaker(l, lowlevel.Func(func() {
		log.Add("turn %d", l.Stats().Turns)
		if again {
			again = false
			w.Wake()
		}
	}), nothing)
	_ = l.Post(w.Wake) // the turn has taken in w already
	w.Wake()
	w.Wake()
	if !l.RunOnce() {
		t.Error("the loop does not know that another turn has something to run")
	}
	log.Want(t, "turn 1")
	if l.RunOnce() {
		t.Error("the loop expects another turn")
	}
	log.Want(t, "turn 2")
}

// If Wake is called while the loop does not run, woken runs in the next turn. RunOnce and its like do not
// wait for a Waker.
func TestWakerOfAHostLoop(t *testing.T) {
	for name, drive := range map[string]func(l *loop.Loop){
		"RunOnce":      func(l *loop.Loop) { l.RunOnce() },
		"RunUntilIdle": (*loop.Loop).RunUntilIdle,
		"RunFor":       func(l *loop.Loop) { l.RunFor(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Journal
			l := loop.New()
			defer l.Close()
			w := lowlevel.NewWaker(l, add(&log, "woken"), nothing)
			drive(l)
			log.Want(t)
			woken := make(chan struct{})
			go func() {
				defer close(woken)
				w.Wake()
			}()
			<-woken
			drive(l)
			log.Want(t, "woken")
			drive(l)
			log.Want(t)
		})
	}
}

// The loop has found nothing to do and goes to sleep. A Wake at any moment of that wakes it. On one
// processor the last case cannot fail.
func TestWakeOfALoopThatFallsAsleep(t *testing.T) {
	var w *lowlevel.Waker
	var moment string
	at := func(m string) {
		if m == moment {
			moment = ""
			w.Wake()
		}
	}
	l := loop.New(loop.WithClock(&told{timer.NewSystem(), func() { at("waits") }}), loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.Idle {
			at("idle")
		}
	}))
	defer l.Close()
	missed := l.CallLater(time.Minute, func() {
		t.Error("the loop has missed a Wake")
		l.Stop()
	})
	defer missed.Cancel()
	var runs atomic.Int64
	most := int64(1)
	w = lowlevel.NewWaker(l, lowlevel.Func(func() {
		if runs.Add(1) == most {
			l.Stop()
		}
	}), nothing)
	for _, moment = range []string{"idle", "waits"} {
		name := moment
		runs.Store(0)
		if err := l.Run(); err != nil || moment != "" {
			t.Errorf("%s: Wake was not called, or Run has failed: %v", name, err)
		}
	}
	runs.Store(0)
	most = 50_000
	w.Go(func() {
		for n := range most {
			for runs.Load() < n && !l.Closed() {
				runtime.Gosched()
			}
			for spin := range n % 100 { // so that the calls come at different moments
				_ = runs.Load() + spin
			}
			w.Wake()
		}
	})
	if err := l.Run(); err != nil {
		t.Error(err)
	}
}

// told is a clock that tells when the loop waits.
type told struct {
	timer.Clock
	waits func()
}

func (c *told) Wait(deadline int64, token <-chan struct{}) {
	c.waits()
	c.Clock.Wait(deadline, token)
}

// An observer calls Goexit while the loop takes in a post and a Wake. The loop forgets neither.
func TestWakeBeforeAGoexitOfAnObserver(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithVirtualTime(),
		loop.WithErrorHandler(func(f loop.Failure) { log.Add("%v", f.Kind) }),
		loop.WithObserver(func(e loop.Event) {
			if e.Kind == loop.Posted {
				runtime.Goexit()
			}
		}))
	defer l.Close()
	w := lowlevel.NewWaker(l, add(&log, "woken"), nothing)
	w.Wake()
	_ = l.Post(log.Callback("post"))
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.RunUntilIdle()
	}()
	<-over
	l.RunUntilIdle()
	log.Want(t, loop.ObserverFailed.String(), "post", "woken")
}

// Stop keeps woken from running, also if it is in the ready queue.
func TestStopOfAWakerThatIsReady(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithVirtualTime())
	w := lowlevel.NewWaker(l, add(&log, "woken"), log.Callback("closed"))
	_ = l.Post(func() {
		log.Add("stop")
		w.Stop()
		w.Stop()
	})
	w.Wake()
	l.RunUntilIdle()
	w.Wake()
	l.RunUntilIdle()
	l.Close()
	log.Want(t, "stop")
}

// The steps of Close: it unwinds the tasks. Their deferred calls may use, make and stop Wakers. It closes
// the Wakers that are left, in order of making. It runs the done functions of offloaded calls, and it
// waits for the goroutines.
func TestCloseOfALoopWithWakers(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithVirtualTime())
	ends, goroutineEnds := make(chan struct{}), make(chan struct{})
	stopped := lowlevel.NewWaker(l, add(&log, "woken"), log.Callback("closed: stopped"))
	var first *lowlevel.Waker
	first = lowlevel.NewWaker(l, add(&log, "woken"), func() {
		log.Add("closed: first")
		first.Wake() // does nothing
		first.Stop()
		close(ends)
	})
	lowlevel.NewWaker(l, add(&log, "woken"), log.Callback("closed: second"))
	lowlevel.Offload(l, func() { <-ends }, func() {
		log.Add("done")
		close(goroutineEnds)
	})
	spawn(l, "task", func(ctx context.Context) error {
		defer func() {
			log.Add("unwound")
			stopped.Stop()
			first.Go(func() {
				<-goroutineEnds
				log.Add("the goroutine ends")
			})
			first.Wake()
			lowlevel.NewWaker(l, add(&log, "woken"), log.Callback("closed: third"))
		}()
		return future.New[int](ctx).Wait(ctx)
	})
	l.RunUntilIdle()
	l.Close()
	first.Wake()
	first.Stop()
	log.Want(t, "unwound", "closed: first", "closed: second", "closed: third", "done", "the goroutine ends")
}

// If the closed of one Waker fails, Close still closes the others, and waits for the goroutines.
func TestClosedThatFails(t *testing.T) {
	for name, fail := range map[string]func(){
		"panic":  func() { panic("on purpose") },
		"Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Journal
			l := loop.New(loop.WithErrorHandler(func(f loop.Failure) { log.Add("%v", f.Kind) }))
			lowlevel.NewWaker(l, add(&log, "woken"), fail)
			ends := make(chan struct{})
			lowlevel.NewWaker(l, add(&log, "woken"), func() { close(ends) }).Go(func() {
				<-ends
				log.Add("the goroutine ends")
			})
			returned := false
			over := make(chan struct{})
			go func() {
				defer close(over)
				l.Close()
				returned = true
			}()
			<-over
			want := []string{"the goroutine ends"}
			if name == "panic" {
				want = append(want, loop.CallbackFailed.String())
			}
			log.Want(t, want...)
			if returned != (name == "panic") || !l.Closed() {
				t.Errorf("Close has returned: %t; the loop is closed: %t", returned, l.Closed())
			}
		})
	}
}

// A loop with a real clock is not deadlocked while it has a Waker that is not stopped.
func TestDeadlockWithWakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loop.New(loop.WithDeadlockDetection())
		defer l.Close()
		f := future.New[int](l.Context())
		var err error
		spawn(l, "waits", func(ctx context.Context) error { return future.New[int](ctx).Wait(ctx) })
		waits := spawn(l, "waits for the Waker", f.Wait)
		w := lowlevel.NewWaker(l, lowlevel.Func(func() { _ = f.SetResult(1) }), nothing)
		over := make(chan struct{})
		go func() {
			defer close(over)
			err = l.Run()
		}()
		synctest.Wait()
		select {
		case <-over:
			t.Fatalf("Run returns %v while a Waker is there", err)
		default:
		}
		w.Wake()
		synctest.Wait()
		if !waits.Done() {
			t.Error("the task waits after the Wake")
		}
		_ = l.Post(w.Stop)
		<-over
		if deadlock := new(loop.DeadlockError); !errors.As(err, &deadlock) || len(deadlock.Tasks) != 1 || strings.Contains(err.Error(), "Waker") {
			t.Errorf("after Stop, Run returns %v", err)
		}
	})
}

// A virtual clock does not wait for a Waker, unless an announcement is open.
func TestVirtualClockAndWakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log looptest.Journal
		l := loop.New(loop.WithVirtualTime())
		defer l.Close()
		w := lowlevel.NewWaker(l, lowlevel.Func(func() { log.Add("woken at %v", l.Elapsed()) }), nothing)
		release := l.Hold()
		l.CallLater(time.Hour, func() { log.Add("the timer fires at %v", l.Elapsed()) })
		w.Go(func() {
			synctest.Wait() // until the loop sleeps
			w.Wake()
			release()
		})
		if err := l.Run(); err != nil {
			t.Error(err)
		}
		log.Want(t, "woken at 0s", "the timer fires at 1h0m0s")
		spawn(l, "alone", future.New[int](l.Context()).Wait)
		err := l.Run()
		want := "loop: deadlock: nothing can wake the task that is left\n\talone awaits a future\n" +
			"\tif another goroutine will call Wake of a Waker, announce it by Loop.Hold"
		if err == nil || err.Error() != want {
			t.Errorf("Run returns\n%v\nwant\n%s", err, want)
		}
	})
}

// If a goroutine calls Wake and then does something else, the loop never takes in the second event before
// the first, also if both happen while the loop takes in events.
func TestWakeComesBeforeWhatTheCallerDoesNext(t *testing.T) {
	for name, test := range map[string]func(l *loop.Loop, w *lowlevel.Waker, log *looptest.Journal) (next func()){
		"the end of an offloaded call": func(l *loop.Loop, w *lowlevel.Waker, log *looptest.Journal) func() {
			gate := make(chan struct{})
			lowlevel.Offload(l, func() {
				<-gate
				w.Wake()
			}, log.Callback("next"))
			return func() { close(gate) }
		},
		"the end of a context": func(l *loop.Loop, w *lowlevel.Waker, log *looptest.Journal) func() {
			var cancel context.CancelFunc
			spawn(l, "waiter", func(ctx context.Context) error {
				ctx, cancel = context.WithCancel(ctx)
				_ = future.New[int](ctx).Wait(ctx)
				log.Add("next")
				return nil
			})
			return func() {
				go func() {
					w.Wake()
					cancel()
				}()
			}
		},
		"a post": func(l *loop.Loop, w *lowlevel.Waker, log *looptest.Journal) func() {
			return func() {
				go func() {
					w.Wake()
					_ = l.Post(log.Callback("next"))
				}()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log looptest.Journal
				var after func()
				l := loop.New(loop.WithObserver(func(e loop.Event) {
					if e.Kind == loop.Posted && after != nil { // the loop takes in the first post
						next := after
						after = nil
						next()
						synctest.Wait()
					}
				}))
				defer l.Close()
				w := lowlevel.NewWaker(l, add(&log, "woken"), nothing)
				next := test(l, w, &log)
				l.RunUntilIdle()
				after = next
				_ = l.Post(log.Callback("first post"))
				l.RunUntilIdle()
				if name == "a post" { // both in one turn, where posts come first
					log.Want(t, "first post", "next", "woken")
				} else {
					log.Want(t, "first post", "woken", "next")
				}
			})
		})
	}
}

// A Waker can be called while a loop with a virtual clock is never idle, also where all goroutines share
// one thread.
func TestWakeOfABusyLoop(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	woken := false
	w := lowlevel.NewWaker(l, lowlevel.Func(func() { woken = true }), nothing)
	busy := spawn(l, "busy", func(ctx context.Context) error {
		w.Go(w.Wake)
		for !woken {
			if err := task.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err := l.Run(); err != nil || busy.Err() != nil {
		t.Errorf("Run returns %v, and the task %v", err, busy.Err())
	}
}

// A call of Wake comes before a value that the same goroutine sends next, if the loop is asleep.
func TestWakeBeforeASendWhileAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log looptest.Journal
		l := loop.New()
		defer l.Close()
		w := lowlevel.NewWaker(l, add(&log, "woken"), nothing)
		values := make(chan int)
		spawn(l, "receiver", func(ctx context.Context) error {
			_, _, err := task.Recv(ctx, values)
			log.Add("received")
			l.Stop()
			return err
		})
		w.Go(func() {
			synctest.Wait() // until the loop sleeps
			w.Wake()
			values <- 1
		})
		if err := l.Run(); err != nil {
			t.Error(err)
		}
		log.Want(t, "woken", "received")
	})
}

// Stop and Go find out in debug mode that another goroutine calls them. NewWaker finds out that it comes too
// late: in the closed of another Waker.
func TestMisuseOfAWaker(t *testing.T) {
	var log looptest.Journal
	l := loop.New(loop.WithDebug(), loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		log.Add("%v", f.Err)
	}))
	w := lowlevel.NewWaker(l, add(&log, "woken"), func() {
		lowlevel.NewWaker(l, add(&log, "woken"), nothing)
	})
	l.CallSoon(func() {
		over := make(chan struct{})
		go func() {
			defer close(over)
			for _, call := range []func(){w.Stop, func() { w.Go(nothing) }} {
				func() {
					defer func() { log.Add("%v", recover()) }()
					call()
				}()
			}
		}()
		<-over
	})
	l.RunUntilIdle()
	l.Close()
	log.Want(t,
		"loop: Waker.Stop from another goroutine than the loop's; use Post",
		"loop: Waker.Go from another goroutine than the loop's; use Post",
		"panic in a callback: loop: NewWaker on a loop that is being closed; only the body of a task may call it then")
}
