package queue_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/task/queue"
)

// Getting is to what waits for it as an eager task is that calls Get: the same items come, at the
// same moments. So is Putting.
func TestAskingIsLikeAnEagerTaskThatCalls(t *testing.T) {
	makes := map[string]func() *queue.Queue[int]{
		"FIFO":     func() *queue.Queue[int] { return queue.New[int](2) },
		"LIFO":     func() *queue.Queue[int] { return queue.NewLIFO[int](2) },
		"priority": func() *queue.Queue[int] { return queue.NewPriority(2, func(a, b int) bool { return a%3 < b%3 }) },
	}
	for name, make := range makes {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ops := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 20).Draw(t, "ops")
				turns := rapid.SliceOfN(rapid.Bool(), len(ops), len(ops)).Draw(t, "a turn after each")
				want, got := trades(make(), ops, turns, false), trades(make(), ops, turns, true)
				if got != want {
					t.Errorf("with futures:\n%s\nwith tasks:\n%s", got, want)
				}
			})
		})
	}
}

// trades runs the operations in a task, one after the other, and returns what happens.
func trades(q *queue.Queue[int], ops []int, turns []bool, ask bool) string {
	var j looptest.Journal
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()
	await := func(name string, f future.Any) {
		f.OnDone(func() {
			v, err := f.AnyResult()
			j.Add("%s: %v, %v", name, v, err)
		})
	}
	testkit.Spawn(l.Context(), "main", func(ctx context.Context) error {
		for at, op := range ops {
			get, put := fmt.Sprint("get ", at), fmt.Sprint("put ", at)
			switch {
			case op == 0:
				v, err := q.TryGet()
				j.Add("TryGet %d, %v", v, err)
			case op == 1:
				j.Add("TryPut %v", q.TryPut(at))
			case op < 4 && ask:
				await(get, q.Getting(ctx))
			case op < 4:
				await(get, task.Go(ctx, q.Get, task.Eager()))
			case ask:
				await(put, q.Putting(ctx, at))
			default:
				await(put, task.Go(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, q.Put(ctx, at) }, task.Eager()))
			}
			if turns[at] {
				_ = task.Yield(ctx)
			}
		}
		return nil
	})
	for turn := range 40 {
		j.Add("turn %d", turn)
		l.RunOnce()
	}
	return strings.Join(j, "\n")
}

// A taker is a machine that takes one item. Where it is canceled with the item in hand, it puts the
// item back.
type taker struct {
	q      *queue.Queue[int]
	taken  *[]int
	asked  *future.Future[int]
	before int
}

func (m *taker) Resume(ctx context.Context, err error) (int, task.Suspension, error) {
	switch {
	case m.asked == nil && err == nil && m.before > 0:
		m.before--
		return 0, task.Turn(), nil
	case m.asked == nil && err == nil:
		m.asked = m.q.Getting(ctx)
		return 0, task.On(m.asked), nil
	case m.asked == nil:
		return 0, task.End(), err
	}
	if err != nil {
		if v, none := m.asked.Result(); none == nil {
			*m.taken = append(*m.taken, v)
		}
		return 0, task.End(), err
	}
	v, _ := m.asked.Result()
	*m.taken = append(*m.taken, v)
	return 0, task.End(), nil
}

// Whatever the order in which tasks run, some of them machines and some canceled, no item is lost,
// and none is taken twice.
func TestAskingLosesNothing(t *testing.T) {
	for _, opt := range []task.Option{task.Lazy(), task.Eager()} {
		looptest.Explore(t, looptest.PCT(1, 500, 4), func(ctx context.Context, t *looptest.T) {
			const items = 5
			q := queue.New[int](1)
			var taken []int
			var all []future.Any
			for at := range 3 {
				all = append(all, task.GoMachine(ctx, task.Machine[int](&taker{q: q, taken: &taken, before: at}), opt))
			}
			all = append(all, task.Go(ctx, func(ctx context.Context) (int, error) {
				v, err := q.Get(ctx)
				if err == nil {
					taken = append(taken, v)
				}
				return v, err
			}, opt))
			cancels := all
			all = append(all, task.Go(ctx, func(ctx context.Context) (int, error) {
				for v := range items {
					if v%2 == 0 {
						all = append(all, q.Putting(ctx, v))
					} else if err := q.Put(ctx, v); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}, opt))
			for at, a := range cancels {
				all = append(all, task.Go(ctx, func(ctx context.Context) (int, error) {
					if err := testkit.Yield(ctx, 2+at); err != nil {
						return 0, err
					}
					a.Cancel(testkit.ErrCause)
					return 0, nil
				}))
			}
			if _, _, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, cancels...); err != nil {
				t.Error(err)
			}
			for len(taken) < items {
				v, err := q.Getting(ctx).Await(ctx)
				if err != nil {
					t.Fatal(err)
				}
				taken = append(taken, v)
			}
			if _, _, err := task.Wait(ctx, task.NoLimit, task.AllCompleted, all...); err != nil {
				t.Error(err)
			}
			seen := map[int]bool{}
			for _, v := range taken {
				seen[v] = true
			}
			if len(seen) != items || q.Len() != 0 {
				t.Errorf("taken: %v, left %d", taken, q.Len())
			}
		})
	}
}
