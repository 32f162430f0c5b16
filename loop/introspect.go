package loop

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/loop/internal/oneline"
)

// Awaits returns the awaitable that the task awaits: a task, a future, or the result of a function
// such as task.Gather. The awaitable compares equal (==) to the value that the program has. Awaits
// returns nil if the task waits for time or for a turn, or is not suspended.
func (t *Task) Awaits() Awaitable {
	if t.live == nil || t.live.on == nil {
		return nil
	}
	return self(t.live.on)
}

// self returns the awaitable that a is a view of, or a itself if it is no view. This is the value
// that the program has, so both compare equal.
func self(a Awaitable) Awaitable {
	if s, ok := a.(interface{ Self() Awaitable }); ok {
		return s.Self()
	}
	return a
}

// Status says in a few words what the task does or waits for. Examples are: is running; awaits task
// "B". Reports show this text.
func (t *Task) Status() string {
	if t.state != stateDone && t.env != nil && t.env.realm.still() {
		return t.status() + "; its realm is paused"
	}
	return t.status()
}

func (t *Task) status() string {
	switch {
	case t.state == stateNew:
		return "was never started by the task factory"
	case t.state == stateQueued:
		return "has not started yet"
	case t.state == stateRunning && t.extras().stepping != nil:
		return fmt.Sprintf("is in the eager first step of %q", oneline.Cut(t.extras().stepping.Name()))
	case t.state == stateRunning:
		return "is running"
	case t.state == stateDone:
		return "is done"
	case t.live.on != nil:
		what, _ := t.live.on.Explain()
		return "awaits " + oneline.Of(what)
	case t.is(isSleeping) && t.live.timer == nil:
		return "sleeps"
	case t.is(isSleeping):
		return fmt.Sprintf("sleeps until %v", time.Duration(t.live.timer.Deadline))
	}
	return "waits for its turn"
}

// waitsFor returns the awaitable that t awaits. If t waits for the eager first step of another task, it
// returns the outcome of that task. It returns nil in all other cases.
func (t *Task) waitsFor() Awaitable {
	if next := t.extras().stepping; next != nil {
		return next.outcome
	}
	return t.Awaits()
}

// Stack returns the stack of the task's body, innermost frame first, without the frames of the
// scheduler. It is empty if the task is stackless, has not started, or is done. If the task waits
// for the eager first step of another task, its stack is known in debug mode only. Stack costs a
// switch to the task's stack and back. A task for which Stack is not called pays nothing.
//
// Call Stack on the loop, or from the host while the loop is not running.
func (t *Task) Stack() []runtime.Frame {
	s := t.stack()
	if s == nil {
		return nil
	}
	t.check("Stack")
	var pcs []uintptr
	switch l := t.env.loop; {
	case t.extras().stepping != nil:
		if d := t.extras().debug; d != nil {
			pcs = d.stepsFrom
		}
	case l.stacks.Active == s: // the task is running, or its stack runs the scheduler
		pcs = callers(here)
	case t.state == stateRunning: // below an eager step that a callback has made
	default:
		pcs = callers(func(look func()) { l.stacks.Visit(s, look) })
	}
	return frames(pcs)
}

// SpawnSite returns the place, as file:line, where the task was made. Only debug mode records this
// place. Otherwise SpawnSite returns an empty string.
func (t *Task) SpawnSite() string {
	d := t.extras().debug
	if d == nil || d.site == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames([]uintptr{d.site}).Next()
	return fmt.Sprintf("%s:%d", frame.File, frame.Line)
}

// callers returns the program counters of a goroutine: on must call look there. It reads again with more room
// until it has all. The room is on the heap, since the stack of a suspended body has little left.
func callers(on func(look func())) []uintptr {
	for room := 128; ; room *= 2 {
		pcs, n := make([]uintptr, room), 0
		on(func() { n = runtime.Callers(1, pcs) })
		if n < room {
			return slices.Clone(pcs[:n])
		}
	}
}

// here is callers' argument for the calling goroutine.
func here(look func()) { look() }

const module = "github.com/takt-go/takt/"

// Functions of the scheduler, as stack traces name them.
const (
	loopDrive       = module + "loop.(*Loop).drive"
	stackMain       = module + "loop.runStack.func1"
	taskStep        = module + "loop.(*Task).step"
	taskSuspendHere = module + "loop.(*Task).suspendHere"
	taskSuspendOn   = module + "loop.suspendOn"
	taskSuspendFor  = module + "loop.suspendFor"
	taskSuspendTurn = module + "loop.suspendTurn"
	unwindStep      = module + "loop.(*Loop).unwindStep"
	dispatchGuarded = module + "loop.(*Loop).dispatchGuarded"
	runTimed        = module + "loop.(*Loop).runTimed"
	funcRun         = module + "loop/internal/ready.Func.Run"
)

// internal reports whether function belongs to one of these packages of the library, or to an
// internal package below one of them.
func internal(function string, packages ...string) bool {
	name, ours := strings.CutPrefix(function, module)
	if !ours {
		return false
	}
	for _, p := range packages {
		if rest, in := strings.CutPrefix(name, p); in && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/internal/")) {
			return true
		}
	}
	return false
}

// frames returns the frames of a stack that belong to a body: from the function that has called into
// the loop, down to the body's own function.
func frames(pcs []uintptr) []runtime.Frame {
	var body []runtime.Frame
	iter := runtime.CallersFrames(pcs)
	for {
		frame, more := iter.Next()
		switch {
		case frame.Function == stackMain:
			return body[:max(0, len(body)-1)] // without the Step of the task's body
		case frame.Function == "runtime.corostart":
			return body[:max(0, len(body)-1)] // the body waits in an iter.Pull of its own
		case suspends(frame.Function):
			body = body[:0] // the frames above belong to the scheduler, or to an entry that it ran
		case len(body) == 0 && internal(frame.Function, "loop", "loop/lowlevel"):
		case frame.Function != "":
			body = append(body, frame)
		}
		if !more {
			return body
		}
	}
}

// suspends reports whether function is one that suspends a body.
func suspends(function string) bool {
	switch function {
	case taskSuspendOn, taskSuspendFor, taskSuspendTurn, taskSuspendHere:
		return true
	}
	return false
}

// spawnSite returns the program counter of the call in the program that makes a task. It returns 0 if there is
// none between the task and the scheduler, or below.
func spawnSite() uintptr {
	var pcs [16]uintptr // usually the call is among the innermost frames
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			f := runtime.FuncForPC(pc - 1)
			switch {
			case f == nil || schedules(f.Name()):
				return 0
			case !internal(f.Name(), "loop", "loop/lowlevel", "loop/looptest/sim", "task", "task/host", "factory") && !strings.HasPrefix(f.Name(), "runtime."):
				return pc
			}
		}
		if n < len(pcs) {
			return 0
		}
	}
}

// schedules reports whether function is one by which the scheduler calls a body or callback.
func schedules(function string) bool {
	switch function {
	case stackMain, taskStep, unwindStep, funcRun, runTimed, dispatchGuarded:
		return true
	}
	return false
}

// madeAt calls make, which may make tasks. site is their place if the call stack does not tell it.
func (l *Loop) madeAt(site uintptr, make func()) {
	l.site = site
	defer func() { l.site = 0 }()
	make()
}
