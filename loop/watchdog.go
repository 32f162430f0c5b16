package loop

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A watchdog reports a step or callback that blocks the loop, while the step or callback still
// runs. A [SlowStep] is reported only at the end of a step, and a step that blocks on a lock or in
// a call may never end. Only debug mode has a watchdog.
//
// A step costs two small allocations, and needs no timer of its own. One timer fires again and
// again while the loop runs. Each time, the watchdog looks how long the present step has run. The
// timer is stopped while the loop waits.
type watchdog struct {
	now   atomic.Pointer[watched] // nil between steps
	mu    sync.Mutex
	timer *time.Timer
	awake bool
	limit time.Duration
	told  time.Time // the beginning of the last step that was reported
}

// A watched has the data of a step that the watchdog's goroutine reads. Its fields never change.
type watched struct {
	began     time.Time
	task      string // empty for a callback
	goroutine uint64
}

// watch notes that a step of t, or a callback if t is nil, has begun on the running goroutine.
func (l *Loop) watch(t *Task, began time.Time) {
	w := &watched{began: began, goroutine: l.stacks.Active.Value.who.number}
	if t != nil {
		w.task = t.Name()
	}
	l.watchdog.now.Store(w)
}

// watchOn notes that the present step goes on as a step of t, on the running goroutine.
func (l *Loop) watchOn(t *Task) {
	if w := l.watchdog.now.Load(); w != nil { // nil while the loop is being closed
		l.watch(t, w.began)
	}
}

// minPause is the shortest time between two looks.
const minPause = time.Millisecond

// wake starts the watchdog, or starts it again after a rest.
func (d *watchdog) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awake = true
	if pause := max(d.limit, minPause); d.timer == nil {
		d.timer = time.AfterFunc(pause, d.look)
	} else {
		d.timer.Reset(pause)
	}
}

// rest stops the watchdog. When rest has returned, the watchdog reports nothing.
func (d *watchdog) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awake = false
	d.timer.Stop()
}

// look is the timer's function.
func (d *watchdog) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.awake {
		return
	}
	pause := d.limit
	if w := d.now.Load(); w != nil && w.began != d.told {
		if ran := time.Since(w.began); ran < d.limit {
			pause -= ran
		} else {
			d.told = w.began
			w.tell(ran)
		}
	}
	d.timer.Reset(max(pause, minPause))
}

// tell writes to slog, and not to the error handler: the handler runs on the loop's goroutine, which
// is blocked.
func (w *watched) tell(ran time.Duration) {
	defer func() { _ = recover() }() // a panic of slog's handler must not end the process
	who := "a callback"
	if w.task != "" {
		who = fmt.Sprintf("a step of task %q", w.task)
	}
	slog.Error("takt: "+who+" blocks the loop, and has not ended yet; use task.Blocking for calls that block, and task.Yield in long computations",
		"for", ran, "stack", bodyText(goroutine.Stack(w.goroutine)))
}
