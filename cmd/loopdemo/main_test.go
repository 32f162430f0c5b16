package main

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// exec runs the program without a Ctrl-C.
func exec(args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = run(context.Background(), args, &out, &errs)
	return out.String(), errs.String(), status
}

// succeed runs the program, which must succeed and write nothing to stderr.
func succeed(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, status := exec(args...)
	if status != exitDone || stderr != "" {
		t.Fatalf("%q: status %d, stderr %q", args, status, stderr)
	}
	return stdout
}

// golden returns the content of a file of testdata/loopdemo.
func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "loopdemo", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compare fails the test if got is not want, and names the first line that differs.
func compare(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d differs\ngot:\n%s\nwant:\n%s", i+1, got, want)
		}
	}
}

// The file has the ten lines of the asyncio documentation, copied from there by hand. Every
// mode prints these lines, as all steps have the same length.
func TestDocumentationExample(t *testing.T) {
	want := golden(t, "factorial.txt")
	for _, args := range []string{
		"-virtual",
		"-virtual -eager",
		"-virtual -step 0",
		"-virtual A=2 B=3 C=4",
		"A=2 -virtual B=3 -eager C=4 -step 1h",
		"-step 0",
		"-step 1ns",
		"-step 1ns -eager",
	} {
		t.Run(args, func(t *testing.T) {
			compare(t, succeed(t, strings.Fields(args)...), want)
		})
	}
}

func TestResults(t *testing.T) {
	for args, want := range map[string]string{
		"None=0":        "Task None: factorial(0) = 1\n[1]\n",
		"One=1 Zero=0":  "Task One: factorial(1) = 1\nTask Zero: factorial(0) = 1\n[1, 1]\n",
		"Ünï=2":         "Task Ünï: Compute factorial(2), currently i=2...\nTask Ünï: factorial(2) = 2\n[2]\n",
		"main=1 -eager": "Task main: factorial(1) = 1\n[1]\n",
	} {
		compare(t, succeed(t, append(strings.Fields(args), "-virtual")...), want)
	}
}

// With a real clock this run would take half an hour.
func TestFactorialOf2000(t *testing.T) {
	out := succeed(t, "-virtual", "Big=2000")
	want := new(big.Int).MulRange(1, 2000).String()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 2001 {
		t.Fatalf("%d lines, want 1999 of steps and 2 of results", len(lines))
	}
	if got := lines[1998]; got != "Task Big: Compute factorial(2000), currently i=2000..." {
		t.Errorf("the last step says %q", got)
	}
	if lines[1999] != "Task Big: factorial(2000) = "+want || lines[2000] != "["+want+"]" {
		t.Error("the result is not the factorial of 2000")
	}
}

func TestStep(t *testing.T) {
	for step, want := range map[string]string{
		"0":     "0.000000s",
		"1us":   "0.000003s",
		"250ms": "0.750000s",
		"1h":    "10800.000000s",
		// C sleeps for three steps; a slightly longer step is an error.
		"854015h": "9223362000.000000s",
	} {
		_, trace, _ := exec("-virtual", "-trace", "-step", step)
		lines := strings.Split(strings.TrimSpace(trace), "\n")
		last := strings.Fields(lines[len(lines)-1])
		if got := strings.Join(last, " "); got != want+" main done" {
			t.Errorf("with -step %s the trace ends with %q, want %q", step, got, want+" main done")
		}
	}
}

// A failingWriter fails after a number of writes.
type failingWriter struct{ left int }

var errFull = errors.New("the disk is full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// The program fails if any line of its output cannot be written.
func TestOutputFails(t *testing.T) {
	for lines := range 10 {
		var errs bytes.Buffer
		status := run(context.Background(), []string{"-virtual"}, &failingWriter{lines}, &errs)
		if want := "loopdemo: the disk is full\n"; status != exitFailed || errs.String() != want {
			t.Errorf("after %d lines: status %d, stderr %q; want %d, %q", lines, status, errs.String(), exitFailed, want)
		}
	}
}
