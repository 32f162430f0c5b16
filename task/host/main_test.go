package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
)

// TestMain runs the tests, or the part of a test that needs a process of its own.
func TestMain(m *testing.M) {
	part, ok := parts[os.Getenv(partVariable)]
	if !ok {
		testkit.Main(m)
		return
	}
	if err := part(os.Getenv(argumentsVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parts are the parts of tests that need a process of their own.
var parts = map[string]func(arguments string) error{}

const (
	partVariable      = "TAKT_HOST_PART"
	argumentsVariable = "TAKT_HOST_ARGUMENTS"
)

// otherProcess returns a command that runs a part.
func otherProcess(t testing.TB, part, arguments string) *exec.Cmd {
	program, err := os.Executable()
	testkit.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), partVariable+"="+part, argumentsVariable+"="+arguments)
	cmd.Stderr = os.Stderr
	return cmd
}
