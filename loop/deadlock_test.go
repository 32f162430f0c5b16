package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// deadlock drives l, which must end in a deadlock.
func deadlock(t *testing.T, l *loop.Loop) *loop.DeadlockError {
	t.Helper()
	err := l.Run()
	var e *loop.DeadlockError
	if !errors.As(err, &e) {
		t.Fatalf("Run = %v, want a deadlock", err)
	}
	return e
}

func expectText(t *testing.T, err error, want string) {
	t.Helper()
	if err.Error() != want {
		t.Errorf("the report is\n%v\nwant\n%s", err, want)
	}
}

func TestDeadlockErrorNamesWhoIsStuckAndOnWhat(t *testing.T) {
	l := newLoop(t)
	consumer := spawn(l.Context(), "consumer", future.New[int](l.Context()).Wait)
	waiter := spawn(l.Context(), "waiter", consumer.Wait)
	script(l.Context(), "machine", func(context.Context, error) (task.Suspension, error) { return task.On(waiter), nil })
	expectText(t, deadlock(t, l), "loop: deadlock: nothing can wake the 3 tasks that are left\n"+
		"\tconsumer awaits a future\n"+
		"\twaiter awaits task \"consumer\"\n"+
		"\tmachine awaits task \"waiter\"")
}

func TestDeadlockErrorOfOneTask(t *testing.T) {
	l := newLoop(t)
	spawn(l.Context(), "alone", future.New[int](l.Context()).Wait)
	e := deadlock(t, l)
	expectText(t, e, "loop: deadlock: nothing can wake the task that is left\n\talone awaits a future")
	if e.Cycle != nil {
		t.Errorf("the circle is %v, want none", e.Cycle)
	}
}

func TestDeadlockErrorListsFiftyTasks(t *testing.T) {
	l := newLoop(t)
	want := "loop: deadlock: nothing can wake the 55 tasks that are left"
	for i := range 55 {
		spawn(l.Context(), fmt.Sprint("t", i), future.New[int](l.Context()).Wait)
		if i < 50 {
			want += fmt.Sprintf("\n\tt%d awaits a future", i)
		}
	}
	e := deadlock(t, l)
	expectText(t, e, want+"\n\tand 5 more")
	if len(e.Tasks) != 55 {
		t.Errorf("the error has %d tasks, want 55", len(e.Tasks))
	}
}

func TestDeadlockErrorShowsTheCircle(t *testing.T) {
	l := newLoop(t)
	var circle [3]*task.Task[none]
	spawn(l.Context(), "bystander", func(ctx context.Context) error { return circle[2].Wait(ctx) })
	for i := range circle {
		circle[i] = spawn(l.Context(), fmt.Sprint("c", i), func(ctx context.Context) error {
			return circle[(i+1)%3].Wait(ctx)
		})
	}
	e := deadlock(t, l)
	expectText(t, e, "loop: deadlock: nothing can wake the 4 tasks that are left\n"+
		"\tbystander awaits task \"c2\"\n"+
		"\tc0 awaits task \"c1\"\n"+
		"\tc1 awaits task \"c2\"\n"+
		"\tc2 awaits task \"c0\"\n"+
		"\tin a circle: c2 -> c0 -> c1 -> c2")
	if want := []*loop.Task{circle[2].Task(), circle[0].Task(), circle[1].Task()}; !slices.Equal(e.Cycle, want) {
		t.Errorf("the circle is %v, want %v", e.Cycle, want)
	}
}

func TestDeadlockErrorOfALongCircle(t *testing.T) {
	l := newLoop(t)
	const n = 20_000
	circle := make([]*task.Task[none], n)
	want := "c0"
	for i := range circle {
		circle[i] = script(l.Context(), fmt.Sprint("c", i), func(context.Context, error) (task.Suspension, error) {
			return task.On(circle[(i+1)%n]), nil
		})
		if i > 0 && i < 50 {
			want += fmt.Sprint(" -> c", i)
		}
	}
	e := deadlock(t, l)
	if len(e.Cycle) != n || e.Cycle[n-1] != circle[n-1].Task() {
		t.Errorf("the circle has %d tasks, want %d in order of creation", len(e.Cycle), n)
	}
	if end := "\n\tin a circle: " + want + " -> 19950 more -> c0"; !strings.HasSuffix(e.Error(), end) {
		t.Errorf("the report is\n%v\nwant one that ends with\n%s", e, end)
	}
	circle[0].Cancel(nil) // cancels the others, too, before Close unwinds them one by one
}

// Tasks from which no way leads back are not part of the circle, whether the search finds them before or
// after it.
func TestDeadlockErrorOfACircleWithDeadEnds(t *testing.T) {
	l := newLoop(t)
	var a, b *task.Task[none]
	hangs := func(name string) *task.Task[none] { return spawn(l.Context(), name, future.New[int](l.Context()).Wait) }
	before, after := hangs("before"), hangs("after")
	beyond := spawn(l.Context(), "beyond", before.Wait)
	spawn(l.Context(), "outside", func(ctx context.Context) error { return task.Gather(beyond, a).Wait(ctx) })
	a = spawn(l.Context(), "a", func(ctx context.Context) error { return task.Gather(beyond, before, b, after).Wait(ctx) })
	b = spawn(l.Context(), "b", func(ctx context.Context) error {
		return task.Gather(task.Gather(before), task.Gather(beyond), task.Gather(a, after)).Wait(ctx)
	})
	if got := fmt.Sprint(deadlock(t, l).Cycle); got != fmt.Sprint([]*loop.Task{a.Task(), b.Task()}) {
		t.Errorf("the circle is %v", got)
	}
}

// looked is a future that counts the calls of Explain.
type looked struct {
	*future.Future[int]
	on    []loop.Awaitable
	times int
}

func (x *looked) Self() loop.Awaitable { return x }

func (x *looked) Explain() (string, []loop.Awaitable) {
	x.times++
	return "a future that counts", x.on
}

// If many tasks wait for one future, a report calls its Explain once, and once more for each line.
func TestReportsLookAtEverythingOnce(t *testing.T) {
	const n = 500
	for name, report := range map[string]func(l *loop.Loop){
		"a deadlock": func(l *loop.Loop) {
			if e := deadlock(t, l); len(e.Cycle) > 0 {
				t.Errorf("the circle is %v, want none", e.Cycle)
			}
		},
		"the graph": func(l *loop.Loop) { _ = l.WriteGraph(io.Discard, false) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			below := &looked{Future: future.New[int](l.Context())}
			shared := &looked{Future: future.New[int](l.Context()), on: []loop.Awaitable{below}}
			for i := range n {
				script(l.Context(), fmt.Sprint(i), func(context.Context, error) (task.Suspension, error) {
					return task.On(shared), nil
				})
			}
			l.RunUntilIdle()
			report(l)
			if shared.times > 51 || below.times > 1 { // a deadlock report has 50 lines
				t.Errorf("%d tasks wait; Explain of their future was called %d times, and that of the future below %d times", n, shared.times, below.times)
			}
		})
	}
}

// The text of the error describes the moment when the loop found the deadlock.
func TestDeadlockErrorKeepsItsText(t *testing.T) {
	l := newLoop(t)
	f := future.New[int](l.Context())
	spawn(l.Context(), "alone", f.Wait)
	e := deadlock(t, l)
	before := e.Error()
	_ = f.SetResult(1)
	run(t, l)
	expectText(t, e, before)
}
