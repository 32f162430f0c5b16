package loop

import (
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// What looks for functions of the scheduler in stack traces finds them under these names.
func TestNamesOfTheScheduler(t *testing.T) {
	for name, function := range map[string]any{
		loopDrive:       (*Loop).drive,
		stackMain:       runStack(new(stack)),
		taskStep:        (*Task).step,
		taskSuspendHere: (*Task).suspendHere,
		taskSuspendOn:   suspendOn,
		taskSuspendFor:  suspendFor,
		taskSuspendTurn: suspendTurn,
		unwindStep:      (*Loop).unwindStep,
		dispatchGuarded: (*Loop).dispatchGuarded,
		runTimed:        (*Loop).runTimed,
		funcRun:         function.Run,
	} {
		if got := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name(); got != name {
			t.Errorf("stack traces are searched for %s, and the function is named %s; change the constant in introspect.go", name, got)
		}
	}
}

// callersOf returns the names of the functions below the caller.
func callersOf() (names []string) {
	frames := runtime.CallersFrames(callers(here))
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		names = append(names, frame.Function)
	}
	return names
}

// A deferred function is called by functions of the runtime with these names, by which a
// panic is told from a Goexit.
func TestNamesOfTheRuntime(t *testing.T) {
	for name, end := range map[string]func(){
		"runtime.gopanic": func() { panic("on purpose") },
		"runtime.Goexit":  runtime.Goexit,
	} {
		var names []string
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			defer func() { names = callersOf() }()
			end()
		}()
		<-ended
		if !slices.Contains(names, name) {
			t.Errorf("a panic is told from a Goexit by %s, and the callers of a deferred function are %q", name, names)
		}
	}
}
