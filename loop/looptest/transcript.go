package looptest

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A transcript lists the steps of a run, in order: the interleaving.
type transcript struct {
	run     *run
	steps   []*step
	open    map[*loop.Task]*step  // steps that have not ended; a step of an eager task is inside another
	stands  map[*loop.Task]string // the place where each task was suspended
	sites   map[upcoming]string   // the place where each step began
	pending []string              // deviations that belong to the next step
	world   chronicle             // what happens in a simulated world
	choices []worldChoice         // the last choices that may be parts of a fault
	folded  bool                  // a choice stands under the faults, and not under the deviations
	outside *step                 // it has the texts that no task and no callback logged
}

// A step is a line of a transcript. It stands for a step of a task, or, if the field who is empty, for another
// event.
type step struct {
	at       string // time
	who      string
	path     string   // the place where it began, and the place where it ended
	deviated []string // the deviations of the schedule in this step, or before it: in words
	did      []string // the effects on other tasks, the faults, and the deviations in this step
	fault    bool     // it has made a fault in a simulated world, or is one
	chosen   bool     // the schedule has chosen the fault
	said     []said   // the texts logged by T
}

// A said is a text that the body logged by its T.
type said struct {
	text string
	bad  bool // it belongs to a failure
}

// of makes the transcript an observer of r.
func (tr *transcript) of(r *run) {
	tr.run = r
	tr.open, tr.stands, tr.sites = map[*loop.Task]*step{}, map[*loop.Task]string{}, map[upcoming]string{}
	tr.outside = &step{path: "outside of the loop: a Cleanup or another goroutine"}
	r.debug, r.events, r.heard = true, tr.observe, tr.hear
	r.policy.told, r.checks.lines, r.scene = tr.deviate, tr, tr.see
}

func (tr *transcript) observe(e loop.Event) {
	if tr.run.closing {
		return
	}
	switch e.Kind {
	case loop.StepBegan:
		from := tr.stands[e.Task]
		if from == "" {
			from = "its start"
		}
		if u := tr.run.policy.upcoming(e.Task); u.steps > 0 { // 0: the first step of an eager task
			u.steps--
			tr.sites[u] = from
		}
		tr.open[e.Task] = tr.add(e, &step{who: tr.run.nameOf(e.Task), path: from + " → "})
	case loop.TaskSuspended:
		tr.stands[e.Task] = callSite()
		tr.end(e.Task, tr.stands[e.Task])
	case loop.TaskDone:
		tr.end(e.Task, howEnded(e.Task))
	case loop.TaskMade:
		tr.note(e, "made %s")
	case loop.TaskWoken:
		tr.note(e, "woke %s")
	case loop.CancelAsked:
		tr.note(e, "canceled %s")
	case loop.TimerFired:
		if tr.run.policy.passed {
			tr.add(e, &step{path: "time passes before the ready tasks run"})
			tr.run.policy.passed = false
		}
	}
}

// nameOf returns the name of a task, after that of its node in a simulated world: the tasks of all nodes that run one
// program have the same names.
func (r *run) nameOf(t *loop.Task) string {
	name := t.Name()
	if r.nodes == nil {
		return name
	}
	if node := r.nodes[lowlevel.RealmContext(t.Context())]; node != "" && name != node && !strings.HasPrefix(name, node+" ") {
		return node + "/" + name
	}
	return name
}

func (tr *transcript) add(e loop.Event, s *step) *step {
	s.at, s.deviated, tr.pending = e.At.String(), tr.pending, nil
	tr.steps = append(tr.steps, s)
	return s
}

func (tr *transcript) end(t *loop.Task, where string) {
	if s := tr.open[t]; s != nil {
		s.path += where
		delete(tr.open, t)
	}
}

// note records an effect of the running task on another task.
func (tr *transcript) note(e loop.Event, format string) {
	if s := tr.open[e.By]; s != nil && e.By != e.Task {
		s.did = append(s.did, fmt.Sprintf(format, short(e.Task.Name())))
	}
}

// deviate records a deviation of the schedule, in words. If a task makes it, it belongs to the step
// of that task. Otherwise it belongs to the next step. site is the site of a choice, and empty for a pick.
func (tr *transcript) deviate(site, what string) {
	s := tr.open[tr.run.loop.Current()]
	if site != "" {
		tr.chose(worldChoice{site, what, s, tr.run.policy.steps.count})
	}
	if s != nil {
		s.deviated, s.did = append(s.deviated, what), append(s.did, "chose "+what)
		return
	}
	tr.pending = append(tr.pending, what)
}

// hear records a text that the body logs by its T. The caller has locked the holder: any goroutine
// may log.
func (tr *transcript) hear(text string, bad bool) {
	s := tr.outside
	if lowlevel.Inside() && !tr.run.closing {
		if s = tr.open[tr.run.loop.Current()]; s == nil {
			s = tr.callback()
		}
		if bad {
			tr.world.fail(tr.run.loop.Elapsed())
		}
	}
	s.said = append(s.said, said{text, bad})
}

// callback returns the step for what a callback logs.
func (tr *transcript) callback() *step {
	const path = "a callback"
	if last := len(tr.steps) - 1; last >= 0 && tr.steps[last].path == path {
		return tr.steps[last]
	}
	return tr.add(loop.Event{At: tr.run.loop.Elapsed()}, &step{path: path})
}

// howEnded describes the end of a task in a few words.
func howEnded(t *loop.Task) string {
	err := t.Outcome().Unretrieved()
	var p *loop.PanicError
	switch {
	case t.Outcome().Canceled() && lowlevel.Unwinding(t): // its realm has ended
		return "its end, unwound"
	case t.Outcome().Canceled():
		return "its end, canceled"
	case errors.As(err, &p):
		frame, _, _ := strings.Cut(strings.TrimSpace(stackOf(p)[0]), ", in ")
		return "a panic " + frame
	case err != nil && !errors.Is(err, loop.ErrGoexit):
		return "its end, with an error"
	}
	return "its end"
}

// callSite returns the place in the body that suspends. It is called on the stack of that body. If code of the standard
// library suspends, such as package bufio, it is the place that has called this code. For a stackless task the place is
// unknown, and the text is "an await".
func callSite() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	site := "an await"
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."), strings.HasPrefix(frame.Function, "iter."):
			return site
		case ofTakt(frame.Function, frame.File):
		case standard == "" || !strings.HasPrefix(frame.File, standard):
			return place(frame)
		default:
			site = place(frame) // unless a caller is found
		}
	}
	return site
}

// standard is the folder of the standard library. It is empty if the program was built with -trimpath.
var standard = func() string {
	file, _ := runtime.FuncForPC(reflect.ValueOf(strings.Cut).Pointer()).FileLine(0)
	return strings.TrimSuffix(file, "strings/strings.go")
}()

func place(frame runtime.Frame) string {
	return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
}

// module is the prefix of the names of all functions of this library, and folder that of its files.
var (
	module = strings.TrimSuffix(reflect.TypeFor[loop.Loop]().PkgPath(), "loop")
	folder = func() string {
		_, file, _, _ := runtime.Caller(0)
		return strings.TrimSuffix(file, "loop/looptest/transcript.go")
	}()
)

// ofTakt reports whether a frame belongs to the library. The file counts too: if a function of the library
// is inlined, such as one that returns an iterator, its closures have the name of the function around it.
func ofTakt(function, file string) bool {
	if rest, ok := strings.CutPrefix(function, module); ok {
		pkg, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '/')+1:], ".")
		if pkg != "main" && !strings.HasSuffix(pkg, "_test") {
			return true
		}
	}
	rest, ok := strings.CutPrefix(file, folder)
	return ok && !strings.HasPrefix(rest, "cmd/") && !strings.HasSuffix(rest, "_test.go")
}
