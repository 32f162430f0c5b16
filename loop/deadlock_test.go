package loop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		t.Errorf("a circle: %v", e.Cycle)
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
		t.Errorf("%d tasks", len(e.Tasks))
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
		t.Errorf("the circle is %v", e.Cycle)
	}
}

// The report is of the moment in which the loop found out.
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
