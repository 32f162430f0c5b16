package looptest

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/takt-go/takt/loop"
)

// A transcript is the interleaving of a run, step by step.
type transcript struct {
	policy *recorder
	steps  []*step
	open   map[*loop.Task]*step  // steps under way; eager ones nest
	stands map[*loop.Task]string // where each task was suspended
}

type step struct {
	at       string // time
	who      string
	from, to string
	jumped   bool // it was not the first
	did      []string
}

// of makes r a run to be transcribed.
func (tr *transcript) of(r *run) { r.debug, r.observer, tr.policy = true, tr.observe, r.policy }

func (tr *transcript) observe(e loop.Event) {
	if tr.open == nil {
		tr.open, tr.stands = map[*loop.Task]*step{}, map[*loop.Task]string{}
	}
	switch e.Kind {
	case loop.StepBegan:
		from := tr.stands[e.Task]
		if from == "" {
			from = "its start"
		}
		s := &step{at: e.At.String(), who: e.Task.Name(), from: from, jumped: tr.policy.jumped}
		tr.policy.jumped = false
		tr.open[e.Task] = s
		tr.steps = append(tr.steps, s)
	case loop.TaskSuspended:
		tr.stands[e.Task] = callSite()
		tr.end(e.Task, tr.stands[e.Task])
	case loop.TaskDone:
		tr.end(e.Task, "its end")
	case loop.TaskMade:
		tr.note(e, "made %s")
	case loop.TaskWoken:
		tr.note(e, "woke %s")
	case loop.CancelAsked:
		tr.note(e, "canceled %s")
	}
}

func (tr *transcript) end(t *loop.Task, where string) {
	if s := tr.open[t]; s != nil {
		s.to = where
		delete(tr.open, t)
	}
}

// note notes what the running task does to another.
func (tr *transcript) note(e loop.Event, format string) {
	if s := tr.open[e.By]; s != nil && e.By != e.Task {
		s.did = append(s.did, fmt.Sprintf(format, e.Task.Name()))
	}
}

// callSite returns the place in the body that suspends, on whose stack this is called.
// It is unknown for a stackless task.
func callSite() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "runtime.") || strings.HasPrefix(frame.Function, "iter.") {
			return ""
		}
		if !ofTakt(frame.Function) {
			return fmt.Sprintf("%s:%d", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// ofTakt reports whether function belongs to the library.
func ofTakt(function string) bool {
	rest, ok := strings.CutPrefix(function, "github.com/takt-go/takt/")
	if !ok {
		return false
	}
	pkg, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '/')+1:], ".")
	return pkg != "main" && !strings.HasSuffix(pkg, "_test")
}

// maxSteps is how much of a transcript is printed: so much of its beginning and end.
const shownSteps = 100

func (tr *transcript) String() string {
	var b strings.Builder
	width := 4
	for _, s := range tr.steps {
		width = max(width, len(s.who))
	}
	for at, s := range tr.steps {
		if at == shownSteps && len(tr.steps) > 2*shownSteps {
			fmt.Fprintf(&b, "\t... %d steps\n", len(tr.steps)-2*shownSteps)
		}
		if at >= shownSteps && at < len(tr.steps)-shownSteps {
			continue
		}
		mark := " "
		if s.jumped {
			mark = "*"
		}
		fmt.Fprintf(&b, "\t%4d %s %-8s %-*s  %s → %s", at+1, mark, s.at, width, s.who, s.from, s.to)
		if len(s.did) > 0 {
			fmt.Fprintf(&b, "  %s", strings.Join(s.did, ", "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
