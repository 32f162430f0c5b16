package looptest_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/takt-go/takt/loop/looptest"
)

// A headline takes the place of a test's own t. It prints the first line of each failure.
type headline struct{ printer }

func (headline) Error(args ...any) {
	first, _, _ := strings.Cut(fmt.Sprint(args...), "\n")
	fmt.Println(first)
}

// Without KeepGoing the first failure ends the exploration.
func ExampleKeepGoing() {
	replies := func(_ context.Context, t *looptest.T) {
		switch n := t.Choose("reply", 5); n {
		case 1, 2:
			t.Errorf("the reply is %d ms late", n)
		case 3:
			t.Error("the reply is lost")
		}
	}
	looptest.Explore(headline{}, looptest.DelayBounded(1), replies, looptest.KeepGoing(5))
	// Output:
	// example_campaign_test.go:24: the reply is 1 ms late
	// example_campaign_test.go:26: the reply is lost
}
