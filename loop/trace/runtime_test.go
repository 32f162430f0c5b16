package trace_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	rtrace "runtime/trace"
	"strings"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
)

// Go's own tool reads the tracer's file. It also checks that regions nest, and that each one ends on
// the goroutine on which it began.
func TestRuntime(t *testing.T) {
	for name, opts := range map[string][]loop.Option{
		"lazy": nil, "eager": {loop.WithTaskFactory(factory.Eager)}, "debug": {loop.WithDebug()},
	} {
		t.Run(name, func(t *testing.T) {
			if rtrace.IsEnabled() {
				t.Skip("the tracer is already on")
			}
			var file bytes.Buffer
			if err := rtrace.Start(&file); err != nil {
				t.Fatal(err)
			}
			opts := append(opts, loop.WithObserver(trace.Runtime()))
			record(t, factorials, opts...)
			record(t, everything, opts...)
			rtrace.Stop()
			text := parsed(t, file.Bytes())
			for _, want := range []string{
				`TaskBegin .*Parent=[1-9][0-9]* Type="sleeper"`,
				`TaskBegin .*Type="main"`,
				`RegionBegin .*Type="step"`,
				`Log .*Category="woken" Message="by main"`,
				`Log .*Category="suspended" Message="on task .*sleeper`,
				`Log .*Category="done" Message="panicked"`,
			} {
				if !match(want, text) {
					t.Errorf("the trace has no %s", want)
				}
			}
			for _, pair := range [][2]string{{" TaskBegin ", " TaskEnd "}, {" RegionBegin ", " RegionEnd "}} {
				if begin, end := strings.Count(text, pair[0]), strings.Count(text, pair[1]); begin != end || begin < 10 {
					t.Errorf("%d times%sand %d times%s, want the same number, 10 or more", begin, pair[0], end, pair[1])
				}
			}
		})
	}
}

// The tracer may be started and stopped in the middle of a run.
func TestRuntimeInTheMiddle(t *testing.T) {
	record(t, factorials, loop.WithObserver(trace.Runtime()))
	if rtrace.IsEnabled() {
		t.Skip("the tracer is already on")
	}
	for on := range 30 {
		for off := on; off < 40; off += 5 {
			seen := 0
			var file bytes.Buffer
			record(t, everything, loop.WithObserver(func(loop.Event) {
				switch seen++; seen {
				case on:
					if err := rtrace.Start(&file); err != nil {
						t.Fatal(err)
					}
				case off:
					rtrace.Stop()
				}
			}), loop.WithObserver(trace.Runtime()))
			rtrace.Stop()
		}
	}
}

// parsed returns the events of a trace as go tool trace prints them.
func parsed(t *testing.T, file []byte) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("this test needs the go command")
	}
	path := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(tool, "tool", "trace", "-d=parsed", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text)
}
