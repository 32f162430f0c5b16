package trace

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/takt-go/takt/loop"
)

// Stats counts what a loop does and measures how long things take, by the loop's
// clock. Its zero value is ready; give its Observe to [loop.WithObserver], one Stats
// to one loop, from the loop's beginning on.
//
// It is an expvar.Var, for a program that publishes such:
//
//	expvar.Publish("loop", stats)
//
// Everything but Observe may be called from any goroutine. What it returns is not one
// moment's view: each number is as it was at some moment of the call. An event costs
// some ten nanoseconds, and no allocation while the number of tasks does not grow.
type Stats struct {
	ReadyLatency Histogram // from when a task was ready until its step began
	StepTime     Histogram // of steps; that of a task whose new tasks are eager includes their first
	TurnTime     Histogram // from the beginning of a turn to that of the next, or to idle
	BusyTime     Histogram // from the end of an idle time to the beginning of the next
	WaitTime     Histogram // from when a task was suspended until it was woken; not for turns

	events  [loop.TurnBegan + 1]atomic.Int64
	ended   [Canceled + 1]atomic.Int64
	ready   gauge
	running gauge
	waiting gauge
	timers  gauge
	tasks   map[uint64]moments
	queue   gauge
	busy    bool
	since   time.Duration // that it is busy
	inTurn  bool
	turn    time.Duration // when it began
}

// moments are when a task came to where it is.
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

// gauge is a number that goes up and down, and the highest that it was.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) add(n int64) {
	bump(&g.now, n)
	if now := g.now.Load(); now > g.most.Load() {
		g.most.Store(now)
	}
}

// Observe counts e. It is to be given to [loop.WithObserver].
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
		delete(s.tasks, e.Task.ID())
	case loop.TimerArmed:
		s.timers.add(1)
	case loop.TimerFired:
		s.timers.add(-1)
	case loop.TimerCanceled:
		s.timers.add(-1)
	}
}

// move takes the task of e to another phase, and measures the one that it leaves.
func (s *Stats) move(e loop.Event, to phase) {
	id := e.Task.ID()
	from := s.tasks[id]
	if from.phase == to { // what is ready already was woken by a cancellation, too
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
	if s.tasks == nil {
		s.tasks = make(map[uint64]moments)
	}
	s.tasks[id] = moments{e.At, to}
}

// Events returns how many events of a kind there were.
func (s *Stats) Events(kind loop.EventKind) int64 {
	if int(kind) >= len(s.events) {
		return 0
	}
	return s.events[kind].Load()
}

// Ended returns how many tasks ended with an outcome.
func (s *Stats) Ended(outcome Outcome) int64 {
	if int(outcome) >= len(s.ended) {
		return 0
	}
	return s.ended[outcome].Load()
}

// Tasks returns how many tasks have not ended.
func (s *Stats) Tasks() int64 { return s.Events(loop.TaskMade) - s.Events(loop.TaskDone) }

// Ready returns how many tasks are in the ready queue, and how many there were at
// most. A new task counts from its making to its first step.
func (s *Stats) Ready() (now, most int64) { return s.ready.now.Load(), s.ready.most.Load() }

// Queue returns how many steps and callbacks the last turn began with, and the most
// that one did.
func (s *Stats) Queue() (last, most int64) { return s.queue.now.Load(), s.queue.most.Load() }

// Timers returns how many timers are armed and have not come due, and how many there
// were at most.
func (s *Stats) Timers() (now, most int64) { return s.timers.now.Load(), s.timers.most.Load() }

// String returns everything as JSON, as an expvar.Var does, in an order that is
// always the same. Times are in nanoseconds.
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
