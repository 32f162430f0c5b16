package waiter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/internal/waiter"
)

// what is a Describer that returns itself.
type what string

func (w what) Describe() (string, []loop.Awaitable) { return string(w), nil }

// waits makes a task that waits for w under ctx's own context.
func waits(ctx context.Context, w *waiter.Waiter) *task.Task[struct{}] {
	return task.Go(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, w.Wait(ctx) })
}

func TestWaiterIsSetOnce(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	a := waits(l.Context(), w)
	l.RunUntilIdle()
	testkit.Equal(t, "done", w.Done(), false)
	testkit.Equal(t, "loop", w.Loop(), l)
	what, on := w.Explain()
	testkit.Equal(t, "explanation", what, "something")
	testkit.Equal(t, "awaitables of the waiter", len(on), 0)
	testkit.Equal(t, "status of the task", a.Task().Status(), "awaits something")
	if err := w.Err(); !errors.Is(err, future.ErrInvalidState) {
		t.Errorf("the error of a pending waiter is %v, want %v", err, future.ErrInvalidState)
	}
	testkit.Equal(t, "Set", w.Set(), true)
	testkit.Equal(t, "the task ran inside Set", a.Done(), false)
	testkit.Equal(t, "Set again", w.Set(), false)
	testkit.Equal(t, "Cancel after Set", w.Cancel(nil), false)
	testkit.Equal(t, "succeeded", w.Succeeded(), true)
	testkit.Equal(t, "canceled", w.Canceled(), false)
	l.RunOnce()
	testkit.Equal(t, "the task has ended in the next turn", a.Done(), true)
	if a.Err() != nil || w.Err() != nil || w.Unretrieved() != nil {
		t.Errorf("errors: %v, %v, %v", a.Err(), w.Err(), w.Unretrieved())
	}
}

func TestWaiterThatIsSetDoesNotSuspend(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	w.Run()
	a := waits(l.Context(), w)
	l.RunOnce()
	testkit.Equal(t, "the task has ended in its first step", a.Done(), true)
}

func TestWaiterIsCanceledWithItsTask(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	a := waits(l.Context(), w)
	l.RunUntilIdle()
	a.Cancel(testkit.ErrCause)
	testkit.Equal(t, "canceled", w.Canceled(), true)
	testkit.Equal(t, "Set", w.Set(), false)
	l.RunUntilIdle()
	var c *loop.CanceledError
	if !errors.As(a.Err(), &c) || c.Cause != testkit.ErrCause {
		t.Errorf("the task's error is %v, want a cancellation with %v", a.Err(), testkit.ErrCause)
	}
	testkit.Equal(t, "succeeded", w.Succeeded(), false)
}

// If a waiter is set, and its task is canceled in the same turn, the task gets the cancellation, and
// the waiter still reports success.
func TestWaiterIsSetBeforeItsTaskIsCanceled(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	a := waits(l.Context(), w)
	l.RunUntilIdle()
	w.Set()
	a.Cancel(testkit.ErrCause)
	l.RunUntilIdle()
	testkit.Equal(t, "the task was canceled", a.Canceled(), true)
	testkit.Equal(t, "succeeded", w.Succeeded(), true)
}

// The end of a context does not change the waiter. The waiter can still be set, and wakes no task.
func TestWaiterUnderAContextThatEnds(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	var end context.CancelCauseFunc
	a := task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
		ctx, end = context.WithCancelCause(ctx)
		return struct{}{}, w.Wait(ctx)
	})
	l.RunUntilIdle()
	end(testkit.ErrCause)
	l.RunUntilIdle()
	testkit.Equal(t, "the task's error", a.Err(), testkit.ErrCause)
	testkit.Equal(t, "done", w.Done(), false)
	testkit.Equal(t, "Set", w.Set(), true)
}

func TestWaiterIsForOneTask(t *testing.T) {
	l := testkit.NewLoop(t)
	w := waiter.New(l.Context(), what("something"))
	ran := 0
	r := lowlevel.Func(func() { ran++ })
	first := &r
	w.AddWaiter(first)
	func() {
		defer func() {
			if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "waiter: ") {
				t.Errorf("the panic is %q, want one that begins with waiter:", got)
			}
		}()
		w.AddWaiter(&r2{})
	}()
	testkit.Equal(t, "RemoveWaiter of another", w.RemoveWaiter(&r2{}), false)
	testkit.Equal(t, "RemoveWaiter", w.RemoveWaiter(first), true)
	testkit.Equal(t, "RemoveWaiter again", w.RemoveWaiter(first), false)
	w.Set()
	w.AddWaiter(first)
	l.RunOnce()
	testkit.Equal(t, "runs of a Runnable that was added late", ran, 1)
}

// r2 is a Runnable. It has a field, so that different r2 have different addresses.
type r2 struct{ _ int }

func (*r2) Run() {}

func TestListBelongsToOneLoop(t *testing.T) {
	var list waiter.List
	for at := range 2 {
		l := testkit.NewLoop(t)
		a := task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, list.Wait(ctx, what("the thing"), func(bool) {})
		})
		l.RunUntilIdle()
		var p *task.PanicError
		if isPanic := errors.As(a.Err(), &p); isPanic != (at == 1) {
			t.Errorf("loop %d: the task's error is %v", at, a.Err())
		} else if isPanic && !strings.Contains(p.Error(), "the thing is used by tasks of two loops") {
			t.Errorf("the panic is %v", p)
		}
	}
	testkit.Equal(t, "waiters", list.Len(), 1)
}

// listModel is the simplest description of a line: its waiters in order, each with its state.
type listModel struct {
	list waiter.List
	want []*inLine
	seen []string // the tasks that went on, each with the outcome of its wait
}

type inLine struct {
	name     string
	t        *task.Task[struct{}]
	w        *waiter.Waiter
	set      bool
	canceled bool
}

func (m *listModel) check(t *rapid.T) {
	var got []*waiter.Waiter
	for w := range m.list.All() {
		got = append(got, w)
	}
	if len(got) != m.list.Len() {
		t.Errorf("Len() = %d, but All yields %d waiters", m.list.Len(), len(got))
	}
	waiting := false
	for _, one := range m.want {
		waiting = waiting || !one.canceled
	}
	if m.list.Waiting() != waiting {
		t.Errorf("Waiting() = %t, want %t", m.list.Waiting(), waiting)
	}
	if len(got) != len(m.want) {
		t.Errorf("there are %d waiters in the line, want %d", len(got), len(m.want))
		return
	}
	if len(got) > 0 && m.list.First() != got[0] || len(got) == 0 && m.list.First() != nil {
		t.Error("First is not the first of All")
	}
	for at, one := range m.want {
		if one.w == nil {
			one.w = got[at]
		}
		if one.w != got[at] || one.w.Succeeded() != one.set || one.w.Canceled() != one.canceled {
			t.Errorf("%s, at index %d: set %t, canceled %t, want %t, %t; it is at the right index: %t",
				one.name, at, one.w.Succeeded(), one.w.Canceled(), one.set, one.canceled, one.w == got[at])
		}
	}
}

func TestListModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := loop.New(loop.WithVirtualTime())
		defer l.Close()
		m := &listModel{}
		n := 0
		turn := func() {
			l.RunUntilIdle()
			m.want = slices.DeleteFunc(m.want, func(one *inLine) bool {
				if one.set || one.canceled {
					if !slices.Contains(m.seen, fmt.Sprintf("%s, given up %t, succeeded %t", one.name, one.canceled, one.set)) {
						t.Errorf("task %s did not go on; these did: %q", one.name, m.seen)
					}
				}
				return one.set || one.canceled
			})
			m.check(t)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": m.check,
			"join": func(*rapid.T) {
				n++
				one := &inLine{name: fmt.Sprint(n)}
				one.t = task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
					m.want = append(m.want, one)
					gaveUp, succeeded := false, true
					err := m.list.Wait(ctx, what("a turn"), func(s bool) { gaveUp, succeeded = true, s })
					if gaveUp != (err != nil) {
						t.Errorf("the error of %s is %v, but giveUp was called: %t", one.name, err, gaveUp)
					}
					m.seen = append(m.seen, fmt.Sprintf("%s, given up %t, succeeded %t", one.name, gaveUp, succeeded))
					return struct{}{}, err
				})
				turn()
			},
			"set": func(t *rapid.T) {
				most := rapid.IntRange(0, 3).Draw(t, "most")
				want := 0
				for _, one := range m.want {
					if want < most && !one.set && !one.canceled {
						one.set = true
						want++
					}
				}
				if got := m.list.Set(most); got != want {
					t.Errorf("Set(%d) = %d, want %d", most, got, want)
				}
			},
			"cancel": func(t *rapid.T) {
				if len(m.want) == 0 {
					t.Skip("no task waits")
				}
				one := rapid.SampledFrom(m.want).Draw(t, "task")
				if one.set { // it would get an error, and would have to pass its turn on
					return
				}
				one.canceled = true
				one.t.Cancel(testkit.ErrCause)
			},
			"turn": func(*rapid.T) { turn() },
		})
	})
}

// A wait allocates one object. Waking the task allocates none.
func TestWaitingAllocatesOneObject(t *testing.T) {
	if testkit.Race {
		return // the race detector allocates
	}
	l := testkit.NewLoop(t)
	var list waiter.List
	task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
		for {
			if err := list.Wait(ctx, what("a turn"), func(bool) {}); err != nil {
				return struct{}{}, err
			}
		}
	})
	l.RunUntilIdle()
	got := testing.AllocsPerRun(1000, func() {
		list.Set(1)
		l.RunOnce()
	})
	testkit.Equal(t, "allocations for each wait", got, 1)
}

// Set panics on a goroutine that must not call it, and changes nothing.
func TestSetOnAnotherGoroutineChangesNothing(t *testing.T) {
	l := loop.New(loop.WithVirtualTime(), loop.WithDebug())
	defer l.Close()
	var line waiter.List
	for range 2 {
		task.Go(l.Context(), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, line.Wait(ctx, what("something"), func(bool) {})
		})
	}
	l.RunUntilIdle()
	l.CallSoon(func() {
		text := make(chan any)
		go func() {
			defer func() { text <- recover() }()
			line.Set(2)
		}()
		if got := fmt.Sprint(<-text); !strings.Contains(got, "from another goroutine") {
			t.Errorf("Set on another goroutine: %s", got)
		}
		testkit.Equal(t, "waiters that are set", line.Set(2), 2)
	})
	l.RunUntilIdle()
	testkit.Equal(t, "waiters that are left", line.Len(), 0)
}

// A waiter that is pending again keeps its place in the line.
func TestRearm(t *testing.T) {
	l := testkit.NewLoop(t)
	var list waiter.List
	var ws []*waiter.Waiter
	for range 3 {
		w := waiter.New(l.Context(), new(what))
		list.Join(w)
		ws = append(ws, w)
	}
	testkit.Equal(t, "set", list.Set(3), 3)
	ws[0].Rearm()
	ws[2].Rearm()
	testkit.Equal(t, "the first is pending", ws[0].Done(), false)
	testkit.Equal(t, "set", list.Set(1), 1)
	testkit.Equal(t, "the first is set", ws[0].Succeeded(), true)
	testkit.Equal(t, "set", list.Set(3), 1)
	testkit.Equal(t, "the last is set", ws[2].Succeeded(), true)
	ws[1].Leave()
	ws[1].Rearm()
	testkit.Equal(t, "set, when a waiter outside of the line is pending", list.Set(3), 0)
	ws[1].Cancel(nil)
	ws[1].Rearm()
	testkit.Equal(t, "a canceled waiter stays canceled", ws[1].Canceled(), true)
}
