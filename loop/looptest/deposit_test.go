package looptest_test

import (
	"context"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

func deposits(ctx context.Context, t *looptest.T) {
	balance := 0
	deposit := func(ctx context.Context) (int, error) {
		before := balance
		err := task.Yield(ctx) // other tasks run here
		balance = before + 50
		return balance, err
	}
	ann := task.Go(ctx, deposit, task.Named("ann"))
	if err := task.Yield(ctx); err != nil {
		t.Fatal(err)
	}
	bob := task.Go(ctx, deposit, task.Named("bob"))
	if err := task.Gather(ann, bob).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if balance != 100 {
		t.Errorf("the balance is %d, want 100", balance)
	}
}

// Two tasks add 50 to a balance. A deposit is lost if the second task reads the balance before the
// first one has written it. The test passes in the order of the loop, first in, first out. Explore
// finds an order in which it fails.
//
// In a test, t is the test's own:
//
//	func TestDeposits(t *testing.T) {
//		looptest.Explore(t, looptest.Sample(1, 1000), deposits)
//	}
func Example() {
	t := printer{}
	looptest.Explore(t, looptest.Sample(1, 1000), deposits)
	// Output:
	// deposit_test.go:27: the balance is 50, want 100
	//
	// It fails with 1 deviation from first in, first out (Sample(1, 1000), after 2 schedules). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AAACAAEBAQABAAEAAAE", body)
	//
	// The deviation, by step:
	// 	   2  main ran before ann
	//
	// It fails in 6 of all 10 schedules, which are exactly those in which
	// 	ann step 1 (its start) comes before bob step 2 (deposit_test.go:14), and
	// 	bob step 1 (its start) comes before ann step 2 (deposit_test.go:14).
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   main  its start → deposit_test.go:19           made ann
	// 	   2 * main  deposit_test.go:19 → deposit_test.go:23  made bob
	// 	   3   ann   its start → deposit_test.go:14
	// 	   4   bob   its start → deposit_test.go:14
	// 	   5   ann   deposit_test.go:14 → its end
	// 	   6   bob   deposit_test.go:14 → its end
	// 	   7   main  deposit_test.go:23 → its end
	// 	       ! deposit_test.go:27: the balance is 50, want 100
}
