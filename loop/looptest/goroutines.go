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

// markGoroutines marks the calling goroutine by a profiler label. A new goroutine inherits the
// labels of the goroutine that starts it, so all goroutines of this test have the mark, and those
// of parallel tests do not. ctx has the mark too: a loop in debug mode sets the labels of its
// goroutines from the contexts of its tasks. left removes the mark from the calling goroutine, and
// describes the marked goroutines that still exist; it returns an empty string if there are none.
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

// parallel is the name of the function in which a parallel subtest waits until its parent test has
// returned.
var parallel = runtime.FuncForPC(reflect.ValueOf((*testing.T).Parallel).Pointer()).Name()

// goroutinesOf returns the stacks of the goroutines with the label. It waits for up to a second,
// since a goroutine may be about to end.
func goroutinesOf(label string) string {
	mark := fmt.Sprintf("%q:%q", "looptest", label)
	var left string
	for pause := time.Microsecond; pause < 500*time.Millisecond; pause *= 2 {
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		left = ""
		for record := range strings.SplitSeq(all.String(), "\n\n") {
			// A parallel subtest that the body started may wait there until the test has returned.
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
