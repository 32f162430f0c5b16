package task_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// mustGoIn calls GoIn, and fails the test if the group takes no tasks.
func mustGoIn[T any](t *testing.T, g *task.Group, body func(context.Context) (T, error), opts ...task.Option) *task.Task[T] {
	t.Helper()
	spawned, err := task.GoIn(g, body, opts...)
	if err != nil {
		t.Fatalf("GoIn: %v", err)
	}
	return spawned
}

// groupErrors returns the errors that err lists. err must be a GroupError.
func groupErrors(t *testing.T, err error) []error {
	t.Helper()
	g, ok := err.(*task.GroupError)
	if !ok {
		t.Fatalf("the error is %T %v, want a *GroupError", err, err)
	}
	var all []error
	for _, one := range g.Errors {
		all = append(all, one.(*task.TaskError).Err)
	}
	return all
}

func wantGroupErrors(t *testing.T, err error, want ...error) {
	t.Helper()
	if got := groupErrors(t, err); !slices.Equal(got, want) {
		t.Errorf("the group's errors are %v, want %v", got, want)
	}
}

func TestGroupReturnsWhenBodyAndTasksHaveEnded(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a, b *task.Task[int]
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			a = mustGoIn(t, g, gives(2*time.Second, 1))
			b = mustGoIn(t, g, gives(time.Second, 2))
			return nil
		})
		if err != nil {
			t.Errorf("WithGroup: %v", err)
		}
		wantTime(t, ctx, 2*time.Second)
		v, _ := a.Result()
		testkit.Equal(t, "a", v, 1)
		v, _ = b.Result()
		testkit.Equal(t, "b", v, 2)
	})
}

func TestGroupOfNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		turns := countTurns(ctx)
		if err := task.WithGroup(ctx, func(context.Context, *task.Group) error { return nil }); err != nil {
			t.Errorf("WithGroup: %v", err)
		}
		testkit.Equal(t, "turns that passed", turns(), 0)
	})
}

// countTurns returns a function that returns the number of turns since. It keeps the loop busy until
// that function is called.
func countTurns(ctx context.Context) func() int {
	l := lowlevel.LoopOf(ctx)
	turns, asked := 0, false
	var next func()
	next = func() {
		if !asked {
			turns++
			l.CallSoon(next)
		}
	}
	l.CallSoon(next)
	return func() int {
		asked = true
		return turns
	}
}

func TestGroupFirstFailureCancelsTheOthersOldestFirst(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		told := func(name string) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				_, err := hangs(ctx)
				j.Add("%s: %v", name, err)
				return 0, err
			}
		}
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, told("a"))
			mustGoIn(t, g, told("b"))
			mustGoIn(t, g, fails(time.Second, errBoom), task.Named("failing"))
			mustGoIn(t, g, told("c"))
			_, err := hangs(ctx)
			j.Add("body: %v", err)
			testkit.ErrorIs(t, err, future.ErrCanceled)
			testkit.ErrorIs(t, causeOf(t, err), errBoom)
			testkit.ErrorIs(t, context.Cause(ctx), future.ErrCanceled)
			return err
		})
		j.Want(t, "a: canceled", "b: canceled", "c: canceled", "body: canceled: boom")
		wantGroupErrors(t, err, errBoom)
		wantText(t, err, "failing: boom")
		testkit.ErrorIs(t, err, errBoom)
		if errors.Is(err, future.ErrCanceled) {
			t.Error("the error of the group is a cancellation")
		}
		testkit.Equal(t, "cancel requests that are left", task.Current(ctx).CancelRequests(), 0)
		if ctx.Err() != nil {
			t.Errorf("the task's own context has ended: %v", ctx.Err())
		}
		yields(t, ctx, 3)
	})
}

func TestGroupErrorsComeInOrderThenTheBodys(t *testing.T) {
	play(t, func(ctx context.Context) {
		second, cleanup := errors.New("second"), errors.New("clean-up")
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, stubborn(2*time.Second, 0, second), task.Named("two"))
			mustGoIn(t, g, fails(time.Second, errBoom), task.Named("one"))
			_, _ = hangs(ctx)
			return cleanup
		})
		wantGroupErrors(t, err, errBoom, second, cleanup)
		wantText(t, err, "3 errors in a group\n\tone: boom\n\ttwo: second\n\tthe group's body: clean-up")
		for _, one := range []error{errBoom, second, cleanup} {
			testkit.ErrorIs(t, err, one)
		}
		wantTime(t, ctx, 3*time.Second)
	})
}

func TestGroupBodyFailureCancelsTasks(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			a = mustGoIn(t, g, hangs)
			yields(t, ctx, 1)
			return errBoom
		})
		wantGroupErrors(t, err, errBoom)
		wantText(t, err, "the group's body: boom")
		if !a.Canceled() {
			t.Error("the task was not canceled")
		}
	})
}

func TestGroupBodyFailureWithoutTasksIsAGroupErrorToo(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(context.Context, *task.Group) error { return errBoom })
		wantGroupErrors(t, err, errBoom)
	})
}

func TestGroupTaskThatNeverStartedIsCanceledWithoutRunning(t *testing.T) {
	play(t, func(ctx context.Context) {
		ran := false
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			mustGoIn(t, g, func(context.Context) (int, error) {
				ran = true
				return 0, nil
			})
			return errBoom
		})
		wantGroupErrors(t, err, errBoom)
		if ran {
			t.Error("the task's body ran")
		}
	})
}

func TestGroupTaskThatIsCanceledIsNoError(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			a := mustGoIn(t, g, hangs)
			b := mustGoIn(t, g, gives(time.Second, 2))
			yields(t, ctx, 1)
			a.Cancel(nil)
			v, err := b.Await(ctx)
			testkit.Equal(t, "b", v, 2)
			return err
		})
		if err != nil {
			t.Errorf("WithGroup: %v", err)
		}
	})
}

// After the group has aborted, a task that ends with a value is no error.
func TestGroupTaskThatRefusesToBeCanceledIsAwaited(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			a = mustGoIn(t, g, stubborn(5*time.Second, 7, nil))
			mustGoIn(t, g, fails(time.Second, errBoom))
			return nil
		})
		wantGroupErrors(t, err, errBoom)
		wantTime(t, ctx, 6*time.Second)
		v, err := a.Result()
		testkit.Equal(t, "a", v, 7)
		if err != nil {
			t.Error(err)
		}
	})
}

func TestGroupRefusesTasks(t *testing.T) {
	const (
		finished = "task: the group is finished; make tasks while its body or one of its tasks runs"
		shutting = "task: the group is shutting down, after an error or a cancellation; it takes no more tasks"
	)
	play(t, func(ctx context.Context) {
		var group *task.Group
		body := func(context.Context) error {
			t.Error("a task that was refused ran")
			return nil
		}
		if err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			group = g
			return nil
		}); err != nil {
			t.Error(err)
		}
		wantText(t, group.Go(body), finished)
		_, err := task.GoIn(group, hangs)
		wantText(t, err, finished)

		err = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, func(ctx context.Context) (int, error) {
				_, err := hangs(ctx)
				wantText(t, g.Go(body), shutting)
				return 0, err
			})
			mustGoIn(t, g, fails(0, errBoom))
			_, err := hangs(ctx)
			n := len(task.All(ctx))
			refused, e := task.GoIn(g, hangs)
			wantText(t, e, shutting)
			if refused != nil || len(task.All(ctx)) != n {
				t.Error("GoIn returned an error, but has made a task")
			}
			return err
		})
		wantGroupErrors(t, err, errBoom)
	})
}

// A task of the group may make tasks in the group after the body has ended.
func TestGroupTakesTasksFromItsTasks(t *testing.T) {
	play(t, func(ctx context.Context) {
		var late *task.Task[int]
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			return g.Go(func(ctx context.Context) error {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return err
				}
				late = mustGoIn(t, g, gives(time.Second, 3))
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		wantTime(t, ctx, 2*time.Second)
		if !late.Done() {
			t.Error("WithGroup did not wait for the task that was spawned last")
		}
	})
}

func TestGroupGo(t *testing.T) {
	play(t, func(ctx context.Context) {
		ran := ""
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			return g.Go(func(ctx context.Context) error {
				ran = task.Current(ctx).Name()
				return errBoom
			}, task.Named("named"))
		})
		testkit.Equal(t, "the task", ran, "named")
		wantText(t, err, "named: boom")
	})
}

func TestGroupOfMachines(t *testing.T) {
	play(t, func(ctx context.Context) {
		var group *task.Group
		var m *task.Task[int]
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) (err error) {
			group = g
			m, err = task.GoMachineIn(g, &sleepMachine{1, time.Hour}, task.Named("m"))
			if err != nil {
				return err
			}
			testkit.Equal(t, "the name of the machine", m.Name(), "m")
			_, err = task.GoIn(g, fails(time.Second, errBoom))
			return err
		})
		wantGroupErrors(t, err, errBoom)
		testkit.Equal(t, "the machine is canceled", m.Canceled(), true)
		_, err = task.GoMachineIn(group, &sleepMachine{})
		wantText(t, err, "task: the group is finished; make tasks while its body or one of its tasks runs")
	})
}

func TestGroupNilBodiesPanic(t *testing.T) {
	play(t, func(ctx context.Context) {
		_ = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			testkit.Panics(t, "task: Go of a nil body", func() { _, _ = task.GoIn[int](g, nil) })
			testkit.Panics(t, "task: GoMachine of a nil machine", func() { _, _ = task.GoMachineIn(g, task.Machine[int](nil)) })
			testkit.Panics(t, "task: ", func() { _ = g.Go(nil) })
			return nil
		})
	})
}

func TestGroupParentCanceledWhileTheBodyRuns(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				a = mustGoIn(t, g, hangs)
				_, err := hangs(ctx)
				testkit.ErrorIs(t, ctx.Err(), context.Canceled)
				return err
			})
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
			return 0, err
		})
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		_, err := parent.Await(ctx)
		if !parent.Canceled() || !a.Canceled() {
			t.Errorf("parent: %v, a canceled: %v", err, a.Canceled())
		}
		testkit.ErrorIs(t, causeOf(t, err), errCause)
	})
}

func TestGroupParentCanceledWhileItWaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				a = mustGoIn(t, g, stubborn(time.Second, 1, nil))
				return nil
			})
		})
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		_, err := parent.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		testkit.Equal(t, "requests to cancel", parent.CancelRequests(), 1)
		if v, err := a.Result(); v != 1 || err != nil {
			t.Errorf("the task returned %v, %v, want 1 and no error", v, err)
		}
		wantTime(t, ctx, time.Second)
	})
}

// A second cancellation while the tasks are ending does not end the wait early.
func TestGroupParentCanceledTwice(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				a = mustGoIn(t, g, stubborn(time.Second, 1, nil))
				return nil
			})
		})
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		yields(t, ctx, 3)
		parent.Cancel(errBoom)
		_, err := parent.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		wantTime(t, ctx, time.Second)
		testkit.Equal(t, "requests to cancel", parent.CancelRequests(), 2)
		testkit.Equal(t, "requests to cancel the task", a.CancelRequests(), 1)
	})
}

// If a task fails and the parent is canceled, WithGroup returns the failure. The next suspension
// delivers the cancellation.
func TestGroupErrorOutranksCancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, stubborn(0, 0, errBoom))
				return nil
			})
			wantGroupErrors(t, err, errBoom)
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
			testkit.ErrorIs(t, ctx.Err(), context.Canceled)
			err = task.Yield(ctx)
			testkit.ErrorIs(t, err, future.ErrCanceled)
			return 0, err
		})
		yields(t, ctx, 2)
		parent.Cancel(nil)
		if _, err := parent.Await(ctx); !parent.Canceled() {
			t.Errorf("the parent ended with %v", err)
		}
	})
}

// The next suspension delivers the request with its own cause.
func TestGroupErrorOutranksCancellationAndKeepsItsCause(t *testing.T) {
	play(t, func(ctx context.Context) {
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			_ = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, stubborn(0, 0, errBoom))
				return nil
			})
			return 0, task.Yield(ctx)
		})
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		_, err := parent.Await(ctx)
		wantText(t, causeOf(t, err), errCause.Error())
	})
}

// The group takes back its own request, and no other.
func TestGroupLeavesOtherRequestsAlone(t *testing.T) {
	play(t, func(ctx context.Context) {
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				mustGoIn(t, g, fails(0, errBoom))
				_, err := hangs(ctx)
				testkit.Equal(t, "requests while the group aborts", task.Current(ctx).CancelRequests(), 1)
				task.Current(ctx).Cancel(errCause)
				return err
			})
			wantGroupErrors(t, err, errBoom)
			testkit.Equal(t, "requests afterwards", task.Current(ctx).CancelRequests(), 1)
			return 0, task.Yield(ctx)
		})
		if _, err := parent.Await(ctx); !parent.Canceled() {
			t.Errorf("the parent ended with %v", err)
		}
	})
}

func TestGroupNested(t *testing.T) {
	play(t, func(ctx context.Context) {
		var outer, inner *task.Task[int]
		var j looptest.Journal
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			outer = mustGoIn(t, g, hangs)
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				inner = mustGoIn(t, g, hangs)
				mustGoIn(t, g, fails(0, errBoom), task.Named("failing"))
				_, err := hangs(ctx)
				return err
			})
			j.Add("inner: %v, outer task done: %v", err, outer.Done())
			testkit.Equal(t, "requests between the groups", task.Current(ctx).CancelRequests(), 0)
			return err
		})
		j.Want(t, "inner: failing: boom, outer task done: false")
		testkit.ErrorIs(t, err, errBoom)
		wantText(t, err, "the group's body: failing: boom")
		if !inner.Canceled() || !outer.Canceled() {
			t.Error("a task was not canceled")
		}
	})
}

// The failure of a task of the outer group cancels the inner group. The inner group returns the
// cancellation, because the request is not its own.
func TestGroupNestedOuterFails(t *testing.T) {
	play(t, func(ctx context.Context) {
		var innerErr error
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, fails(time.Second, errBoom))
			innerErr = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, hangs)
				return nil
			})
			return innerErr
		})
		wantGroupErrors(t, err, errBoom)
		if !loop.IsCanceled(innerErr) {
			t.Errorf("the inner group returned %v", innerErr)
		}
		testkit.Equal(t, "requests", task.Current(ctx).CancelRequests(), 0)
	})
}

func TestGroupEagerChildrenThatFailInTheirFirstStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			a := mustGoIn(t, g, func(context.Context) (int, error) { return 0, errBoom })
			j.Add("a done: %v, aborted: %v", a.Done(), ctx.Err() != nil)
			b := mustGoIn(t, g, hangs) // the error takes effect in a later turn
			err := task.Yield(ctx)
			j.Add("b done: %v, body: %v", b.Done(), err)
			return err
		})
		j.Want(t, "a done: true, aborted: false", "b done: false, body: canceled: boom")
		wantGroupErrors(t, err, errBoom)
	}, loop.WithTaskFactory(factory.Eager))
}

func TestGroupEagerChildThatEndsInItsFirstStep(t *testing.T) {
	play(t, func(ctx context.Context) {
		if err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			v, err := mustGoIn(t, g, func(context.Context) (int, error) { return 5, nil }).Result()
			testkit.Equal(t, "the result", v, 5)
			return err
		}); err != nil {
			t.Error(err)
		}
	}, loop.WithTaskFactory(factory.Eager))
}

func TestGroupCancel(t *testing.T) {
	for _, from := range []string{"the body", "a child", "a callback"} {
		t.Run("from "+from, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var a *task.Task[int]
				var bodyErr error
				reached := false
				err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
					a = mustGoIn(t, g, hangs)
					switch from {
					case "the body":
						yields(t, ctx, 1)
						g.Cancel()
					case "a child":
						mustGoIn(t, g, func(ctx context.Context) (int, error) {
							g.Cancel()
							err := task.Yield(ctx)
							testkit.ErrorIs(t, err, future.ErrCanceled)
							return 0, err
						})
					case "a callback":
						lowlevel.LoopOf(ctx).CallLater(time.Second, g.Cancel)
					}
					_, bodyErr = hangs(ctx)
					reached = true
					testkit.ErrorIs(t, ctx.Err(), context.Canceled)
					return bodyErr
				})
				if err != nil {
					t.Errorf("WithGroup: %v", err)
				}
				if !reached || !loop.IsCanceled(bodyErr) {
					t.Errorf("the error in the body is %v", bodyErr)
				}
				if !a.Canceled() {
					t.Error("the task was not canceled")
				}
				testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
				yields(t, ctx, 2)
			})
		})
	}
}

func TestGroupCancelWhileItWaits(t *testing.T) {
	play(t, func(ctx context.Context) {
		if err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, hangs)
			mustGoIn(t, g, stubborn(time.Second, 0, nil))
			lowlevel.LoopOf(ctx).CallLater(time.Second, g.Cancel)
			return nil
		}); err != nil {
			t.Error(err)
		}
		wantTime(t, ctx, 2*time.Second)
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
	})
}

func TestGroupCancelWithNothingRunning(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			g.Cancel()
			testkit.ErrorIs(t, ctx.Err(), context.Canceled)
			if err := g.Go(func(context.Context) error { return nil }); err == nil {
				t.Error("a group that was canceled took a task")
			}
			return nil // the body has not suspended
		})
		if err != nil {
			t.Error(err)
		}
		if ctx.Err() != nil {
			t.Error("the task's own context has ended")
		}
		yields(t, ctx, 2) // the group's request, which was not delivered, is dropped
	})
}

func TestGroupCancelWhenFinishedDoesNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		var group *task.Group
		_ = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			group = g
			return nil
		})
		group.Cancel()
		testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 0)
		yields(t, ctx, 2)
	})
}

func TestGroupCancelAfterFailureDoesNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			a := mustGoIn(t, g, stubborn(time.Second, 0, nil))
			mustGoIn(t, g, fails(0, errBoom))
			_, err := hangs(ctx)
			g.Cancel()
			testkit.Equal(t, "requests to cancel the body", task.Current(ctx).CancelRequests(), 1)
			testkit.Equal(t, "requests to cancel the task", a.CancelRequests(), 1)
			return err
		})
		wantGroupErrors(t, err, errBoom)
		testkit.Equal(t, "requests", task.Current(ctx).CancelRequests(), 0)
	})
}

// A group aborts when its parent is canceled from outside. To cancel the group after that changes
// neither the number of requests nor the result.
func TestGroupCancelAfterOutsideCancellationDoesNothing(t *testing.T) {
	play(t, func(ctx context.Context) {
		var group *task.Group
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				group = g
				mustGoIn(t, g, stubborn(time.Second, 0, nil))
				return nil
			})
		})
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		yields(t, ctx, 2)
		group.Cancel()
		testkit.Equal(t, "requests to cancel", parent.CancelRequests(), 1)
		_, err := parent.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
	})
}

func TestGroupCancelThenFailure(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, stubborn(time.Second, 0, errBoom))
			yields(t, ctx, 1)
			g.Cancel()
			return task.Yield(ctx)
		})
		wantGroupErrors(t, err, errBoom)
		testkit.Equal(t, "requests", task.Current(ctx).CancelRequests(), 0)
	})
}

// If the group is canceled and its parent is, too, WithGroup returns the parent's cancellation.
func TestGroupCancelAndOutsideCancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				g.Cancel()
				task.Current(ctx).Cancel(errCause)
				return task.Yield(ctx)
			})
		})
		if _, err := parent.Await(ctx); !parent.Canceled() {
			t.Errorf("the parent ended with %v", err)
		}
	})
}

// A request from outside that comes while the group is ending is not lost.
func TestGroupCancelAndOutsideCancellationWhileItEnds(t *testing.T) {
	cleansUp := func(ctx context.Context) error {
		_, _ = hangs(ctx)
		return task.Sleep(ctx, 5*time.Second)
	}
	canceled := func(ctx context.Context) error {
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			testkit.Equal(t, "the error", g.Go(cleansUp), nil)
			yields(t, ctx, 1)
			g.Cancel()
			return nil
		})
	}
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error { return canceled(ctx) })
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		wantTime(t, ctx, 5*time.Second)
		testkit.Equal(t, "requests that are left", task.Current(ctx).CancelRequests(), 0)
	})
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, canceled(ctx) })
		yields(t, ctx, 3)
		x.Cancel(errCause)
		_, err := x.Await(ctx)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)
	})
	play(t, func(ctx context.Context) { // the request comes before the body ends, and is not delivered to it
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				testkit.Equal(t, "the error", g.Go(cleansUp), nil)
				yields(t, ctx, 1)
				task.Current(ctx).Cancel(errCause)
				g.Cancel()
				return nil
			})
			return 0, err
		})
		_, err := x.Await(ctx)
		testkit.Equal(t, "the cause", causeOf(t, err), errCause)
	})
	play(t, func(ctx context.Context) { // a request that the body has handled is not delivered again
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 1, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				task.Current(ctx).Cancel(errCause)
				testkit.Equal(t, "the cause that is delivered to the body", causeOf(t, task.Yield(ctx)), errCause)
				testkit.Equal(t, "the error", g.Go(cleansUp), nil)
				yields(t, ctx, 1)
				g.Cancel()
				return nil
			})
		})
		v, err := x.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
	})
}

// The group does not mistake an earlier request for its own.
func TestGroupCancelInATaskThatWasAskedBefore(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			_, _ = hangs(ctx)
			return 1, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				g.Cancel()
				return task.Sleep(ctx, time.Hour)
			})
		})
		yields(t, ctx, 1)
		x.Cancel(nil)
		v, err := x.Await(ctx)
		testkit.Equal(t, "the value", v, 1)
		testkit.Equal(t, "the error", err, nil)
		testkit.Equal(t, "requests that are left", x.CancelRequests(), 1)
	})
}

// A task is a member of the group during its eager first step.
func TestGroupKnowsATaskInItsEagerStep(t *testing.T) {
	for name, canceled := range map[string]bool{"cancels the group": true, "looks": false} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var first, second error
				testkit.Equal(t, "WithGroup", task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
					f := future.New[int](ctx)
					waits := func(ctx context.Context) error {
						if !canceled {
							var b strings.Builder
							testkit.Equal(t, "the graph", task.PrintGraph(ctx, &b), nil)
							if !strings.Contains(b.String(), "child is running") {
								t.Errorf("the graph does not have the child:\n%s", b.String())
							}
							return nil
						}
						g.Cancel()
						testkit.Equal(t, "requests to the child", task.Current(ctx).CancelRequests(), 1)
						first = f.Wait(ctx)
						return first
					}
					testkit.Equal(t, "the error", g.Go(waits, task.Named("child"), task.Eager()), nil)
					_, err := task.GoMachineIn(g, notesMachine(new(looptest.Journal)), task.Eager())
					second = err
					return nil
				}), nil)
				testkit.Equal(t, "the child was canceled", errors.Is(first, future.ErrCanceled), canceled)
				testkit.Equal(t, "the next task was refused", second != nil, canceled)
			})
		})
	}
}

// The callback of a hook runs before the group's waiter, since it was added first.
func TestGroupMemberCallsBackTheFactorysHookFirst(t *testing.T) {
	var j looptest.Journal
	hook := func(x *loop.Task, outcome future.Any) {
		if x.Name() == "child" {
			outcome.OnDone(func() { j.Add("the hook is told") })
		}
	}
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			mustGoIn(t, g, func(context.Context) (int, error) { return 0, errBoom }, task.Named("child"))
			err := task.Sleep(ctx, time.Hour)
			j.Add("the body is canceled")
			return err
		})
		wantGroupErrors(t, err, errBoom)
	}, loop.WithTaskFactory(factory.NewLazy(hook)))
	j.Want(t, "the hook is told", "the body is canceled")
}

// If Go panics, the task is not made, and is no member: the group does not wait for it.
func TestGroupOfATaskThatIsNotMade(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "WithGroup", task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			over := make(chan struct{})
			go func() {
				defer close(over)
				testkit.Panics(t, "loop: spawning a task from another goroutine", func() { _ = g.Go(func(context.Context) error { return nil }) })
			}()
			<-over
			return nil
		}), nil)
	}, loop.WithDebug())
}

// The panic of the body goes on, and the error of a member is reported.
func TestGroupPanicInTheBodyAndAMemberThatFails(t *testing.T) {
	var told failures
	play(t, func(ctx context.Context) {
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				mustGoIn(t, g, stubborn(time.Second, 0, errBoom))
				mustGoIn(t, g, stubborn(2*time.Second, 0, errCause))
				yields(t, ctx, 1)
				panic("ouch")
			})
		}, task.Named("parent"))
		_, err := parent.Await(ctx)
		p, ok := err.(*task.PanicError)
		if !ok || p.Value != "ouch" {
			t.Errorf("the parent ended with %v", err)
		}
		wantTime(t, ctx, 2*time.Second)
		told.want(t,
			"a task failed and its error was never retrieved: parent: boom",
			"a task failed and its error was never retrieved: parent: the cause")
	}, told.option())
}

func TestGroupPanicInTheBody(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			defer j.Add("the parent goes on")
			return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				mustGoIn(t, g, func(ctx context.Context) (int, error) {
					_, err := hangs(ctx)
					_ = task.Sleep(ctx, time.Second)
					j.Add("the task ends: %v", err)
					return 0, err
				})
				yields(t, ctx, 1)
				panic(errBoom)
			})
		}, task.Named("parent"))
		_, err := parent.Await(ctx)
		j.Want(t, "the task ends: canceled", "the parent goes on")
		p, ok := err.(*task.PanicError)
		if !ok || p.Value != any(errBoom) || p.Task != "parent" {
			t.Errorf("the parent ended with %v", err)
		}
		wantTime(t, ctx, time.Second)
	})
}

func TestGroupGoexitInTheBody(t *testing.T) {
	var j looptest.Journal
	exited := testkit.Goexits(func() {
		_ = playToEnd(t, func(ctx context.Context) {
			_ = task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				defer j.Add("body unwound")
				mustGoIn(t, g, func(ctx context.Context) (int, error) {
					defer j.Add("task unwound")
					return hangs(ctx)
				})
				yields(t, ctx, 1)
				runtime.Goexit()
				return nil
			})
			j.Add("never")
		})
	})
	if !exited {
		t.Error("the Goexit did not reach the goroutine that called Run")
	}
	j.Want(t, "body unwound", "task unwound")
}

func TestGroupPanicInATask(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			mustGoIn(t, g, func(context.Context) (int, error) { panic("ouch") }, task.Named("it"))
			return nil
		})
		var p *task.PanicError
		if !errors.As(err, &p) || p.Value != "ouch" {
			t.Errorf("WithGroup: %v", err)
		}
		wantText(t, err, `it: panic in task "it": ouch`)
	})
}

// If a body panics with the cancellation that it got, that is a panic, and no cancellation.
func TestGroupPanicWithACancellation(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			a := mustGoIn(t, g, func(ctx context.Context) (int, error) {
				if _, err := hangs(ctx); err != nil {
					panic(err)
				}
				return 0, nil
			})
			yields(t, ctx, 1)
			a.Cancel(nil)
			return nil
		})
		var p *task.PanicError
		if !errors.As(err, &p) {
			t.Errorf("WithGroup: %v", err)
		}
	})
}

// A time limit is no cancellation: a task of the group that returns a TimeoutError has failed.
func TestGroupTaskThatTimesOutFails(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			mustGoIn(t, g, func(ctx context.Context) (int, error) {
				return task.WaitFor(ctx, future.New[int](ctx), time.Second)
			})
			return nil
		})
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		testkit.Equal(t, "errors", len(groupErrors(t, err)), 1)
	})
}

func TestGroupUnderATimeout(t *testing.T) {
	play(t, func(ctx context.Context) {
		var a *task.Task[int]
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				a = mustGoIn(t, g, hangs)
				return nil
			})
		})
		if _, ok := err.(*task.TimeoutError); !ok {
			t.Errorf("Timeout: %v", err)
		}
		if !a.Canceled() {
			t.Error("the task was not canceled")
		}
		testkit.Equal(t, "requests", task.Current(ctx).CancelRequests(), 0)
	})
}

// An expired limit ends only the context of its scope, even if a group in the scope fails and makes
// the request again.
func TestGroupThatFailsUnderATimeoutLeavesTheTasksContextAlone(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, stubborn(0, 0, errBoom))
				return nil
			})
		})
		wantGroupErrors(t, err, errBoom)
		testkit.Equal(t, "requests", task.Current(ctx).CancelRequests(), 0)
		if derived.Err() != nil {
			t.Errorf("the limit has ended the task's own context: %v", context.Cause(derived))
		}
	})
}

// The tasks of a group inherit the values of the body's context, and not its time limits, as with Go.
func TestGroupTasksInheritValues(t *testing.T) {
	type key struct{}
	play(t, func(ctx context.Context) {
		_ = task.WithGroup(context.WithValue(ctx, key{}, "v"), func(ctx context.Context, g *task.Group) error {
			testkit.Equal(t, "the value in the body", ctx.Value(key{}), any("v"))
			return g.Go(func(ctx context.Context) error {
				testkit.Equal(t, "the value in the task", ctx.Value(key{}), any("v"))
				if _, ok := ctx.Deadline(); ok {
					t.Error("the task has a deadline")
				}
				return nil
			})
		})
	})
}

func TestGroupContextEndsWithTheGroup(t *testing.T) {
	play(t, func(ctx context.Context) {
		var inner context.Context
		if err := task.WithGroup(ctx, func(ctx context.Context, _ *task.Group) error {
			inner = ctx
			return nil
		}); err != nil {
			t.Error(err)
		}
		select {
		case <-inner.Done():
		default:
			t.Error("the group has ended, but the context of its body has not")
		}
	})
}

// When a standard context around the group ends, the tasks are canceled, and WithGroup returns the
// cause of the context when they have ended.
func TestGroupUnderADerivedContextThatEnds(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		var a *task.Task[int]
		err := task.WithGroup(refusingSpin(derived), func(_ context.Context, g *task.Group) error {
			a = mustGoIn(t, g, stubborn(time.Second, 1, nil))
			return nil
		})
		testkit.ErrorIs(t, err, errCause)
		wantTime(t, ctx, 2*time.Second)
		if v, err := a.Result(); v != 1 || err != nil {
			t.Errorf("the task returned %v, %v, want 1 and no error", v, err)
		}
	})
}

func TestGroupUnderADerivedContextThatEndsWhileTheBodyRuns(t *testing.T) {
	play(t, func(ctx context.Context) {
		derived, cancel := context.WithCancelCause(ctx)
		var a *task.Task[int]
		err := task.WithGroup(refusingSpin(derived), func(ctx context.Context, g *task.Group) error {
			a = mustGoIn(t, g, stubborn(time.Second, 1, nil))
			yields(t, ctx, 1)
			cancel(errCause)
			err := task.Yield(ctx)
			testkit.ErrorIs(t, err, errCause)
			return err
		})
		testkit.ErrorIs(t, err, errCause)
		wantTime(t, ctx, time.Second)
		if !a.Done() {
			t.Error("WithGroup did not wait for its task")
		}
	})
}

// First the context ends, then the parent is canceled, then a task of the group fails. The request
// that is made again has the cause of the cancellation, and not the cause of the context.
func TestGroupErrorOutranksCancellationUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		var end context.CancelCauseFunc
		parent := task.Go(ctx, func(ctx context.Context) (int, error) {
			derived, cancel := context.WithCancelCause(ctx)
			end = cancel
			err := task.WithGroup(refusingSpin(derived), func(_ context.Context, g *task.Group) error {
				mustGoIn(t, g, stubborn(time.Second, 0, errBoom))
				return nil
			})
			wantGroupErrors(t, err, errBoom)
			testkit.Equal(t, "requests to cancel", task.Current(ctx).CancelRequests(), 1)
			return 0, task.Yield(ctx)
		})
		yields(t, ctx, 2)
		end(errors.New("the context's end"))
		yields(t, ctx, 2)
		parent.Cancel(errCause)
		_, err := parent.Await(ctx)
		wantText(t, causeOf(t, err), errCause.Error())
	})
}

// refusingSpin returns ctx with a check: too many calls of Err panic. So a test of code that might
// call it for ever, without a suspension, fails and does not hang.
func refusingSpin(ctx context.Context) context.Context { return &spinning{Context: ctx} }

type spinning struct {
	context.Context
	asked int
}

func (s *spinning) Err() error {
	if s.asked++; s.asked > 100_000 {
		panic("Err of a context that has ended is called again and again, without a suspension")
	}
	return s.Context.Err()
}

// If a derived context has ended because the task was canceled, the group waits for its tasks with
// the task's own context, which can still be used to await.
func TestGroupUnderAContextThatEndedWithItsTask(t *testing.T) {
	play(t, func(ctx context.Context) {
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			derived, stop := context.WithCancel(ctx)
			defer stop()
			lowlevel.Current(ctx).Cancel(errCause)
			_ = task.Yield(ctx) // delivers the cancellation
			return 0, task.WithGroup(refusingSpin(derived), func(_ context.Context, g *task.Group) error {
				return g.Go(task.Yield)
			})
		})
		_, err := x.Await(ctx)
		if cause := causeOf(t, err); cause != errCause {
			t.Errorf("the cause is %v", cause)
		}
		if n := lowlevel.LoopOf(ctx).Stats().Tasks; n != 1 {
			t.Errorf("%d tasks are left, want this one", n)
		}
	})
}

func TestGroupPanics(t *testing.T) {
	l := virtual(t)
	never := func(context.Context, *task.Group) error {
		t.Error("the body ran")
		return nil
	}
	testkit.Panics(t, "belongs to no loop", func() { _ = task.WithGroup(context.Background(), never) })
	testkit.Panics(t, "outside every task", func() { _ = task.WithGroup(l.Context(), never) })
}

// A GroupError also works if a program removes errors from it, or makes it.
func TestGroupErrorByHand(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			for _, name := range []string{"one", "two", "three"} { // all fail with the same error
				mustGoIn(t, g, fails(0, errBoom), task.Named(name))
			}
			return nil
		})
		g, ok := err.(*task.GroupError)
		if !ok || len(g.Errors) != 3 {
			t.Fatalf("the error is %v", err)
		}
		g.Errors = g.Errors[1:]
		wantText(t, g, "2 errors in a group\n\ttwo: boom\n\tthree: boom")
		g.Errors = g.Errors[:1]
		wantText(t, g, "two: boom")
		testkit.ErrorIs(t, g, errBoom)
		var one *task.TaskError
		if !errors.As(g, &one) || one.Task != "two" || one.Err != errBoom {
			t.Errorf("the error of one task is %+v", one)
		}
	})
	for want, e := range map[string]error{
		"0 errors in a group":                    &task.GroupError{},
		"boom":                                   &task.GroupError{Errors: []error{errBoom}},
		"2 errors in a group\n\tboom\n\tx: boom": &task.GroupError{Errors: []error{errBoom, &task.TaskError{Task: "x", Err: errBoom}}},
		"<nil>":                                  &task.GroupError{Errors: []error{nil}},
		"the group's body: <nil>":                &task.TaskError{},
	} {
		wantText(t, e, want)
	}
}

// In debug mode, Cancel on another goroutine panics. The group still takes tasks.
func TestGroupCanceledOnAnotherGoroutine(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Equal(t, "WithGroup", task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			over := make(chan struct{})
			go func() {
				defer close(over)
				testkit.Panics(t, "loop: Cancel from another goroutine", g.Cancel)
			}()
			<-over
			return g.Go(func(context.Context) error { return nil })
		}), nil)
	}, loop.WithDebug())
}

// A request is made again with its own cause, even if no context of the group has ended. Here the
// group runs under a limit, but does not use the context of the limit's scope.
func TestGroupMakesARequestAgainWithItsCause(t *testing.T) {
	play(t, func(ctx context.Context) {
		err := task.Timeout(ctx, time.Second, func(limited context.Context, _ *task.Deadline) error {
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				mustGoIn(t, g, func(ctx context.Context) (int, error) {
					_ = task.Sleep(ctx, time.Minute)
					return 0, errBoom
				})
				return nil
			})
			wantGroupErrors(t, err, errBoom)
			err = task.Yield(ctx)
			testkit.Equal(t, "the error of the request", err.Error(), context.Cause(limited).Error())
			return err
		})
		if _, ok := err.(*task.TimeoutError); !ok {
			t.Errorf("Timeout returned %v", err)
		}
	})
}

// If the task of a group is unwound while WithGroup waits, the group does not take the error of a
// member that goes on.
func TestGroupOfAnUnwoundTaskLosesNoError(t *testing.T) {
	var told failures
	l := loop.New(loop.WithVirtualTime(), told.option())
	task.Go(l.Context(), func(ctx context.Context) (int, error) {
		return 0, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			_, _ = task.GoIn(g, stubborn(time.Second, 0, errBoom), task.Named("member"))
			if err := task.Yield(ctx); err != nil {
				return err
			}
			l.CallSoon(runtime.Goexit) // runs on the stack of this body
			return task.Sleep(ctx, time.Hour)
		})
	})
	testkit.Equal(t, "the driver was ended", driverExits(func() { _ = l.Run() }), true)
	testkit.Equal(t, "Run", l.Run(), nil)
	l.Close()
	told.want(t, "a task failed and its error was never retrieved: member: boom")
}

// A nil machine has its own message in a group, too.
func TestGoMachineInOfANilMachineFunc(t *testing.T) {
	play(t, func(ctx context.Context) {
		_ = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
			testkit.Panics(t, "task: GoMachine of a nil machine; give it one to run", func() {
				_, _ = task.GoMachineIn(g, task.MachineFunc[int](nil))
			})
			return nil
		})
	})
}
