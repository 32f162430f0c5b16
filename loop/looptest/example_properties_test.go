package looptest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// A node becomes the leader unless there is one. The bug: it decides before an await.
func node(leaders map[string]bool) func(ctx context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) {
		name := task.Current(ctx).Name()
		if len(leaders) == 0 {
			if err := task.Yield(ctx); err != nil { // the node writes to its log
				return struct{}{}, err
			}
			leaders[name] = true
		}
		err := task.Yield(ctx)
		delete(leaders, name)
		return struct{}{}, err
	}
}

// twoNodes must never have two leaders.
func twoNodes(ctx context.Context, t *looptest.T) {
	leaders := map[string]bool{}
	t.Always("at most one leader", func() error {
		if len(leaders) > 1 {
			return fmt.Errorf("%d leaders", len(leaders))
		}
		return nil
	})
	a := task.Go(ctx, node(leaders), task.Named("a"))
	if err := task.Yield(ctx); err != nil {
		t.Fatal(err)
	}
	b := task.Go(ctx, node(leaders), task.Named("b"))
	if err := task.Gather(a, b).Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// A property is checked after every step. So the report ends with the step that breaks it, and
// not with the assertion that notices it later.
func ExampleT_Always() {
	t := printer{}
	looptest.Explore(t, looptest.Sample(1, 1000), twoNodes)
	// Output:
	// looptest: Always("at most one leader") does not hold after step 2 of b: 2 leaders
	//
	// It fails with 1 deviation from first in, first out (Sample(1, 1000), after 14 schedules). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AAADAAEBAQECAAEAAQECAA", body)
	//
	// The deviation, by step:
	// 	   4  b ran before a
	//
	// It fails in 12 of all 31 schedules, which are exactly those in which
	// 	a step 1 (its start) comes before b step 2 (example_properties_test.go:18), and
	// 	b step 1 (its start) comes before a step 2 (example_properties_test.go:18), and
	// 	a step 2 (example_properties_test.go:18) comes before b step 3, which may never come, and
	// 	b step 2 (example_properties_test.go:18) comes before a step 3 (example_properties_test.go:23), which may never come.
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   main  its start → example_properties_test.go:39                      made a
	// 	   2   a     its start → example_properties_test.go:18
	// 	   3   main  example_properties_test.go:39 → example_properties_test.go:43  made b
	// 	   4 * b     its start → example_properties_test.go:18
	// 	   5   a     example_properties_test.go:18 → example_properties_test.go:23
	// 	   6   b     example_properties_test.go:18 → example_properties_test.go:23
	// 	       ! Always("at most one leader"): 2 leaders
}

// delivery sends a message until it arrives. The network loses it at most once.
func delivery(ctx context.Context, t *looptest.T) {
	arrived, lost := false, 0
	t.Eventually("the message arrives", func() error {
		if !arrived {
			return errors.New("it has not arrived")
		}
		return nil
	})
	task.Go(ctx, func(ctx context.Context) (struct{}, error) {
		for lost < 1 && t.Chance("lost", 0.5) {
			lost++
			if err := task.Sleep(ctx, time.Second); err != nil {
				return struct{}{}, err
			}
		}
		arrived = true
		t.Sometimes("it is lost once", lost == 1)
		t.Sometimes("it is lost twice", lost == 2)
		return struct{}{}, nil
	})
}

// The body ends before the message has arrived, and the run goes on until the property holds. All
// schedules pass, but in none of them the message is lost twice.
func ExampleT_Sometimes() {
	t := printer{}
	looptest.Explore(t, looptest.Sample(1, 100), delivery)
	// Output:
	// looptest: Sometimes("it is lost twice"): no schedule hit it. The program called it in 2 of 2 schedules. Run more schedules, or make the case more likely, or remove the call if the case cannot occur. If its name is misspelled: others are "it is lost once".
}
