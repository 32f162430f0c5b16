package looptest_test
import ("testing";"fmt";"time";"github.com/takt-go/takt/loop/looptest")
func TestZZ(t *testing.T) {
	for i := range bugs {
		b := &bugs[i]
		at := time.Now()
		r := b.explore(t, looptest.Sample(1, 20000))
		fmt.Println("=====", b.name, time.Since(at)); fmt.Println(r.report())
	}
}
