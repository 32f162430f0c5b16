package looptest

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strconv"
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
// describes the marked goroutines that still exist; it returns an empty string if there are none. If t
// belongs to a run, the calling goroutine gets the mark of that run back.
func markGoroutines(t testing.TB) (ctx context.Context, left func() string) {
	around := context.Background()
	if t, ok := t.(*T); ok && t.run != nil {
		around = t.run.outer
	}
	label := fmt.Sprintf("mark %d", marks.Add(1))
	ctx = pprof.WithLabels(around, pprof.Labels("looptest", label))
	pprof.SetGoroutineLabels(ctx)
	return ctx, func() string {
		pprof.SetGoroutineLabels(around)
		stacks := goroutinesOf(label)
		if stacks == "" {
			return ""
		}
		return "looptest: goroutines are left when the body has ended:\n" + stacks
	}
}

// findGoroutines marks the calling goroutine, and returns a function that fails t if goroutines with the
// mark are left.
func findGoroutines(t testing.TB) (ctx context.Context, find func()) {
	ctx, left := markGoroutines(t)
	return ctx, func() {
		t.Helper()
		if text := left(); text != "" {
			t.Error(text)
		}
	}
}

// parallel is the name of the function in which a parallel subtest waits until its parent test has
// returned.
var parallel = runtime.FuncForPC(reflect.ValueOf((*testing.T).Parallel).Pointer()).Name()

// goroutinesOf describes the goroutines with the label. It waits for up to a second, since a
// goroutine may be about to end.
func goroutinesOf(label string) string {
	mark := fmt.Sprintf("%q:%q", "looptest", label)
	var left []string
	for pause := time.Microsecond; pause < 500*time.Millisecond; pause *= 2 {
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		left = nil
		for record := range strings.SplitSeq(all.String(), "\n\n") {
			// A parallel subtest that the body started may wait there until the test has returned.
			if strings.Contains(record, mark) && !strings.Contains(record, parallel) {
				left = append(left, goroutineText(record))
			}
		}
		if left == nil {
			return ""
		}
		time.Sleep(pause)
	}
	return strings.Join(firstLines(strings.Join(left, "\n"), 20), "\n")
}

// goroutineText describes the goroutines of a record in the profile, which all have the same stack:
// how many they are, and the first frames of the stack.
func goroutineText(record string) string {
	const most = 4 // frames
	text := ""
	for line := range strings.Lines(record) {
		if number, _, ok := strings.Cut(line, " @ "); ok {
			n, _ := strconv.Atoi(number)
			text = "\t" + plural(n, "goroutine", "goroutines")
		}
	}
	frames := recordFrames(record)
	for i, f := range frames[:min(most, len(frames))] {
		how := ", called from "
		if i == 0 {
			how = " at "
		}
		text += how + filepath.Base(f.place) + ", in " + filepath.Base(f.function)
	}
	return text
}

// A recordFrame is a frame of a stack in the profile.
type recordFrame struct{ function, place string }

// ofStandard reports whether the function is one of the standard library.
func (f recordFrame) ofStandard() bool { return standard != "" && strings.HasPrefix(f.place, standard) }

// recordFrames returns the frames in a record of the profile.
func recordFrames(record string) (frames []recordFrame) {
	for line := range strings.SplitSeq(record, "\n") {
		// A line of a frame is: #, the address, the function with an offset, the place.
		if fields := strings.Split(line, "\t"); len(fields) >= 4 && fields[0] == "#" {
			function, _, _ := strings.Cut(fields[2], "+0x")
			frames = append(frames, recordFrame{function, strings.TrimSpace(fields[len(fields)-1])})
		}
	}
	return frames
}
