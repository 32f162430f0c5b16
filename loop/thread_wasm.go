package loop

import (
	"runtime"
	"time"
)

// oneThread says that all goroutines share one thread, and that the Go scheduler never takes the
// thread away from a goroutine. A switch of stacks does not enter the scheduler. So a loop that is
// never idle would keep all other goroutines from running, and no event would come from outside.
const oneThread = true

// thread remembers when the other goroutines had the thread last.
type thread struct{ others time.Time }

const (
	quantum = 10 * time.Millisecond // on other systems the Go scheduler preempts a goroutine after this time
	pause   = time.Millisecond      // the shortest sleep of JavaScript's event loop
)

// letOthersRun lets the other goroutines run, if the loop has had the thread for a while and an
// event may come from outside. Inside Run it sleeps, because the runtime looks for input and
// output, and returns to JavaScript's event loop, only when every goroutine waits. RunOnce,
// RunUntilIdle and RunFor must not sleep, because JavaScript may have called them.
func (t *thread) letOthersRun(l *Loop) {
	if l.clock.Jumps() && !l.outside.Owed() && !l.outside.Watching() && l.wakers.Len() == 0 {
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
