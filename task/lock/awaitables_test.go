package lock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// What Locking and Acquiring have in common, beside what turnstiles have.
type asker struct {
	turnstile
	ask func(ctx context.Context) *future.Future[struct{}]
}

func askers() []asker {
	m := new(lock.Mutex)
	s := lock.NewSemaphore(1)
	b := lock.NewBounded(1)
	return []asker{
		{turnstile{"Mutex", m.Lock, m.Unlock, m.TryLock}, m.Locking},
		{turnstile{"Semaphore", s.Acquire, s.Release, s.TryAcquire}, s.Acquiring},
		{turnstile{"bounded Semaphore", b.Acquire, b.Release, b.TryAcquire}, b.Acquiring},
	}
}

func forEachAsker(t *testing.T, test func(t *testing.T, l *loop.Loop, s asker)) {
	for _, s := range askers() {
		t.Run(s.name, func(t *testing.T) { test(t, testkit.NewLoop(t), s) })
	}
}

// giveUp is what a holder does that wants nothing of p any more.
func giveUp(p *future.Future[struct{}], leave func()) {
	if !p.Cancel(nil) && p.Err() == nil {
		leave()
	}
}

// wantFree fails the test unless s is free for one.
func wantFree(t *testing.T, s asker) {
	t.Helper()
	if !s.try() {
		t.Errorf("the %s is not free", s.name)
	} else if s.leave(); s.try() {
		s.leave()
	}
}

func TestAskingForWhatIsFreeIsDoneAtOnce(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		p := s.ask(l.Context())
		testkit.Equal(t, "done", p.Done(), true)
		testkit.NoError(t, p.Err())
		testkit.Equal(t, "free for another", s.try(), false)
		testkit.Equal(t, "Cancel", p.Cancel(nil), false)
		s.leave()
		wantFree(t, s)
	})
}

// A future is done inside the call that gives, but nothing runs there.
func TestAskedIsGivenInTheCall(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		var j looptest.Journal
		s.try()
		first, second := s.ask(l.Context()), s.ask(l.Context())
		first.OnDone(func() { j.Add("first") })
		l.RunUntilIdle()
		testkit.Equal(t, "done too early", first.Done(), false)
		s.leave()
		testkit.Equal(t, "done", first.Done(), true)
		testkit.Equal(t, "second is done too", second.Done(), false)
		testkit.Equal(t, "free for another", s.try(), false)
		j.Want(t)
		l.RunOnce()
		j.Want(t, "first")
		s.leave()
		testkit.Equal(t, "second", second.Done(), true)
		s.leave()
		wantFree(t, s)
	})
}

func TestAskedAndCanceled(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		s.try()
		first, second, third := s.ask(l.Context()), s.ask(l.Context()), s.ask(l.Context())
		testkit.Equal(t, "Cancel of the second", second.Cancel(testkit.ErrCause), true)
		var c *loop.CanceledError
		if !errors.As(second.Err(), &c) || c.Cause != testkit.ErrCause {
			t.Errorf("the error is %v, want a cancellation with %v", second.Err(), testkit.ErrCause)
		}
		s.leave()
		testkit.Equal(t, "the first", first.Done(), true)
		testkit.Equal(t, "Cancel of the first, which has it", first.Cancel(nil), false)
		testkit.Equal(t, "the third, too early", third.Done(), false)
		s.leave()
		testkit.Equal(t, "the third, in place of the second", third.Done(), true)
		s.leave()
		wantFree(t, s)
	})
}

// Canceling a task that awaits the future gives the place back. One that is canceled just
// as the future was done has what it asked for, and gives that up.
func TestAskedByATaskThatIsCanceled(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		for _, moment := range []string{"before", "after"} {
			s.try()
			p := s.ask(l.Context())
			a := testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
				if err := p.Wait(ctx); err != nil {
					giveUp(p, s.leave)
					return err
				}
				return errors.New("it was not told")
			})
			l.RunUntilIdle()
			if moment == "before" {
				a.Cancel(testkit.ErrCause)
				testkit.Equal(t, "canceled", p.Canceled(), true)
				s.leave()
			} else {
				s.leave()
				a.Cancel(testkit.ErrCause)
				testkit.Equal(t, "canceled", p.Canceled(), false)
				testkit.Equal(t, "free", s.try(), false)
			}
			l.RunUntilIdle()
			testkit.ErrorIs(t, a.Err(), future.ErrCanceled)
			wantFree(t, s)
		}
	})
}

// The end of the task that asked changes nothing.
func TestAskedByATaskThatHasEnded(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		s.try()
		var p *future.Future[struct{}]
		testkit.Spawn(l.Context(), "A", func(ctx context.Context) error {
			p = s.ask(ctx)
			return nil
		})
		l.RunUntilIdle()
		testkit.Equal(t, "done", p.Done(), false)
		s.leave()
		testkit.Equal(t, "done", p.Done(), true)
		testkit.Equal(t, "free", s.try(), false)
		s.leave()
		wantFree(t, s)
	})
}

// A loop that is closed, or is being closed, gives nothing to futures.
func TestAskedOfALoopThatIsClosed(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		holder := testkit.Spawn(l.Context(), "holder", func(ctx context.Context) error {
			if err := s.enter(ctx); err != nil {
				return err
			}
			defer s.leave()
			return testkit.SleepForever(ctx)
		})
		p := make([]*future.Future[struct{}], 3)
		for at := range p {
			testkit.Spawn(l.Context(), "asks", func(ctx context.Context) error {
				p[at] = s.ask(ctx)
				return p[at].Wait(ctx)
			})
		}
		l.RunUntilIdle()
		p[2].OnDone(func() { t.Error("a callback ran on a loop that was closed") })
		l.Close()
		testkit.Equal(t, "the holder has ended", holder.Task().Done(), true)
		for _, p := range p {
			testkit.Equal(t, "done", p.Done(), false)
			testkit.Equal(t, "Cancel", p.Cancel(nil), false)
		}
		wantFree(t, s)
	})
}

// What is given after the loop was closed goes past the futures that are left.
func TestAskedAndGivenOnceTheLoopIsClosed(t *testing.T) {
	forEachAsker(t, func(t *testing.T, l *loop.Loop, s asker) {
		s.try()
		p := s.ask(l.Context())
		p.OnDone(func() {})
		l.Close()
		s.leave()
		testkit.Equal(t, "done", p.Done(), false)
		wantFree(t, s)
	})
}

func TestWaitingForAnEvent(t *testing.T) {
	l := testkit.NewLoop(t)
	var e lock.Event
	var j looptest.Journal
	e.Set()
	testkit.Equal(t, "done, as it is set", e.Waiting(l.Context()).Done(), true)
	e.Clear()
	first, second := e.Waiting(l.Context()), e.Waiting(l.Context())
	testkit.Equal(t, "Cancel", first.Cancel(nil), true)
	second.OnDone(func() { j.Add("second") })
	e.Set()
	e.Clear()
	testkit.Equal(t, "done, though it was cleared", second.Done(), true)
	l.RunOnce()
	j.Want(t, "second")
	third := e.Waiting(l.Context())
	l.Close()
	e.Set()
	testkit.Equal(t, "done on a loop that is closed", third.Done(), false)
}

// Reports say the same as of tasks that call the methods.
func TestGraphOfWhatIsAsked(t *testing.T) {
	l := testkit.NewLoop(t)
	var m lock.Mutex
	m.SetName("left")
	s := lock.NewSemaphore(0)
	e := new(lock.Event)
	e.SetName("go")
	on := func(name string, ask func(ctx context.Context) *future.Future[struct{}]) {
		task.GoMachine(l.Context(), task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			return 0, task.On(ask(ctx)), err
		}), task.Named(name))
	}
	testkit.Spawn(l.Context(), "holder", func(ctx context.Context) error {
		testkit.NoError(t, m.Locking(ctx).Wait(ctx))
		return testkit.SleepForever(ctx)
	})
	on("mutex", m.Locking)
	on("semaphore", s.Acquiring)
	on("event", e.Waiting)
	l.RunUntilIdle()
	wantGraph(t, l,
		`mutex awaits mutex "left", held by "holder"`,
		`└─ holder sleeps until 2562047h47m16.854775807s`,
		`semaphore awaits a semaphore with 1 waiting`,
		`event awaits event "go"`)
}

// A deadlock among machines is a circle, and a future that no code awaits may be its reason.
func TestDeadlockOfWhatIsAsked(t *testing.T) {
	var m lock.Mutex
	d := deadlock(t, func(ctx context.Context) error {
		testkit.NoError(t, m.Locking(ctx).Wait(ctx))
		defer m.Unlock()
		return m.Locking(ctx).Wait(ctx)
	})
	testkit.Equal(t, "the error", d.Error(), `loop: deadlock: nothing can wake the task that is left
	main awaits a mutex, held by "main"
	in a circle: main -> main`)

	m = lock.Mutex{}
	d = deadlock(t, func(ctx context.Context) error {
		m.TryLock()
		a := testkit.Spawn(ctx, "A", func(ctx context.Context) error {
			m.Locking(ctx)
			return nil
		})
		testkit.NoError(t, a.Wait(ctx))
		m.Unlock()
		return m.Lock(ctx)
	})
	testkit.Equal(t, "the error", d.Error(), `loop: deadlock: nothing can wake the task that is left
	main awaits a mutex, held by "A", which has ended`)
}
