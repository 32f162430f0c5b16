package loop

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"
)

// A SlowStepError says that a step or callback held the loop up: see [WithDebug].
type SlowStepError struct {
	Took, Limit time.Duration // by the wall clock
}

func (e *SlowStepError) Error() string {
	return fmt.Sprintf("took %v, the limit is %v; use task.Blocking for what blocks, and task.Yield in what computes", e.Took, e.Limit)
}

// timeStep times a step of t, or of a callback if t is nil, until end is called.
func (l *Loop) timeStep(t *Task) (end func()) {
	began := time.Now()
	return func() {
		if took := time.Since(began); took >= l.slow {
			l.Report(Failure{Kind: SlowStep, Task: t, Err: &SlowStepError{took, l.slow}})
		}
	}
}

func (l *Loop) runTimed(r Runnable) {
	e, _ := r.(*entry)
	defer l.timeStep((*Task)(e))()
	r.Run()
}

// label makes t's name the label "task" of the goroutine, for CPU and goroutine
// profiles, beside the labels that its context has. A stack that is suspended keeps it.
func (t *Task) label() {
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("task", t.Name())))
}

// unlabel takes the label away. What is left are the labels of the context that was bound
// to the loop first: nobody can ask for those that the driver's goroutine had.
func (l *Loop) unlabel() {
	if l.labels == nil {
		pprof.SetGoroutineLabels(context.Background())
		return
	}
	pprof.SetGoroutineLabels(l.labels)
}

// goid returns the number of the goroutine that calls it. It costs about a
// microsecond; debug mode only.
func goid() uint64 {
	var buf [64]byte
	line := buf[:runtime.Stack(buf[:], false)]
	line = bytes.TrimPrefix(line, []byte("goroutine "))
	number, _, _ := bytes.Cut(line, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}
