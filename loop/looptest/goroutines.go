package looptest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

var runs atomic.Int64

// checkGoroutines calls f, and then looks for goroutines that it has left behind. A
// goroutine inherits the profiler labels of the one that starts it: so those of this
// test are told from those of others that run beside it.
func checkGoroutines(r *run, f func()) {
	label := fmt.Sprintf("run %d", runs.Add(1))
	outer := context.Background()
	defer func() {
		pprof.SetGoroutineLabels(outer)
		if left := goroutinesOf(label); left != "" {
			r.find(leaked, "goroutines are left when the body has ended:\n%s", left)
		}
	}()
	pprof.SetGoroutineLabels(pprof.WithLabels(outer, pprof.Labels("looptest", label)))
	f()
}

// goroutinesOf returns the stacks of the goroutines with the label. One that is on its
// way out gets a moment to be gone.
func goroutinesOf(label string) string {
	mark := fmt.Sprintf("%q:%q", "looptest", label)
	var left string
	for pause := time.Microsecond; pause < 500*time.Millisecond; pause *= 2 {
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		left = ""
		for record := range strings.SplitSeq(all.String(), "\n\n") {
			if strings.Contains(record, mark) {
				left += record + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		time.Sleep(pause)
	}
	return strings.TrimSpace(left)
}
