package host_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
)

// TestMain runs the tests, or the part of a test that needs a process of its own: see otherProcess.
func TestMain(m *testing.M) {
	if arguments, ok := os.LookupEnv(otherProcess); ok {
		if err := inOtherProcess(arguments); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}

// otherProcess is the environment variable with the arguments for inOtherProcess.
const otherProcess = "TAKT_HOST_OTHER_PROCESS"
