package looptest

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/takt-go/takt/loop"
)

// A transcript lists the steps of a run, in order: the interleaving.
type transcript struct {
	run    *run
	steps  []*step
	open   map[*loop.Task]*step  // steps that have not ended; a step of an eager task is inside another
	stands map[*loop.Task]string // the place where each task was suspended
}

// A step is a line of a transcript.
type step struct {
	at     string // time
	who    string
	path   string // the place where it began, and the place where it ended
	from   string
	jumped bool     // it was a deviation
	did    []string // the effects on other tasks
	said   []string // the texts logged by T
}

// of makes the transcript an observer of r.
func (tr *transcript) of(r *run) {
	tr.run = r
	tr.open, tr.stands = map[*loop.Task]*step{}, map[*loop.Task]string{}
	r.debug, r.events, r.said.heard = true, tr.observe, tr.hear
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
		tr.open[e.Task] = tr.add(e, &step{who: e.Task.Name(), from: from, path: from + " → "})
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
	case loop.TimerFired:
		if tr.run.policy.passed {
			tr.add(e, &step{path: "time passes before the ready tasks run"})
			tr.run.policy.passed = false
		}
	}
}

func (tr *transcript) add(e loop.Event, s *step) *step {
	s.at, s.jumped = e.At.String(), tr.run.policy.jumped
	tr.run.policy.jumped = false
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
		s.did = append(s.did, fmt.Sprintf(format, e.Task.Name()))
	}
}

// hear records a text that the body logs by its T.
func (tr *transcript) hear(line string) {
	if s := tr.open[tr.run.loop.Current()]; s != nil && !tr.run.closing {
		s.said = append(s.said, line)
	}
}

// callSite returns the place in the body that suspends. It is called on the stack of that body. For
// a stackless task the place is unknown, and the text is "an await".
func callSite() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."), strings.HasPrefix(frame.Function, "iter."):
			return "an await"
		case !ofTakt(frame.Function):
			return place(frame)
		case !more:
			return "an await"
		}
	}
}

func place(frame runtime.Frame) string {
	return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
}

// module is the prefix of the names of all functions of this library.
var module = strings.TrimSuffix(reflect.TypeFor[loop.Loop]().PkgPath(), "loop")

// ofTakt reports whether function belongs to the library.
func ofTakt(function string) bool {
	rest, ok := strings.CutPrefix(function, module)
	if !ok {
		return false
	}
	pkg, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '/')+1:], ".")
	return pkg != "main" && !strings.HasSuffix(pkg, "_test")
}

// A line shows one step, or several equal steps in a row.
type line struct {
	*step
	number int // of the first step, from 1
	times  int
}

// maxLines is how many lines are printed of the beginning of a long transcript, and as many of its
// end.
const maxLines = 50

func (tr *transcript) String() string {
	var lines []line
	for i, s := range tr.steps {
		if last := len(lines) - 1; last >= 0 && lines[last].looksLike(s) {
			lines[last].times++
			continue
		}
		lines = append(lines, line{s, i + 1, 1})
	}
	var who, path, at int
	for _, l := range lines {
		who = max(who, len(l.who))
		if len(l.did) > 0 {
			path = max(path, utf8.RuneCountInString(l.path))
		}
		if l.at != "0s" {
			at = max(at, len(l.at)+2)
		}
	}
	var b strings.Builder
	b.WriteString("The interleaving; * marks a deviation from first in, first out:\n\n")
	for i, l := range lines {
		if i == maxLines && len(lines) > 2*maxLines {
			fmt.Fprintf(&b, "\t ...\n")
		}
		if i < maxLines || i >= len(lines)-maxLines {
			l.write(&b, at, who, path)
		}
	}
	return b.String()
}

// looksLike reports whether the next step s is equal to those of the line, so that it needs no line
// of its own.
func (l *line) looksLike(s *step) bool {
	return l.who == s.who && l.path == s.path && l.at == s.at && !s.jumped && len(l.did)+len(l.said)+len(s.did)+len(s.said) == 0
}

func (l *line) write(b *strings.Builder, at, who, path int) {
	mark := ' '
	if l.jumped {
		mark = '*'
	}
	fmt.Fprintf(b, "\t%4d %c ", l.number, mark)
	if at > 0 {
		fmt.Fprintf(b, "%-*s", at, l.at)
	}
	fmt.Fprintf(b, "%-*s  %s", who, l.who, l.path)
	if len(l.did) > 0 {
		fmt.Fprintf(b, "%*s%s", path-utf8.RuneCountInString(l.path)+2, "", strings.Join(l.did, ", "))
	}
	if l.times > 1 {
		fmt.Fprintf(b, "  (%d times)", l.times)
	}
	b.WriteByte('\n')
	for _, text := range l.said {
		fmt.Fprintf(b, "\t       ! %s\n", strings.ReplaceAll(text, "\n", "\n\t         "))
	}
}
