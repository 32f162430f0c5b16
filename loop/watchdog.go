package loop

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// A watchdog tells of a step or callback that holds the loop up, while it does so: a lock
// that is held over an await, or a blocking call, never comes to the end at which it
// would be reported ([SlowStep]). It is there in debug mode only.
//
// A step costs it two small allocations, and no timer: the timer goes off again and again
// while the loop runs, and looks for how long the step at hand has run. It stands still
// while the loop waits.
type watchdog struct {
	now   atomic.Pointer[watched] // nil between steps
	mu    sync.Mutex
	timer *time.Timer
	awake bool
	limit time.Duration
	told  time.Time // when the step began of which it has told
}

// A watched is a step, as the watchdog reads it from its own goroutine; it never changes.
type watched struct {
	began     time.Time
	task      string // empty for a callback
	goroutine uint64
}

// watch notes that the running goroutine has begun a step of t, or a callback if t is nil.
func (l *Loop) watch(t *Task, began time.Time) {
	w := &watched{began: began, goroutine: l.stacks.Active.Value.who.number}
	if t != nil {
		w.task = t.Name()
	}
	l.watchdog.now.Store(w)
}

// watchOn notes that the step at hand goes on as one of t, on the running goroutine.
func (l *Loop) watchOn(t *Task) {
	if w := l.watchdog.now.Load(); w != nil { // else the loop is being closed
		l.watch(t, w.began)
	}
}

// minPause is how often the watchdog looks at most.
const minPause = time.Millisecond

// wake lets it watch.
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

// rest ends that. When it returns, the watchdog has nothing to say any more.
func (d *watchdog) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awake = false
	d.timer.Stop()
}

// look is what the timer does.
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

// tell writes to slog, as the error handler is for the loop's goroutine, which is stuck.
func (w *watched) tell(ran time.Duration) {
	defer func() { _ = recover() }() // what slog's handler makes of it is no concern of the step's
	who := "a callback"
	if w.task != "" {
		who = fmt.Sprintf("a step of task %q", w.task)
	}
	slog.Error("takt: "+who+" holds the loop up, and has not ended yet; use task.Blocking for what blocks, and task.Yield in what computes",
		"for", ran, "stack", bodyText(goroutine.Stack(w.goroutine)))
}
