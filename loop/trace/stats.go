package trace

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/loop"
)

// Stats counts the events of a loop and measures durations, by the loop's clock. Its zero value is
// ready to use. Give its Observe method to [loop.WithObserver] when the loop is made. Use one Stats
// for one loop.
//
// A *Stats is an expvar.Var:
//
//	expvar.Publish("loop", &stats)
//
// Any goroutine may call all methods except Observe. Each number that they return was true at some
// moment during the call, but not all at the same moment. An event costs some ten nanoseconds. It
// allocates nothing while the number of tasks does not grow.
//
// Only Run makes idle events. If RunOnce, RunUntilIdle or RunFor drives the loop, BusyTime stays empty, and the last turn of a
// call lasts until the first turn of the next call: TurnTime includes the time between them.
type Stats struct {
	ReadyLatency Histogram // from the moment when a task becomes ready until its step begins
	StepTime     Histogram // of steps; the step that made an eager task includes the first step of that task
	TurnTime     Histogram // from the beginning of a turn to the beginning of the next turn, or to idle
	BusyTime     Histogram // from the end of an idle time to the beginning of the next idle time; only of a loop that Run drives
	WaitTime     Histogram // from the suspension of a task until it is woken; suspensions for a turn do not count

	events  [loop.TurnBegan + 1]atomic.Int64
	ended   [Canceled + 1]atomic.Int64
	tasks   gauge
	ready   gauge
	running gauge
	waiting gauge
	timers  gauge
	phases  map[uint64]moments // by the ID of the task
	queue   gauge
	busy    bool
	since   time.Duration // when the busy time began
	inTurn  bool
	turn    time.Duration // when the turn began
}

// moments is the phase of a task, and when the phase began.
type moments struct {
	at    time.Duration
	phase phase
}

type phase uint8

const (
	phaseNew phase = iota
	phaseReady
	phaseRunning
	phaseWaiting
)

// A gauge is a number that goes up and down, and its highest value so far.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) add(n int64) {
	bump(&g.now, n)
	if now := g.now.Load(); now > g.most.Load() {
		g.most.Store(now)
	}
}

// Observe counts e. Give this method to [loop.WithObserver].
func (s *Stats) Observe(e loop.Event) {
	if int(e.Kind) < len(s.events) {
		bump(&s.events[e.Kind], 1)
	}
	if s.inTurn && (e.Kind == loop.TurnBegan || e.Kind == loop.Idle) {
		s.TurnTime.add(e.At - s.turn)
		s.inTurn = false
	}
	if e.Kind == loop.Idle {
		if s.busy {
			s.BusyTime.add(e.At - s.since)
		}
		s.busy = false
		return
	}
	if !s.busy {
		s.busy, s.since = true, e.At
	}
	switch e.Kind {
	case loop.TurnBegan:
		s.inTurn, s.turn = true, e.At
		s.queue.add(int64(e.Ready) - s.queue.now.Load())
	case loop.TaskMade:
		s.tasks.add(1)
		s.move(e, phaseReady)
	case loop.TaskWoken:
		s.move(e, phaseReady)
	case loop.StepBegan:
		s.move(e, phaseRunning)
	case loop.TaskSuspended:
		if e.On == nil && e.Timer.Seq == 0 {
			s.move(e, phaseReady) // for a turn
		} else {
			s.move(e, phaseWaiting)
		}
	case loop.TaskDone:
		outcome, _ := outcomeOf(e.Task)
		bump(&s.ended[outcome], 1)
		s.move(e, phaseNew)
		delete(s.phases, e.Task.ID())
		s.tasks.add(-1)
	case loop.TimerArmed:
		s.timers.add(1)
	case loop.TimerFired:
		s.timers.add(-1)
	case loop.TimerCanceled:
		s.timers.add(int64(e.Ready) - 1) // one that had fired has been subtracted then
	}
}

// move sets the phase of the task of e, and measures the phase that ends.
func (s *Stats) move(e loop.Event, to phase) {
	id := e.Task.ID()
	from := s.phases[id]
	if from.phase == to { // a cancellation may wake a task that is ready already
		return
	}
	took := e.At - from.at
	switch from.phase {
	case phaseReady:
		s.ready.add(-1)
		if to == phaseRunning {
			s.ReadyLatency.add(took)
		}
	case phaseRunning:
		s.running.add(-1)
		s.StepTime.add(took)
	case phaseWaiting:
		s.waiting.add(-1)
		s.WaitTime.add(took)
	}
	switch to {
	case phaseReady:
		s.ready.add(1)
	case phaseRunning:
		s.running.add(1)
	case phaseWaiting:
		s.waiting.add(1)
	}
	if s.phases == nil {
		s.phases = make(map[uint64]moments)
	}
	s.phases[id] = moments{e.At, to}
}

// Events returns the number of events of a kind.
func (s *Stats) Events(kind loop.EventKind) int64 {
	if int(kind) >= len(s.events) {
		return 0
	}
	return s.events[kind].Load()
}

// Ended returns the number of tasks that ended with an outcome.
func (s *Stats) Ended(outcome Outcome) int64 {
	if int(outcome) >= len(s.ended) {
		return 0
	}
	return s.ended[outcome].Load()
}

// Tasks returns the number of tasks that have not ended.
func (s *Stats) Tasks() int64 { return s.tasks.now.Load() }

// Ready returns the number of ready tasks, and the highest number so far. A new task is ready from the
// moment when it is made until its first step begins.
func (s *Stats) Ready() (now, most int64) { return s.ready.now.Load(), s.ready.most.Load() }

// Queue returns the number of steps and callbacks that were in the ready queue when the last turn
// began, canceled callbacks included, and the highest such number so far.
func (s *Stats) Queue() (last, most int64) { return s.queue.now.Load(), s.queue.most.Load() }

// Timers returns the number of armed timers that have neither fired nor been canceled, and the highest
// number so far. Close drops the timers of callbacks without an event, so they count after it too.
func (s *Stats) Timers() (now, most int64) { return s.timers.now.Load(), s.timers.most.Load() }

// String returns all numbers as JSON, as an expvar.Var must, always in the same order. Times are in
// nanoseconds.
func (s *Stats) String() string {
	var b strings.Builder
	b.WriteString(`{"events": {`)
	for k := loop.TaskMade; k <= loop.TurnBegan; k++ {
		if k > loop.TaskMade {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q: %d", k.String(), s.Events(k))
	}
	fmt.Fprintf(&b, `}, "tasks": %d, "running": %d, "waiting": %d`, s.Tasks(), s.running.now.Load(), s.waiting.now.Load())
	ready, readyMax := s.Ready()
	queue, queueMax := s.Queue()
	timers, timersMax := s.Timers()
	fmt.Fprintf(&b, `, "ready": %d, "ready_max": %d, "queue": %d, "queue_max": %d, "timers": %d, "timers_max": %d`,
		ready, readyMax, queue, queueMax, timers, timersMax)
	for o := Returned; o <= Canceled; o++ {
		fmt.Fprintf(&b, `, %q: %d`, o.String(), s.Ended(o))
	}
	fmt.Fprintf(&b, `, "ready_latency_ns": %v, "step_time_ns": %v, "wait_time_ns": %v, "turn_time_ns": %v, "busy_time_ns": %v}`,
		&s.ReadyLatency, &s.StepTime, &s.WaitTime, &s.TurnTime, &s.BusyTime)
	return b.String()
}
