package looptest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// A Shop has a stock of pieces to sell.
type Shop struct{ stock int }

// Sell sells one piece, if the stock is not empty. The bug: it may be empty after the Yield.
func (s *Shop) Sell(ctx context.Context) error {
	if s.stock == 0 {
		return nil
	}
	if err := task.Yield(ctx); err != nil { // the customer pays
		return err
	}
	s.stock--
	return nil
}

// twoCustomers lets two customers buy the last piece. The second customer comes two turns later.
func twoCustomers(ctx context.Context, t *looptest.T) {
	shop := &Shop{stock: 1}
	customer := func(name string, delay int) *task.Task[struct{}] {
		return task.Go(ctx, func(ctx context.Context) (struct{}, error) {
			for range delay {
				if err := task.Yield(ctx); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, shop.Sell(ctx)
		}, task.Named(name))
	}
	if err := task.Gather(customer("ann", 0), customer("bob", 2)).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if shop.stock < 0 {
		t.Errorf("%d in stock", shop.stock)
	}
}

// A condition that was checked before an await does not hold after it. Explore finds an order in
// which both customers buy the last piece.
//
// In a test, t is the test's own:
//
//	func TestTwoCustomers(t *testing.T) {
//		looptest.Explore(t, looptest.Sample(1, 1000), twoCustomers)
//	}
func ExampleExplore() {
	t := printer{}
	looptest.Explore(t, looptest.Sample(1, 1000), twoCustomers)
	// Output:
	// example_explore_test.go:44: -1 in stock
	//
	// It fails with 2 deviations from first in, first out (Sample(1, 1000), after 2 schedules). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AAADAAEBAQECAAIAAQACAAABAQIC", body)
	//
	// The deviations, by step:
	// 	   2  bob ran before ann
	// 	   5  bob ran before ann
	//
	// It fails in 8 of all 15 schedules, which are exactly those in which
	// 	bob step 3 (example_explore_test.go:33) comes before ann step 2 (example_explore_test.go:20).
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   main  its start → example_explore_test.go:40  made ann, made bob
	// 	   2 * bob   its start → example_explore_test.go:33
	// 	   3   ann   its start → example_explore_test.go:20
	// 	   4   bob   example_explore_test.go:33 → example_explore_test.go:33
	// 	   5 * bob   example_explore_test.go:33 → example_explore_test.go:20
	// 	   6   ann   example_explore_test.go:20 → its end
	// 	   7   bob   example_explore_test.go:20 → its end
	// 	   8   main  example_explore_test.go:40 → its end
	// 	       ! example_explore_test.go:44: -1 in stock
}

// A printer takes the place of a test's own t in the examples. It prints the failures.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Name() string                      { return "TestOfTheExample" }
func (printer) Skipped() bool                     { return false }
func (printer) Failed() bool                      { return false }
func (printer) Log(args ...any)                   { fmt.Println(args...) }
func (printer) Logf(string, ...any)               {} // go test -v would show these texts
func (printer) Error(args ...any)                 { fmt.Println(args...) }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printer) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
