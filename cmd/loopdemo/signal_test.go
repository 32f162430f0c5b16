//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/task"
)

// If the variable child is set, the test binary runs the program that the test interrupts.
const child = "LOOPDEMO_CHILD"

func init() {
	switch os.Getenv(child) {
	case "loopdemo":
		main()
	case "stubborn":
		_, err := task.Run(interruptible(), func(ctx context.Context) (int, error) {
			fmt.Println("running")
			_ = task.Sleep(ctx, time.Hour)
			fmt.Println("cleaning up")
			return 0, task.Sleep(ctx, time.Hour)
		})
		fmt.Println("ended:", err)
		os.Exit(exitDone)
	}
}

// program is a child process. The test reads its stdout line by line.
type program struct {
	*osexec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

func start(t *testing.T, what string, args ...string) *program {
	t.Helper()
	// If this process ignores Ctrl-C, as in the background of a script, its children ignore it,
	// too. If this process handles it, its children begin with the default.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, os.Interrupt)
	defer signal.Stop(handled)
	p := &program{Cmd: osexec.Command(os.Args[0], args...)}
	p.Env = append(os.Environ(), child+"="+what)
	p.Stderr = &p.stderr
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(stdout)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// interruptAt presses Ctrl-C when the program has written the line.
func (p *program) interruptAt(t *testing.T, line string) {
	t.Helper()
	for p.lines.Scan() {
		if p.lines.Text() == line {
			if err := p.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("the program ended without the line %q; stderr: %s", line, &p.stderr)
}

// status waits for the end of the program and returns its status.
func (p *program) status() syscall.WaitStatus {
	for p.lines.Scan() {
	}
	_ = p.Wait()
	return p.ProcessState.Sys().(syscall.WaitStatus)
}

func TestCtrlC(t *testing.T) {
	p := start(t, "loopdemo", "-step", "1h")
	p.interruptAt(t, "Task C: Compute factorial(4), currently i=2...")
	status := p.status()
	want := "loopdemo: interrupt signal received; cut off: A, B, C\n"
	if status.ExitStatus() != exitCanceled || p.stderr.String() != want {
		t.Errorf("status %v, stderr %q; want %d, %q", status, p.stderr.String(), exitCanceled, want)
	}
}

// The clean-up of the program takes an hour. The second Ctrl-C ends the program at once.
func TestSecondCtrlC(t *testing.T) {
	p := start(t, "stubborn")
	p.interruptAt(t, "running")
	p.interruptAt(t, "cleaning up")
	if status := p.status(); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("status %v (exit %d, signal %v); want that SIGINT ended it", status, status.ExitStatus(), status.Signal())
	}
}
