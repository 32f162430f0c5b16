package timer_test

import (
	"testing"

	"go.uber.org/goleak"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}
