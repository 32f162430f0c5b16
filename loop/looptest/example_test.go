package looptest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// The examples use a t that prints; in a test it is the test's own. See ExampleExplore.

func ExampleRun() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		_, err := task.WaitFor(ctx, task.Go(ctx, func(ctx context.Context) (int, error) {
			return 42, task.Sleep(ctx, 24*time.Hour)
		}), time.Hour)
		fmt.Println(err, "after", lowlevel.LoopOf(ctx).Elapsed()) // and no time at all on the wall
	})
	// Output: time limit of 1h0m0s expired after 1h0m0s
}

func ExampleRun_leaks() {
	t := printer{}
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		lowlevel.LoopOf(ctx).CallLater(time.Minute, func() {})
	})
	// Output: looptest: a timer is still armed when the body has ended, for 1m0s after the start; cancel its handle, or end the time limit that armed it
}

// The schedule is what ExampleExplore has printed.
func ExampleReplay() {
	t := printer{}
	looptest.Replay(t, "takt1:AAUAAQIBAQI", twoCustomers)
	// Output:
	// example_explore_test.go:44: -1 in stock
	//
	// The interleaving; * marks a deviation from first in, first out:
	//
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

// orderOf explores a program of two tasks with two steps each, and counts the orders.
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

func ExampleExhaustive() {
	orderOf(looptest.Exhaustive(0)) // 4!/(2!·2!) of them
	// Output: map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

func ExampleDelayBounded() {
	orderOf(looptest.DelayBounded(0))
	orderOf(looptest.DelayBounded(1))
	// Output:
	// map[abab:true]
	// map[aabb:true abab:true abba:true baba:true]
}

func ExampleRandom() {
	orderOf(looptest.Random(1, 3))
	orderOf(looptest.Random(1, 100))
	// Output:
	// map[aabb:true abab:true baba:true]
	// map[aabb:true abab:true abba:true baab:true baba:true bbaa:true]
}

// With depth 1 one task goes first all the way, and with depth 2 that changes once. (The
// first run of every exploration is first in, first out: abab.)
func ExamplePCT() {
	orderOf(looptest.PCT(1, 100, 1))
	orderOf(looptest.PCT(1, 100, 2))
	// Output:
	// map[aabb:true abab:true bbaa:true]
	// map[aabb:true abab:true abba:true baab:true bbaa:true]
}

func ExampleTimePasses() {
	t := printer{}
	// With generous limits this passes: the work takes no time. But if the machine is
	// busy, a minute may pass before the work is done.
	looptest.Explore(t, looptest.DelayBounded(1), func(ctx context.Context, t *looptest.T) {
		work := task.Go(ctx, func(ctx context.Context) (int, error) { return 42, task.Yield(ctx) }, task.Named("work"))
		if _, err := task.WaitFor(ctx, work, time.Minute); err != nil {
			t.Error(err)
		}
	}, looptest.TimePasses())
	// Output:
	// example_test.go:111: time limit of 1m0s expired
	//
	// It fails with 1 deviation from first in, first out (DelayBounded(1), after 2 schedules). To replay this schedule:
	//
	// 	looptest.Replay(t, "takt1:AgEAAQI", body)
	//
	// The interleaving; * marks a deviation from first in, first out:
	//
	// 	   1   0s    main  its start → example_test.go:110  made work
	// 	   2 * 1m0s        time passes before the ready tasks run
	// 	   3   1m0s  work  its start → example_test.go:109
	// 	   4   1m0s  work  example_test.go:109 → its end    woke main
	// 	   5   1m0s  main  example_test.go:110 → its end
	// 	       ! example_test.go:111: time limit of 1m0s expired
}

// Each schedule is run with both task factories: with the eager one, the body of a new
// task runs inside the call that makes it.
func ExampleBothFactories() {
	t := printer{}
	looptest.Explore(t, looptest.DelayBounded(0), func(ctx context.Context, t *looptest.T) {
		var worker *task.Task[int]
		worker = task.Go(ctx, func(ctx context.Context) (int, error) {
			if worker == nil {
				t.Log("the task runs before the caller has it in hand")
				t.Fail()
			}
			return 42, nil
		}, task.Named("worker"))
	}, looptest.BothFactories())
	// Output:
	// example_test.go:139: the task runs before the caller has it in hand
	//
	// It fails first in, first out (DelayBounded(0), in the first run, eager task factory). To replay this schedule:
	//
	// 	looptest.Replay(t, "takt1:AQA", body)
	//
	// The interleaving; * marks a deviation from first in, first out:
	//
	// 	   1   main    its start → its end  made worker
	// 	   2   worker  its start → its end
	// 	       ! example_test.go:139: the task runs before the caller has it in hand
}

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
		fmt.Println("now it", worker.Task().Status())
		worker.Cancel(nil)
		_ = worker.Wait(ctx)
	})
	// Output:
	// step 0
	// step 1
	// step 2
	// now it sleeps until 1h0m0s
}

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

// Advance moves the clock without letting anybody run: as if the machine had been asleep.
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
