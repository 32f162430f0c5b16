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
}

type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Name() string                      { return "TestOfTheExample" }
func (printer) Skipped() bool                     { return false }
func (printer) Log(args ...any)                   { fmt.Println(args...) }
func (printer) Logf(string, ...any)               {}
func (printer) Error(args ...any)                 { fmt.Println(args...) }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printer) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
