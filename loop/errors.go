package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// ErrClosed is what a closed loop answers, and the cause of the cancellation
// that unwinds what was still suspended when the loop was closed.
var ErrClosed = errors.New("loop: closed")

// ErrGoexit is the error of a task whose body called [runtime.Goexit] (t.FailNow
// does), or whose stack was unwound by one; and that of a [Failure] of anything else
// that called it.
var ErrGoexit = errors.New("loop: ended by runtime.Goexit")

// A CanceledError is the error that a cancellation delivers.
//
// It does not unwrap to its cause: a body that is cut off because an outer limit
// expired must not take that for a limit of its own, and swallow it. Ask for the
// cause by errors.As, or by [context.Cause] of the task's context.
type CanceledError struct {
	Cause error // what Cancel was given; nil if that was nil
}

func (e *CanceledError) Error() string {
	if e.Cause == nil {
		return "canceled"
	}
	return fmt.Sprintf("canceled: %v", e.Cause) // fmt, as the method of a cause may panic
}

// anyCancellation is future.ErrCanceled.
var anyCancellation error = &CanceledError{}

// Is makes every CanceledError, whatever its cause, match future.ErrCanceled and
// [context.Canceled]. Any other CanceledError is a cancellation of its own, and matches
// itself only.
func (e *CanceledError) Is(target error) bool {
	return target == anyCancellation || target == context.Canceled
}

// IsCanceled reports whether err is a cancellation: a [CanceledError], or one
// wrapped by errors that wrap nothing else. What errors.Join has made is not one, so
// that what was joined is not lost: a body that was canceled and failed while cleaning
// up has failed. Nor is a [PanicError].
func IsCanceled(err error) bool {
	for err != nil {
		switch err.(type) {
		case *CanceledError:
			return true
		case *PanicError: // whatever it was panicked with
			return false
		}
		err = unwrap(err)
	}
	return false
}

// unwrap is errors.Unwrap for the scheduler, which may stand between two states: an error
// with a method that panics, as that of a nil pointer may, wraps nothing.
func unwrap(err error) (inner error) {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	defer func() { _ = recover() }()
	return u.Unwrap()
}

// A PanicError is a panic that was recovered in a task's body or in a callback.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // as [debug.Stack] formats it, from the panic's own frame down to the body
	Task  string // the task's name; empty for a callback
	At    string // file:line of the panic, outside of the runtime
	again bool   // it has gone on in Run
}

// recovered makes an error of what recover returned: see Recovered in package lowlevel.
func recovered(value any, t *Task) error {
	if value == nil && !goroutine.Panicking() {
		return ErrGoexit
	}
	if e, ok := value.(*PanicError); ok {
		return e
	}
	e := &PanicError{Value: value}
	e.Stack, e.At = panicStack()
	if t != nil {
		e.Task = t.Name()
	}
	return e
}

func (e *PanicError) Error() string {
	who := "a callback"
	if e.Task != "" {
		who = fmt.Sprintf("task %q", e.Task)
	}
	text := fmt.Sprintf("panic in %s: %v", who, e.Value)
	if e.again {
		text += fmt.Sprintf("\n\n%s\nwhich goes on in:", e.Stack)
	}
	return text
}

// Again panics with e, so that what the runtime prints has the stack of the panic itself.
func (e *PanicError) Again() {
	e.again = true
	panic(e)
}

// Unwrap returns the value that the body panicked with, if that was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// FailureKind says what failed, in a [Failure].
type FailureKind uint8

const (
	CallbackFailed   FailureKind = iota + 1 // a callback panicked
	ShutdownFailed                          // a task failed while the program was closing
	ShieldedFailed                          // what was shielded failed after its shield was canceled
	TaskStuck                               // a body would not end when the loop was closed
	ErrorUnretrieved                        // a task failed, and no code had taken its error: see WithUnretrievedLimit
	SlowStep                                // a step or callback held the loop up; debug mode
	PolicyFailed                            // a Policy panicked, called Goexit, or picked what there was not; it is asked no more
	ThreadHeld                              // a task was to start at once while its maker held its thread: it was queued
	RealTimeLimit                           // a standard time limit under a virtual clock, which it does not follow
	ObserverFailed                          // an observer panicked or called Goexit; it is told no more
	OffloadFailed                           // offloaded work panicked
)

func (k FailureKind) String() string {
	switch k {
	case CallbackFailed:
		return "a callback panicked"
	case ShutdownFailed:
		return "a task failed while the program was closing"
	case ShieldedFailed:
		return "what was shielded failed after its shield was canceled"
	case TaskStuck:
		return "a body would not end when the loop was closed"
	case ErrorUnretrieved:
		return "a task failed and its error was never retrieved"
	case ThreadHeld:
		return "a task could not start at once"
	case RealTimeLimit:
		return "a standard time limit does not follow the virtual clock"
	case PolicyFailed:
		return "a policy failed and is asked no more"
	case ObserverFailed:
		return "an observer failed and is told no more"
	case OffloadFailed:
		return "offloaded work panicked"
	case SlowStep:
		return "a step or callback held the loop up"
	}
	return fmt.Sprintf("FailureKind(%d)", uint8(k))
}

// A Failure is an error that no caller is there to take. The loop hands it to
// its error handler: see [WithErrorHandler].
type Failure struct {
	Kind FailureKind
	Task *Task // whom it befell; nil if no task
	Err  error // a *[PanicError] where something panicked
}
