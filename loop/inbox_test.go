package loop_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/timer"
)

func TestPostKeepsTheOrderOfEachPoster(t *testing.T) {
	const posters, posts = 8, 500
	l := newLoop(t)
	release := l.Hold()
	var next [posters]int
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range posts {
				if err := l.Post(func() {
					if next[p] != i {
						t.Errorf("poster %d: call %d ran, want call %d next", p, i, next[p])
					}
					next[p] = i + 1
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		all.Wait()
		release()
	}()
	run(t, l)
	for p, n := range next {
		if n != posts {
			t.Errorf("poster %d: %d of %d calls ran", p, n, posts)
		}
	}
}

func TestPostWakesASleepingLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, loop.WithClock(timer.NewSystem()))
		f := future.New[string](l.Context())
		waiter := task.Go(l.Context(), f.Await)
		l.CallLater(time.Hour, func() { t.Error("the Post did not wake the loop") })
		waiter.OnDone(l.Stop)
		go func() {
			time.Sleep(time.Minute)
			if err := l.Post(func() { _ = f.SetResult("posted") }); err != nil {
				t.Error(err)
			}
		}()
		run(t, l)
		if v, err := waiter.Result(); v != "posted" || err != nil {
			t.Errorf("the waiter got %q, %v", v, err)
		}
		if l.Elapsed() != time.Minute {
			t.Errorf("the loop ran for %v", l.Elapsed())
		}
	})
}

// The same with the real clock of the machine: every round trip needs one wake-up.
func TestPostWakesARealLoopEveryTime(t *testing.T) {
	l := newLoop(t, loop.WithClock(timer.NewSystem()))
	ping, pong := make(chan int), make(chan int)
	go func() {
		for i := range ping {
			if err := l.Post(func() { pong <- i }); err != nil {
				t.Error(err)
			}
		}
		_ = l.Post(l.Stop)
	}()
	go func() {
		defer close(ping)
		for i := range 1000 {
			ping <- i
			if got := <-pong; got != i {
				t.Errorf("got %d, want %d", got, i)
			}
		}
	}()
	run(t, l)
}

func TestPostBeforeRunWaitsForIt(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	if err := l.Post(log.Callback("posted")); err != nil {
		t.Fatal(err)
	}
	log.Want(t)
	run(t, l)
	log.Want(t, "posted")
}

func TestPostedRunsBehindWhatIsReadyAndBeforeWhatIsDue(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallLater(0, log.Callback("due"))
	l.CallSoon(log.Callback("ready"))
	_ = l.Post(log.Callback("posted first"))
	_ = l.Post(log.Callback("posted second"))
	l.RunOnce()
	log.Want(t, "ready", "posted first", "posted second", "due")
}

func TestPostFromInsideTheLoopRunsInTheNextTurn(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	l.CallSoon(func() {
		log.Add("callback")
		_ = l.Post(log.Callback("of callback"))
	})
	spawn(l.Context(), "task", func(context.Context) error {
		log.Add("task")
		return l.Post(log.Callback("of task"))
	})
	l.RunOnce()
	log.Want(t, "callback", "task")
	l.RunOnce()
	log.Want(t, "of callback", "of task")
}

func TestPostAfterClose(t *testing.T) {
	l := newLoop(t)
	if err := l.Post(func() { t.Error("the function ran, although the loop was closed before") }); err != nil {
		t.Error(err)
	}
	l.Close()
	for range 2 { // the first Post changes nothing
		if err := l.Post(func() { t.Error("the function ran on a closed loop") }); err != loop.ErrClosed {
			t.Errorf("Post = %v, want ErrClosed", err)
		}
	}
}

func TestPanicOfPostedFunctionGoesToErrorHandler(t *testing.T) {
	var got []error
	l := newLoop(t, loop.WithErrorHandler(func(f loop.Failure) { got = append(got, f.Err) }))
	var log looptest.Journal
	_ = l.Post(func() { panic("oh") })
	_ = l.Post(log.Callback("next"))
	run(t, l)
	log.Want(t, "next")
	if p := (*loop.PanicError)(nil); len(got) != 1 || !errors.As(got[0], &p) || p.Value != "oh" {
		t.Errorf("the error handler got %v", got)
	}
}

// While a Post is owed, virtual time stands still, and a task that only this Post can wake is not
// deadlocked.
func TestHoldStopsVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t)
		var log looptest.Journal
		l.CallLater(time.Second, func() { log.Add("timer at %v", l.Elapsed()) })
		release := l.Hold()
		go func() {
			synctest.Wait() // the loop waits
			_ = l.Post(func() { log.Add("posted at %v", l.Elapsed()) })
			synctest.Wait()
			release()
		}()
		run(t, l)
		log.Want(t, "posted at 0s", "timer at 1s")
	})
}

func TestHoldDefersDeadlock(t *testing.T) {
	for name, opts := range map[string][]loop.Option{
		"virtual clock": nil,
		"real clock":    {loop.WithClock(timer.NewSystem()), loop.WithDeadlockDetection()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLoop(t, opts...)
				f := future.New[int](l.Context())
				spawn(l.Context(), "waiter", f.Wait)
				first, second := l.Hold(), l.Hold()
				returned := false
				go func() {
					synctest.Wait()
					first()
					first() // the second call does nothing
					synctest.Wait()
					if returned {
						t.Error("Run did not wait for the second Hold")
					}
					second()
				}()
				var deadlock *loop.DeadlockError
				if err := l.Run(); !errors.As(err, &deadlock) {
					t.Errorf("Run = %v, want a deadlock after both releases", err)
				}
				returned = true
			})
		})
	}
}

func TestHoldReleasedBeforeRunIsForgotten(t *testing.T) {
	l := newLoop(t)
	release := l.Hold()
	release()
	release()
	l.CallLater(time.Second, func() {})
	run(t, l)
	if l.Elapsed() != time.Second {
		t.Errorf("the clock stands at %v", l.Elapsed())
	}
}

// The loop takes in a Post that comes before the release before it reports a deadlock.
func TestHoldReleasedAfterPostLosesNothing(t *testing.T) {
	for range 200 {
		l := newLoop(t)
		f := future.New[int](l.Context())
		waiter := task.Go(l.Context(), f.Await)
		release := l.Hold()
		go func() {
			_ = l.Post(func() { _ = f.SetResult(1) })
			release()
		}()
		run(t, l)
		if !waiter.Done() {
			t.Fatal("the waiter has not ended")
		}
	}
}

// The loop keeps no reference to a posted function that has run.
func TestPostsAreLetGoOf(t *testing.T) {
	type large struct {
		_ [1 << 10]byte
		_ *large
	}
	l := newLoop(t)
	x := new(large)
	held := weak.Make(x)
	if err := l.Post(func() { runtime.KeepAlive(x) }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.CallSoon(func() {})
	}
	l.RunUntilIdle()
	for range 100 { // these overwrite its place in the ready queue
		l.CallSoon(func() {})
	}
	l.RunUntilIdle()
	runtime.GC()
	if held.Value() != nil {
		t.Error("the loop still refers to the function")
	}
	runtime.KeepAlive(l)
}
