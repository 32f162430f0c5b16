package loop

import (
	"runtime"
	"testing"
	"time"
)

// RunOnce and RunFor do not give way, because their hosts wait between the calls, and nor does a driver that
// has locked its thread.
func TestWhichDriversGiveWay(t *testing.T) {
	for what, c := range map[string]struct {
		run  func(l *Loop)
		want bool
	}{
		"RunUntilIdle": {(*Loop).RunUntilIdle, true},
		"Run":          {func(l *Loop) { l.CallSoon(l.Stop); _ = l.Run() }, true},
		"RunOnce":      {func(l *Loop) { l.RunOnce() }, false},
		"RunFor":       {func(l *Loop) { l.RunFor(time.Hour) }, false},
		"on a locked thread": {func(l *Loop) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			l.RunUntilIdle()
		}, runtime.GOARCH == "wasm"}, // there is one thread for all goroutines, and a lock changes nothing
	} {
		t.Run(what, func(t *testing.T) {
			l := busyLoop()
			defer l.Close()
			c.run(l)
			if got := l.way.next != 0; got != c.want {
				t.Errorf("the loop gave way: %t, want %t", got, c.want)
			}
		})
	}
}

// A loop that was away for some time does not give way again before it has run for longer.
func TestALoopThatWasAwayRunsFirst(t *testing.T) {
	l := busyLoop()
	defer l.Close()
	next := time.Since(wayStart) + time.Hour
	l.way.next = next
	l.RunUntilIdle()
	if l.way.next != next {
		t.Error("the loop gave way too early")
	}
}

// busyLoop returns a loop that has enough to do to give way.
func busyLoop() *Loop {
	l := New()
	for range wayEvery {
		l.CallSoon(func() {})
	}
	return l
}
