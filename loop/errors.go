package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/takt-go/takt/loop/internal/goroutine"
	"github.com/takt-go/takt/loop/internal/oneline"
)

var (
	// ErrClosed is the error of [Loop.Post], task.Submit and the like if the loop is closed. It is
	// also the cause of the cancellation that unwinds the unfinished bodies when the loop is closed.
	ErrClosed = errors.New("loop: closed")

	// ErrFull is the error of [Loop.Post] if as many functions wait as [Loop.SetPostLimit] allows.
	ErrFull = errors.New("loop: as many posted functions wait as SetPostLimit allows; try again later")

	// ErrGoexit is the error of a task if its body called [runtime.Goexit], as t.FailNow does,
	// or if the Goexit of other code unwound the body's stack. A [Failure] has this error if an
	// observer or a policy called Goexit.
	ErrGoexit = errors.New("loop: ended by runtime.Goexit")
)

// A CanceledError is the error that a cancellation delivers.
//
// It does not unwrap to its cause. Otherwise a body with a time limit of its own could mistake the
// cancellation of an outer limit for that of its own limit, and swallow it. Get the cause by
// errors.As, or by [context.Cause] of the task's context.
type CanceledError struct {
	Cause error // the cause that Cancel was given; may be nil
}

func (e *CanceledError) Error() string {
	if e.Cause == nil {
		return "canceled"
	}
	return fmt.Sprintf("canceled: %v", e.Cause) // fmt, as the method of a cause may panic
}

// anyCancellation is future.ErrCanceled.
var anyCancellation error = &CanceledError{}

// Is makes every CanceledError match future.ErrCanceled and [context.Canceled], with any cause. Every
// other CanceledError is one particular cancellation, and matches itself only.
func (e *CanceledError) Is(target error) bool {
	return target == anyCancellation || target == context.Canceled
}

// IsCanceled reports whether err is a cancellation: a [CanceledError], or an error that wraps one and
// nothing else. An error that errors.Join has made is not a cancellation, so that the joined errors
// are not lost: a body that was canceled, and failed while cleaning up, has failed. A [PanicError] is
// not a cancellation either.
func IsCanceled(err error) bool {
	for err != nil {
		switch err.(type) {
		case *CanceledError:
			return true
		case *PanicError: // also if the panic's value is a cancellation
			return false
		}
		err = unwrap(err)
	}
	return false
}

// unwrap is errors.Unwrap for the scheduler. A panic must not interrupt the scheduler while it
// changes its state. If the method panics, as that of a nil pointer may, the error counts as one
// that wraps nothing.
func unwrap(err error) (inner error) {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	defer func() { _ = recover() }()
	return u.Unwrap()
}

// A PanicError describes a panic that was recovered in a task's body or in a callback.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // as [debug.Stack] formats it, from the frame of the panic to that of the body
	Task  string // the task's name; empty for a callback
	At    string // file:line of the panic, outside of the runtime
	again bool   // Again was called
}

// recovered makes an error from the result of recover: see Recovered in package lowlevel.
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
		who = fmt.Sprintf("task %q", oneline.Cut(e.Task))
	}
	text := fmt.Sprintf("panic in %s: %v", who, e.Value)
	if e.again {
		text += fmt.Sprintf("\n\n%s\nThis panic goes on in:", e.Stack)
	}
	return text
}

// Again panics with e. The report of the runtime then has the stack of the first panic too.
func (e *PanicError) Again() {
	e.again = true
	panic(e)
}

// Unwrap returns the panic's value if that is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// FailureKind says what failed, in a [Failure].
type FailureKind uint8

const (
	CallbackFailed   FailureKind = iota + 1 // a callback panicked
	ShutdownFailed                          // a task failed while the program was closing
	ShieldedFailed                          // a shielded awaitable failed after its shield was canceled
	TaskStuck                               // a body did not end when the loop was closed, or its realm ended
	ErrorUnretrieved                        // a task failed, and no code has taken its error: see WithUnretrievedLimit
	SlowStep                                // a step or callback blocked the loop for too long; debug mode only
	PolicyFailed                            // a Policy panicked, called Goexit, or returned a wrong index; the loop has dropped it
	ThreadHeld                              // a task was to start at once, but its maker had locked the thread; the task was queued
	RealTimeLimit                           // a standard time limit counts real time, and the clock is virtual
	ObserverFailed                          // an observer panicked or called Goexit; the loop has dropped it
	OffloadFailed                           // the work of an offloaded call panicked
	PartFailed                              // a part of a task's work failed, and the rest goes on: one connection of a server
)

func (k FailureKind) String() string {
	switch k {
	case CallbackFailed:
		return "a callback panicked"
	case ShutdownFailed:
		return "a task failed while the program was closing"
	case ShieldedFailed:
		return "a shielded awaitable failed after its shield was canceled"
	case TaskStuck:
		return "a body did not end when it was unwound"
	case ErrorUnretrieved:
		return "a task failed and its error was never retrieved"
	case ThreadHeld:
		return "a task could not start at once"
	case RealTimeLimit:
		return "a standard time limit does not follow the virtual clock"
	case PolicyFailed:
		return "a policy failed and was dropped"
	case ObserverFailed:
		return "an observer failed and was dropped"
	case OffloadFailed:
		return "offloaded work panicked"
	case PartFailed:
		return "a part of the work failed, and the rest goes on"
	case SlowStep:
		return "a step or callback blocked the loop for too long"
	}
	return fmt.Sprintf("FailureKind(%d)", uint8(k))
}

// A Failure is an error that no caller can get. The loop hands it to its error handler: see
// [WithErrorHandler].
type Failure struct {
	Kind FailureKind
	Task *Task // the task that failed, or that the failure concerns; nil if there is none
	Err  error // a *[PanicError] if something panicked
}
