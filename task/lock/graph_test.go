package lock_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/lock"
)

// deadlock runs main, which must end in a deadlock.
func deadlock(t *testing.T, main testkit.Body) *loop.DeadlockError {
	t.Helper()
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, main(ctx)
	}, loop.WithVirtualTime())
	var d *loop.DeadlockError
	if !errors.As(err, &d) {
		t.Fatalf("Run returned %v, want a deadlock", err)
	}
	return d
}

// wantGraph compares the output of WriteGraph with the lines of want.
func wantGraph(t *testing.T, l *loop.Loop, want ...string) {
	t.Helper()
	var b strings.Builder
	testkit.NoError(t, l.WriteGraph(&b, false))
	testkit.Equal(t, "the graph", strings.TrimSuffix(b.String(), "\n"), strings.Join(want, "\n"))
}

// names returns the names of tasks.
func names(tasks []*loop.Task) string {
	var all []string
	for _, t := range tasks {
		all = append(all, t.Name())
	}
	return strings.Join(all, " ")
}

// both returns a body that locks first, yields for a turn, and then locks second.
func both(first, second *lock.Mutex) testkit.Body {
	return func(ctx context.Context) error {
		if err := first.Lock(ctx); err != nil {
			return err
		}
		defer first.Unlock()
		if err := task.Yield(ctx); err != nil {
			return err
		}
		if err := second.Lock(ctx); err != nil {
			return err
		}
		second.Unlock()
		return nil
	}
}

func TestTwoLocksInOppositeOrder(t *testing.T) {
	var left, right lock.Mutex
	left.SetName("left")
	right.SetName("right")
	d := deadlock(t, func(ctx context.Context) error {
		a := testkit.Spawn(ctx, "A", both(&left, &right))
		b := testkit.Spawn(ctx, "B", both(&right, &left))
		_, err := task.Gather(a, b).Await(ctx)
		return err
	})
	testkit.Equal(t, "the circle", names(d.Cycle), "A B")
	testkit.Equal(t, "the tasks that are left", names(d.Tasks), "main A B")
	testkit.Equal(t, "the error", d.Error(), `loop: deadlock: nothing can wake the 3 tasks that are left
	main awaits a gather of 2
	A awaits mutex "right", held by "B"
	B awaits mutex "left", held by "A"
	in a circle: A -> B -> A`)
	testkit.Equal(t, "left is locked, now that the loop is closed", left.Locked(), false)
	testkit.Equal(t, "right is locked, now that the loop is closed", right.Locked(), false)
}

func TestTwoLocksInOppositeOrderAsAGraph(t *testing.T) {
	l := testkit.NewLoop(t)
	var left, right lock.Mutex
	left.SetName("left")
	testkit.Spawn(l.Context(), "A", both(&left, &right))
	testkit.Spawn(l.Context(), "B", both(&right, &left))
	testkit.Spawn(l.Context(), "C", left.Lock)
	l.RunUntilIdle()
	wantGraph(t, l,
		`C awaits mutex "left", held by "A"`,
		`└─ A awaits a mutex, held by "B"`,
		`   └─ B awaits mutex "left", held by "A"`,
		`      └─ A (above)`)
}

func TestLockingTwiceIsACircleOfOne(t *testing.T) {
	var m lock.Mutex
	d := deadlock(t, func(ctx context.Context) error {
		testkit.NoError(t, m.Lock(ctx))
		defer m.Unlock()
		return m.Lock(ctx)
	})
	testkit.Equal(t, "the circle", names(d.Cycle), "main")
	testkit.Equal(t, "the error", d.Error(), `loop: deadlock: nothing can wake the task that is left
	main awaits a mutex, held by "main"
	in a circle: main -> main`)
}

func TestGraphOfAMutexWithoutAHolder(t *testing.T) {
	l := testkit.NewLoop(t)
	var ended, tried, free lock.Mutex
	ended.SetName("of a task that has ended")
	tried.SetName("locked by the host")
	free.SetName("promised")
	testkit.Spawn(l.Context(), "forgetful", ended.Lock)
	l.RunUntilIdle()
	tried.TryLock()
	free.TryLock()
	testkit.Spawn(l.Context(), "A", ended.Lock)
	testkit.Spawn(l.Context(), "B", tried.Lock)
	testkit.Spawn(l.Context(), "C", free.Lock)
	l.RunUntilIdle()
	free.Unlock()
	wantGraph(t, l,
		`A awaits mutex "of a task that has ended", held by "forgetful", which has ended`,
		`B awaits mutex "locked by the host", which is locked`,
		`C awaits mutex "promised"`)
}

// Each type shows its name, or its kind if it has no name.
func TestGraphSaysNames(t *testing.T) {
	l := testkit.NewLoop(t)
	named, nameless := new(lock.Event), new(lock.Event)
	named.SetName("go")
	testkit.Spawn(l.Context(), "event", named.Wait)
	testkit.Spawn(l.Context(), "event without a name", nameless.Wait)

	s := lock.NewSemaphore(0)
	s.SetName("slots")
	testkit.Spawn(l.Context(), "semaphore", s.Acquire)
	testkit.Spawn(l.Context(), "semaphore again", s.Acquire)
	testkit.Spawn(l.Context(), "semaphore without a name", new(lock.Semaphore).Acquire)

	c := new(lock.Cond)
	c.SetName("changed")
	wait := func(c *lock.Cond) testkit.Body {
		return func(ctx context.Context) error {
			testkit.NoError(t, c.Lock(ctx))
			return c.Wait(ctx)
		}
	}
	testkit.Spawn(l.Context(), "cond", wait(c))
	testkit.Spawn(l.Context(), "cond without a name", wait(new(lock.Cond)))
	l.RunUntilIdle()
	wantGraph(t, l,
		`event awaits event "go"`,
		`event without a name awaits an event`,
		`semaphore awaits semaphore "slots" with 2 waiting`,
		`semaphore again awaits semaphore "slots" with 2 waiting`,
		`semaphore without a name awaits a semaphore with 1 waiting`,
		`cond awaits a signal of cond "changed"`,
		`cond without a name awaits a signal of a cond`)
}

// A barrier is made of a Cond, but the graph calls it a barrier, and shows its name.
func TestGraphSaysTheNameOfABarrier(t *testing.T) {
	l := testkit.NewLoop(t)
	b := lock.NewBarrier(2)
	b.SetName("start")
	a := task.Go(l.Context(), b.Wait)
	l.RunUntilIdle()
	if got := a.Task().Status(); !strings.Contains(got, `barrier "start"`) {
		t.Errorf(`a task at the barrier named start has the status %q, want barrier "start" in it`, got)
	}
}

// The mutex that a Cond owns has the name of the Cond.
func TestGraphSaysTheNameOfACondsOwnMutex(t *testing.T) {
	l := testkit.NewLoop(t)
	c := new(lock.Cond)
	c.SetName("changed")
	c.Mutex().TryLock()
	a := testkit.Spawn(l.Context(), "A", c.Lock)
	l.RunUntilIdle()
	if got := a.Task().Status(); !strings.Contains(got, `"changed"`) {
		t.Errorf(`a task that waits for the mutex of the cond named changed has the status %q, want "changed" in it`, got)
	}
}
