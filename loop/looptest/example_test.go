package looptest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// The examples use a t that prints. In a test, t is the test's own: see Example.

// The task sleeps for a day, and the time limit ends the wait after an hour. Neither takes real time.
func ExampleRun() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		_, err := task.WaitFor(ctx, task.Go(ctx, func(ctx context.Context) (int, error) {
			return 42, task.Sleep(ctx, 24*time.Hour)
		}), time.Hour)
		fmt.Println(err, "after", lowlevel.LoopOf(ctx).Elapsed()) // no real time passes
	})
	// Output: time limit of 1h0m0s expired after 1h0m0s
}

// Run fails the test if the body leaves a timer armed.
func ExampleRun_leaks() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		lowlevel.LoopOf(ctx).CallLater(time.Minute, func() {})
	})
	// Output: looptest: a timer is still armed when the body has ended, for 1m0s after the start; cancel its handle, or end the time limit that armed it
}

// The schedule is the one that the example of Explore prints.
func ExampleReplay() {
	t := printer{}
	looptest.Replay(t, "takt2:AAADAAEBAQECAAIAAQACAAABAAIB", twoCustomers)
	// Output:
	// example_explore_test.go:44: -1 in stock
	//
	// The deviations, by step:
	// 	   2  bob ran before ann
	// 	   3  bob ran before ann
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   main  its start → example_explore_test.go:40  made ann, made bob
	// 	   2 * bob   its start → example_explore_test.go:33
	// 	   3 * bob   example_explore_test.go:33 → example_explore_test.go:33
	// 	   4   ann   its start → example_explore_test.go:20
	// 	   5   bob   example_explore_test.go:33 → example_explore_test.go:20
	// 	   6   ann   example_explore_test.go:20 → its end
	// 	   7   bob   example_explore_test.go:20 → its end
	// 	   8   main  example_explore_test.go:40 → its end
	// 	       ! example_explore_test.go:44: -1 in stock
}

// orderOf explores a program of two tasks with two steps each, and prints the different orders.
func orderOf(s looptest.Strategy) {
	orders := map[string]bool{}
	looptest.Explore(printer{}, s, func(ctx context.Context, _ *looptest.T) {
		order := ""
		steps := func(name string) func(ctx context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				order += name
				err := task.Yield(ctx)
				order += name
				return 0, err
			}
		}
		_, _ = task.Gather(task.Go(ctx, steps("a")), task.Go(ctx, steps("b"))).Await(ctx)
		orders[order] = true
	})
	fmt.Println(orders) // fmt sorts the keys of a map
}

// Exhaustive runs all 4!/(2!·2!) orders.
func ExampleExhaustive() {
	orderOf(looptest.Exhaustive(0))
	// Output: map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

// Without a deviation there is one order. With one deviation there are three more.
func ExampleDelayBounded() {
	orderOf(looptest.DelayBounded(0))
	orderOf(looptest.DelayBounded(1))
	// Output:
	// map[abab:true]
	// map[aabb:true abab:true abba:true baba:true]
}

// Three schedules show three new orders, since no schedule is run twice; a hundred show all six.
func ExampleRandom() {
	orderOf(looptest.Random(1, 3))
	orderOf(looptest.Random(1, 100))
	// Output:
	// map[aabb:true abab:true abba:true baba:true]
	// map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

// Three schedules, in each of which two or three tasks are interleaved uniformly.
func ExampleSample() {
	orderOf(looptest.Sample(1, 3))
	orderOf(looptest.Sample(1, 100))
	// Output:
	// map[abab:true abba:true baab:true baba:true]
	// map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

// With depth 1 the task with the higher priority runs first, to its end: aabb. The second schedule would
// be the same, so another one is run. (The first run of every exploration is first in, first out: abab.)
func ExamplePCT() {
	orderOf(looptest.PCT(1, 1, 1))
	orderOf(looptest.PCT(1, 2, 1))
	// Output:
	// map[aabb:true abab:true]
	// map[aabb:true abab:true abba:true]
}

// Without TimePasses this test passes, since the work takes no time. On a busy machine a minute may
// pass before the work is done.
func ExampleTimePasses() {
	t := printer{}
	looptest.Explore(t, looptest.DelayBounded(1), func(ctx context.Context, t *looptest.T) {
		work := task.Go(ctx, func(ctx context.Context) (int, error) { return 42, task.Yield(ctx) }, task.Named("work"))
		if _, err := task.WaitFor(ctx, work, time.Minute); err != nil {
			t.Error(err)
		}
	}, looptest.TimePasses())
	// Output:
	// example_test.go:128: time limit of 1m0s expired
	//
	// It fails with 1 deviation from first in, first out (DelayBounded(1), after 2 schedules). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AgACAAEBAQABAQEA", body)
	//
	// The deviation, by step:
	// 	   2  time passed before work ran
	//
	// It fails in 2 of all 4 schedules. The order of the steps does not tell in which.
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   0s    main  its start → example_test.go:127          made work
	// 	   2 * 1m0s        time passes before the ready tasks run
	// 	   3   1m0s  work  its start → example_test.go:126
	// 	   4   1m0s  work  example_test.go:126 → its end, canceled  woke main
	// 	   5   1m0s  main  example_test.go:127 → its end
	// 	       ! example_test.go:128: time limit of 1m0s expired
}

// With the eager task factory the body of a new task runs inside the call that makes the task. So
// the variable worker is not set yet.
func ExampleBothFactories() {
	t := printer{}
	looptest.Explore(t, looptest.DelayBounded(0), func(ctx context.Context, t *looptest.T) {
		var worker *task.Task[int]
		worker = task.Go(ctx, func(ctx context.Context) (int, error) {
			if worker == nil {
				t.Log("the body runs before worker is set")
				t.Fail()
			}
			return 42, nil
		}, task.Named("worker"))
	}, looptest.BothFactories())
	// Output:
	// example_test.go:159: the body runs before worker is set
	//
	// It fails first in, first out (DelayBounded(0), in the first run, eager task factory). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AQAAAAA", body)
	//
	// The program has no other schedule.
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   main    its start → its end  made worker
	// 	   2   worker  its start → its end
	// 	       - example_test.go:159: the body runs before worker is set
}

// Settle waits until the worker sleeps. No time passes meanwhile.
func ExampleSettle() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
		worker := task.Go(ctx, func(ctx context.Context) (int, error) {
			for i := range 3 {
				fmt.Println("step", i)
				if err := task.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return 42, task.Sleep(ctx, time.Hour)
		})
		_ = looptest.Settle(ctx)
		fmt.Println("the worker", worker.Task().Status())
		worker.Cancel(nil)
		_ = worker.Wait(ctx)
	})
	// Output:
	// step 0
	// step 1
	// step 2
	// the worker sleeps until 1h0m0s
}

// Elapse returns when the timers that came due have fired and the woken tasks have run.
func ExampleElapse() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
		ticker := task.Go(ctx, func(ctx context.Context) (int, error) {
			for ticks := 1; ; ticks++ {
				if err := task.Sleep(ctx, time.Second); err != nil {
					return ticks, err
				}
				fmt.Println("tick", ticks)
			}
		})
		_ = looptest.Elapse(ctx, 2*time.Second)
		fmt.Println("two seconds later")
		_ = looptest.Elapse(ctx, time.Second)
		ticker.Cancel(nil)
		_ = ticker.Wait(ctx)
	})
	// Output:
	// tick 1
	// tick 2
	// two seconds later
	// tick 3
}

// Advance moves the clock while no task or callback runs, as if the machine had slept.
func ExampleClock() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
		l := lowlevel.LoopOf(ctx)
		l.CallLater(time.Second, func() { fmt.Println("one second, at", l.Elapsed()) })
		l.CallLater(time.Hour, func() { fmt.Println("one hour, at", l.Elapsed()) })
		looptest.Clock(ctx).Advance(2 * time.Hour)
		_ = looptest.Settle(ctx)
	})
	// Output:
	// one second, at 2h0m0s
	// one hour, at 2h0m0s
}

// The second customer was spawned first, but the Sequencer lets it run second. The shop sells one
// piece twice: see the example of Explore.
func ExampleSequencer() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, _ *looptest.T) {
		var order looptest.Sequencer
		shop := &Shop{stock: 1}
		customer := func(arrives int) func(ctx context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if err := order.Step(ctx, arrives); err != nil {
					return 0, err
				}
				fmt.Println("customer", arrives)
				return 0, shop.Sell(ctx)
			}
		}
		second, first := task.Go(ctx, customer(1)), task.Go(ctx, customer(0))
		_, _ = task.Gather(first, second).Await(ctx)
		fmt.Println(shop.stock, "in stock")
	})
	// Output:
	// customer 0
	// customer 1
	// -1 in stock
}

// The test wants a callback in the wrong place, and Want shows the difference.
func ExampleJournal() {
	looptest.Run(printer{}, func(ctx context.Context, t *looptest.T) {
		var log looptest.Journal
		steps := func(name string) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				log.Add("%s starts", name)
				err := task.Sleep(ctx, time.Second)
				log.Add("%s ends", name)
				return 0, err
			}
		}
		a, b := task.Go(ctx, steps("a")), task.Go(ctx, steps("b"))
		lowlevel.LoopOf(ctx).CallSoon(log.Callback("callback"))
		if err := task.Gather(a, b).Wait(ctx); err != nil {
			t.Error(err)
		}
		log.Want(t, "a starts", "b starts", "a ends", "callback", "b ends")
	})
	// Output:
	// the journal differs at line 3 (- is wanted, + was recorded):
	// 	  "a starts",
	// 	  "b starts",
	// 	- "a ends",
	// 	- "callback",
	// 	+ "callback",
	// 	+ "a ends",
	// 	  "b ends",
}
