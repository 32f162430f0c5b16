package sim_test

import (
	"fmt"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

func Example() {
	t := printer{}
	looptest.Explore(t, looptest.Sample(1, 1000), noNumberTwice)
	// Output:
	// tickets_test.go:59: the number 1 was given twice
	//
	// It fails with 2 deviations from first in, first out (Sample(1, 1000), after 2 schedules). To replay this schedule:
	// 	looptest.Replay(t, "takt2:AMG5icjIvYuFkQEAAgdjcmFzaCBhGWRpc2sgb2YgYSBhdCAzNjkuMTgyMzA4bXMCAgABAwAB", body)
	//
	// The faults:
	// 	369ms   crash a: 1 create undone
	// 	3.118s  start a again: incarnation 2
	//
	// The log of each node around the faults and the failure at 3.212s (3 logs in all):
	// 	a  3ms     gives 1
	// 	a  307ms   gives 2
	// 	a  3.211s  gives 1
	//
	// The interleaving; * marks a deviation from first in, first out:
	// 	   1   0s            main              its start → tickets_test.go:42  made a
	// 	   2   0s            a                 its start → tickets_test.go:19
	// 	   3   12.512µs      a                 tickets_test.go:19 → tickets_test.go:24
	// 	       ... 17 steps ...
	// 	  21   307.40557ms   a/10.0.0.2:32769  tickets_test.go:31 → its end
	// 	  22   308.769112ms  main              tickets_test.go:47 → tickets_test.go:62
	// 	  23 * 369.182308ms                    crash a
	// 	  24   369.182308ms  a                 tickets_test.go:28 → its end, unwound
	// 	  25   608.769112ms  main              tickets_test.go:62 → tickets_test.go:42
	// 	  26   1.608769112s  main              tickets_test.go:42 → tickets_test.go:62
	// 	       ... 10 steps ...
	// 	  37   3.211793387s  a                 tickets_test.go:28 → tickets_test.go:28
	// 	  38   3.211799107s  a/10.0.0.2:32772  tickets_test.go:31 → tickets_test.go:31  ×2, until 3.211814983s
	// 	  40   3.211823076s  a/10.0.0.2:32772  tickets_test.go:31 → its end
	// 	  41   3.212608349s  main              tickets_test.go:47 → its end
	// 	       ! tickets_test.go:59: the number 1 was given twice
}

type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Name() string                      { return "TestOfTheExample" }
func (printer) Skipped() bool                     { return false }
func (printer) Failed() bool                      { return false }
func (printer) Log(args ...any)                   { fmt.Println(args...) }
func (printer) Logf(string, ...any)               {}
func (printer) Error(args ...any)                 { fmt.Println(args...) }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printer) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
