package loop

import (
	"runtime"
	"time"
)

// oneThread says that all goroutines share one thread, which the Go scheduler takes from
// none of them. Switches of stacks never enter the scheduler, so a loop that is never idle
// would keep every other goroutine from running, and with it all that comes from outside.
const oneThread = true

// thread is when the others had it last.
type thread struct{ others time.Time }

// The times by which the Go scheduler has its way elsewhere, and the shortest sleep that
// JavaScript's event loop knows.
const (
	quantum = 10 * time.Millisecond
	pause   = time.Millisecond
)

// letOthersRun lets the other goroutines run where the loop has had the thread for a while
// and something may come from outside. Inside Run it sleeps: only when every goroutine
// waits, the runtime looks for input and output, and returns to JavaScript's event loop.
// RunOnce and RunUntilIdle never sleep: JavaScript may have called them.
func (t *thread) letOthersRun(l *Loop) {
	if l.clock.Jumps() && !l.outside.Owed() && !l.outside.Watching() {
		return
	}
	if t.others.IsZero() {
		t.othersRan()
	}
	if time.Since(t.others) < quantum {
		return
	}
	if l.mode == modeRun {
		time.Sleep(pause)
	} else {
		runtime.Gosched()
	}
	t.othersRan()
}

func (t *thread) othersRan() { t.others = time.Now() }
