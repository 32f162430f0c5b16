package looptest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A watchdog tells of a step that blocks the loop of a run, while the step still runs. A step that waits on a channel or
// for a sync.Mutex may never end, and then the exploration would hang without a word. ([Run] has the loop's own
// watchdog, that of debug mode.)
//
// An exploration has one watchdog, with one timer. It fires again and again while runs are under way. Each time the
// watchdog looks whether the counts of the lanes have changed. A count that has not changed in so many looks belongs to
// a step that has run for so many pauses. To count looks is better than to look at the time: a process that was
// stopped for an hour has not had them.
type watchdog struct {
	out   io.Writer
	rests atomic.Bool // the timer is stopped
	mu    sync.Mutex
	timer *time.Timer // nil before the first run
	ended bool
	lanes []*lane
}

const (
	lookPause = time.Second
	maxLooks  = 10 // after so many looks a step is reported
)

// A lane is a goroutine that executes runs one after the other, with the stacks that it has made.
type lane struct {
	of    *watchdog
	outer context.Context // for the runs; marks the goroutines of the lane
	mark  string          // as a profile of the goroutines shows it
	run   atomic.Pointer[run]
	beat  beat
	seen  uint32 // the count of beat
	looks int    // so many times in a row the count was seen
}

// A beat counts what a run does. Each count makes what the run has written visible to the watchdog.
//
// The watchdog reads the run only if the count has stood still. So that the run does not go on meanwhile, the watchdog
// sets held one look before. From then on the run counts before it writes: see write. So the watchdog either sees another
// count, or has locked mu before the run goes on.
type beat struct {
	count atomic.Uint32
	held  atomic.Bool
	mu    sync.Mutex
}

// write is called before the run changes what the watchdog reads.
func (b *beat) write() {
	if b != nil && b.held.Load() {
		b.mu.Lock()
		b.count.Add(1)
		b.mu.Unlock()
	}
}

// wrote is called after that.
func (b *beat) wrote() {
	if b != nil {
		b.count.Add(1)
	}
}

var lanes atomic.Int64

// watch returns a watchdog with its first lane. Call end when no run is under way any more.
func watch(outer context.Context) *lane {
	d := &watchdog{out: os.Stderr}
	d.rests.Store(true)
	return d.lane(outer)
}

// end stops the watchdog. When end has returned, the watchdog tells nothing.
func (l *lane) end() {
	d := l.of
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// lane adds a lane.
func (d *watchdog) lane(outer context.Context) *lane {
	number := fmt.Sprint(lanes.Add(1))
	l := &lane{of: d, outer: pprof.WithLabels(outer, pprof.Labels("looptest lane", number)), mark: fmt.Sprintf("%q:%q", "looptest lane", number)}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes = append(d.lanes, l)
	return l
}

// another returns another lane of the same watchdog.
func (l *lane) another(outer context.Context) *lane {
	if l == nil {
		return nil
	}
	return l.of.lane(outer)
}

// enter makes the calling goroutine, and those that it starts, a part of the lane.
func (l *lane) enter() {
	if l != nil {
		pprof.SetGoroutineLabels(l.outer)
	}
}

// begin notes that the calling goroutine executes r from now on.
func (l *lane) begin(r *run) {
	if l == nil {
		return
	}
	r.outer, r.policy.beat = l.outer, &l.beat
	l.run.Store(r)
	if d := l.of; d.rests.Load() {
		d.wake()
	}
}

// over notes that the run is over.
func (l *lane) over() {
	if l != nil {
		l.beat.write()
		l.run.Store(nil)
	}
}

func (d *watchdog) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ended || !d.rests.Swap(false):
	case d.timer == nil:
		d.timer = time.AfterFunc(lookPause, d.look)
	default:
		d.timer.Reset(lookPause)
	}
}

// look is the timer's function. It stops the timer if no run is under way of which something is left to tell. Then a
// process in which nothing else runs is one that the Go runtime ends as a deadlock.
func (d *watchdog) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return
	}
	d.rests.Store(true) // before it looks: a run that begins now sees this, or is seen
	more := false
	for _, l := range d.lanes {
		more = l.look() || more
	}
	if more {
		d.rests.Store(false)
		d.timer.Reset(lookPause)
	}
}

// look reports whether there may be something to tell later.
func (l *lane) look() (more bool) {
	r, n := l.run.Load(), l.beat.count.Load()
	switch {
	case r == nil || n != l.seen:
		l.seen, l.looks = n, 0
	case l.looks < maxLooks:
		if l.looks++; l.looks == maxLooks && !l.tell(r) {
			l.looks = 0
		}
	}
	l.beat.held.Store(l.looks == maxLooks-1)
	return r != nil && l.looks < maxLooks
}

// tell tells of the step that blocks r. It returns false if no step does: the loop waits for another goroutine, or the step
// has just ended.
func (l *lane) tell(r *run) bool {
	l.beat.mu.Lock()
	defer l.beat.mu.Unlock()
	if l.beat.count.Load() != l.seen {
		return false
	}
	frames := l.blockedAt()
	if len(frames) == 0 {
		return false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "looptest: %s: %s has run for %v and has not ended. It blocks the loop, so no other task can run:\n",
		r.test.Name(), r.policy.runs(r.closing), maxLooks*lookPause)
	for _, line := range stackLines(frames) {
		b.WriteString(line + "\n")
	}
	b.WriteString("In a task, wait by task.Recv or task.Send for a channel, by lock.Mutex in place of a sync.Mutex that is held over an await, " +
		"and by task.Blocking for a call that blocks. To replay the schedule up to here:\n")
	fmt.Fprintf(&b, "\tTAKT_REPLAY=%v\n", r.schedule())
	_, _ = l.of.out.Write([]byte(b.String()))
	return true
}

// runs describes what the recorder has noted last.
func (r *recorder) runs(closing bool) string {
	switch {
	case closing:
		return "a deferred call of a task, or a function given to Cleanup,"
	case r.current == nil:
		return "a callback"
	}
	return fmt.Sprintf("step %d of task %q", r.tasks.of(r.current).steps, short(r.current.Name()))
}

// blockedAt returns the frames of the goroutine that runs on the loop of the lane, without those of this library. There
// are none if it is the driver, and waits. Other goroutines have the mark too: the loop's other stacks, which wait
// for their turn in iter.Pull, and what the program has started.
func (l *lane) blockedAt() (frames []string) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	for record := range strings.SplitSeq(all.String(), "\n\n") {
		if !strings.Contains(record, l.mark) {
			continue
		}
		all := recordFrames(record)
		header, _, _ := strings.Cut(record, "\n")
		onLoop := strings.Count(header, " 0x") >= profileDepth // its bottom is cut off
		var own []string
		for i, f := range all {
			onLoop = onLoop || f.function == executes || f.function == "runtime.corostart"
			inside := i+1 < len(all) && f.ofStandard() && all[i+1].ofStandard() // a function of sync that Lock has called, say
			if !inside && ofProgram(f.function, f.place) {
				own = append(own, filepath.Base(f.place)+", in "+filepath.Base(f.function))
			}
		}
		if onLoop && !strings.HasPrefix(all[0].function, "iter.Pull") {
			return own
		}
	}
	return nil
}

// executes is the name of the function in which the driver of a run is.
var executes string

func init() { executes = runtime.FuncForPC(reflect.ValueOf((*run).execute).Pointer()).Name() }

// profileDepth is how many frames of a stack a profile has at most.
const profileDepth = 128
