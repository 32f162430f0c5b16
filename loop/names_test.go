package loop

import (
	"reflect"
	"runtime"
	"testing"
)

// What looks for functions of the scheduler in stack traces finds them under these names.
func TestNamesOfTheScheduler(t *testing.T) {
	for name, function := range map[string]any{
		loopDrive:       (*Loop).drive,
		taskRunBody:     runBody,
		taskStep:        (*Task).step,
		taskSuspendHere: (*Task).suspendHere,
		suspendOwn:      Suspend,
		unwindStep:      (*Loop).unwindStep,
		dispatchGuarded: (*Loop).dispatchGuarded,
		runTimed:        (*Loop).runTimed,
		funcRun:         Func.Run,
	} {
		if got := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name(); got != name {
			t.Errorf("%s is named %s", name, got)
		}
	}
}
