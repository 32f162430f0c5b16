package looptest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var marks atomic.Int64

// markGoroutines marks the calling goroutine, and with it those that it starts, since a
// goroutine inherits the profiler labels of the one that starts it: so those of this test
// are told from those of others that run beside it. ctx has the mark too, for loops in
// debug mode, which label their goroutines as the contexts of tasks say. Calling left
// takes the mark off, and says which of those goroutines are still there.
func markGoroutines() (ctx context.Context, left func() string) {
	label := fmt.Sprintf("mark %d", marks.Add(1))
	ctx = pprof.WithLabels(context.Background(), pprof.Labels("looptest", label))
	pprof.SetGoroutineLabels(ctx)
	return ctx, func() string {
		pprof.SetGoroutineLabels(context.Background())
		stacks := goroutinesOf(label)
		if stacks == "" {
			return ""
		}
		return "looptest: goroutines are left when the body has ended:\n" + stacks
	}
}

// parallel is the name of the function in which a subtest waits until the test has returned.
var parallel = runtime.FuncForPC(reflect.ValueOf((*testing.T).Parallel).Pointer()).Name()

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
			// A subtest of the body's may wait there until the test has returned.
			if strings.Contains(record, mark) && !strings.Contains(record, parallel) {
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
