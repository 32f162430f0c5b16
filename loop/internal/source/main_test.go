package source

import (
	"testing"

	"go.uber.org/goleak"
)

// On js the runtime has a goroutine of its own, which waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}
