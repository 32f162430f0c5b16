package loop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

func TestSetTaskFactory(t *testing.T) {
	l := newLoop(t)
	var log looptest.Journal
	spawnIn := func(name string) {
		spawn(l.Context(), name, func(context.Context) error {
			log.Add("%s", name)
			return nil
		})
		log.Add("%s was made", name)
	}
	l.CallSoon(func() {
		spawnIn("lazy")
		l.SetTaskFactory(factory.Eager)
		spawnIn("eager")
		l.SetTaskFactory(nil)
		spawnIn("lazy again")
	})
	l.RunUntilIdle()
	log.Want(t, "lazy was made", "eager", "eager was made", "lazy again was made", "lazy", "lazy again")
}

func TestSetErrorHandler(t *testing.T) {
	var first, second []loop.Failure
	l := newLoop(t, toldTo(&first))
	l.CallSoon(func() { panic("to the first") })
	l.RunUntilIdle()
	l.SetErrorHandler(func(f loop.Failure) {
		second = append(second, f)
		l.SetErrorHandler(func(f loop.Failure) { first = append(first, f) }) // a handler may replace itself
	})
	l.CallSoon(func() { panic("to the second") })
	l.CallSoon(func() { panic("to the third") })
	l.RunUntilIdle()
	if len(first) != 2 || len(second) != 1 {
		t.Errorf("the handlers were told of %v and of %v", first, second)
	}
}

// nil stands for the default, which writes to slog.
func TestSetErrorHandlerToTheDefault(t *testing.T) {
	var told []loop.Failure
	l := newLoop(t, toldTo(&told))
	l.SetErrorHandler(nil)
	log := logged(t, func() {
		l.CallSoon(func() { panic("on purpose") })
		l.RunUntilIdle()
	})
	if len(told) != 0 || log == "" {
		t.Errorf("the old handler was told of %v, and the log is %q", told, log)
	}
}

func TestPostLimit(t *testing.T) {
	l := newLoop(t)
	l.SetPostLimit(2)
	ran := 0
	post := func() error { return l.Post(func() { ran++ }) }
	if err := errors.Join(post(), post()); err != nil {
		t.Fatal(err)
	}
	if err := post(); !errors.Is(err, loop.ErrFull) {
		t.Errorf("the error of a third Post is %v, want ErrFull", err)
	}
	if n := l.Posted(); n != 2 {
		t.Errorf("%d functions wait, want 2", n)
	}
	l.RunUntilIdle()
	if err := post(); err != nil || ran != 2 || l.Posted() != 1 {
		t.Errorf("after a turn: the error is %v, %d functions have run, %d wait", err, ran, l.Posted())
	}
	l.SetPostLimit(0)
	for range 10 {
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	mustPanic(t, "loop: SetPostLimit(-1); give a number >= 0", func() { l.SetPostLimit(-1) })
	l.Close()
	if err := post(); !errors.Is(err, loop.ErrClosed) || l.Posted() != 0 {
		t.Errorf("after Close: the error is %v, and %d functions wait", err, l.Posted())
	}
}

// Each function that was taken runs, and no more wait than the limit allows, also where several
// goroutines post.
func TestPostLimitFromManyGoroutines(t *testing.T) {
	const limit, posters = 3, 8
	l := newLoop(t)
	l.SetPostLimit(limit)
	release := l.Hold()
	var all sync.WaitGroup
	var mu sync.Mutex
	taken, ran := 0, 0
	for range posters {
		all.Go(func() {
			for range 200 {
				err := l.Post(func() { ran++ })
				if n := l.Posted(); n > limit {
					t.Errorf("%d functions wait", n)
				}
				if err == nil {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}
		})
	}
	go func() {
		all.Wait()
		release()
	}()
	run(t, l)
	if ran != taken || ran == 0 {
		t.Errorf("%d functions have run, and %d were taken", ran, taken)
	}
}

func TestAwaitedBy(t *testing.T) {
	l := newLoop(t)
	ctx := l.Context()
	wait := func(on func(ctx context.Context) error) func(context.Context) error { return on }
	sleeper := spawn(ctx, "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, 1) })
	direct := spawn(ctx, "direct", wait(sleeper.Wait))
	gathering := spawn(ctx, "gathering", func(ctx context.Context) error {
		return task.Gather(sleeper, direct).Wait(ctx)
	})
	shielding := spawn(ctx, "shielding", func(ctx context.Context) error { return task.Shield(sleeper).Wait(ctx) })
	above := spawn(ctx, "above", wait(gathering.Wait))
	for range 3 {
		l.RunOnce()
	}
	for _, c := range []struct {
		of   *task.Task[struct{}]
		want []*loop.Task
	}{
		{sleeper, []*loop.Task{direct.Task(), gathering.Task(), shielding.Task()}},
		{direct, []*loop.Task{gathering.Task()}},
		{gathering, []*loop.Task{above.Task()}},
		{above, nil},
	} {
		if got := c.of.Task().AwaitedBy(); !slices.Equal(got, c.want) {
			t.Errorf("%v is awaited by %v, want %v", c.of, got, c.want)
		}
	}
	_ = task.Shutdown(l)
	if got := sleeper.Task().AwaitedBy(); got != nil {
		t.Errorf("a task that is done is awaited by %v", got)
	}
	if got := new(loop.Task).AwaitedBy(); got != nil {
		t.Errorf("a zero task is awaited by %v", got)
	}
}

// A task in whose step another one takes its eager first step waits for that.
func TestAwaitedByTheMakerOfAnEagerTask(t *testing.T) {
	l := newLoop(t, loop.WithTaskFactory(factory.Eager))
	var by []string
	l.CallSoon(func() {
		spawn(l.Context(), "maker", func(ctx context.Context) error {
			spawn(ctx, "made", func(ctx context.Context) error {
				for _, t := range task.Current(ctx).AwaitedBy() {
					by = append(by, t.Name())
				}
				return nil
			})
			return nil
		})
	})
	l.RunUntilIdle()
	if fmt.Sprint(by) != "[maker]" {
		t.Errorf("the new task is awaited by %v, want its maker", by)
	}
}

// circular is an awaitable of which others wait in a circle.
type circular struct {
	future.Promise[int]
	on []loop.Awaitable
}

func (c *circular) Cancel(error) bool                    { return false }
func (c *circular) Describe() (string, []loop.Awaitable) { return "a part of a circle", c.on }

func TestAwaitedByThroughACircle(t *testing.T) {
	l := newLoop(t)
	sleeper := spawn(l.Context(), "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	a, b := new(circular), new(circular)
	a.Init(l, a)
	b.Init(l, b)
	a.on = []loop.Awaitable{&b.Future, sleeper.Task().Outcome()}
	b.on = []loop.Awaitable{&a.Future}
	var want []*loop.Task
	for _, on := range []*circular{a, b} {
		want = append(want, spawn(l.Context(), "waits", func(ctx context.Context) error { return on.Wait(ctx) }).Task())
	}
	l.RunUntilIdle()
	if got := sleeper.Task().AwaitedBy(); !slices.Equal(got, want) {
		t.Errorf("awaited by %v, want %v", got, want)
	}
	a.Complete(1, nil)
	b.Complete(1, nil)
}
