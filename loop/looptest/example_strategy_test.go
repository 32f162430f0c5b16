package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// stay is a strategy with n schedules. At nine of ten choice points the task that was picked last goes
// on. So a task often takes many steps in a row, and the others wait.
type stay struct {
	seed uint64
	n    int
}

func (s stay) String() string { return fmt.Sprintf("stay(%d, %d)", s.seed, s.n) }

// Seed says that the noise of the schedules comes from the same seed.
func (s stay) Seed() uint64 { return s.seed }

// Begin heeds the environment: TAKT_SEED replaces the seed, TAKT_SCHEDULES and TAKT_SHARD change the number of
// schedules.
func (s stay) Begin(e looptest.Exploration) looptest.Search {
	return &staySearch{rand: rand.New(rand.NewPCG(e.Seed(s.seed), uint64(e.Part))), left: e.Number(s.n)}
}

type staySearch struct {
	rand *rand.Rand
	left int
}

// Next gives each walk a random source of its own, because walks may run at the same time.
func (s *staySearch) Next() looptest.Walk {
	if s.left == 0 {
		return nil
	}
	s.left--
	return &stayWalk{rand: rand.New(rand.NewPCG(s.rand.Uint64(), s.rand.Uint64()))}
}

func (s *staySearch) Ran(looptest.Walk, looptest.Outcome) {} // it learns nothing from a run

type stayWalk struct {
	rand *rand.Rand
	last uint64 // the identity of the task that was picked last
}

func (w *stayWalk) Pick(p *looptest.ChoicePoint) int {
	if p.Site() != "" {
		return p.Draw(w.rand) // a choice of the program
	}
	for i := range p.Len() {
		if p.Task(i) != nil && p.Identity(i) == w.last && w.rand.IntN(10) > 0 {
			return i
		}
	}
	i := p.Draw(w.rand)
	w.last = p.Identity(i)
	return i
}

// A program can have a strategy of its own. Explore keeps it from running a schedule twice: this program has
// 6 schedules, and the exploration ends when all of them have been run. Failures are minimised and reported as for the
// strategies of this package.
func ExampleStrategy() {
	orderOf(stay{seed: 1, n: 1000})
	// Output: map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

// Observer shows each event of each run. The clock of this run starts in 2026, and its factory is the eager one.
func ExampleObserver() {
	t := printer{}
	observe := func(e loop.Event) {
		if e.Kind == loop.TaskDone {
			fmt.Println(e.At, e.Task.Name(), "is done")
		}
	}
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		worker := task.Go(ctx, func(ctx context.Context) (struct{}, error) {
			fmt.Println("the worker starts at", looptest.Clock(ctx).Start())
			return struct{}{}, task.Sleep(ctx, time.Hour)
		}, task.Named("worker"))
		fmt.Println("main waits")
		if err := worker.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}, looptest.Observer(observe), looptest.Factory(factory.Eager), looptest.StartAt(time.Date(2026, time.May, 1, 9, 0, 0, 0, time.UTC)))
	// Output:
	// the worker starts at 2026-05-01 09:00:00 +0000 UTC
	// main waits
	// 1h0m0s worker is done
	// 1h0m0s main is done
}
