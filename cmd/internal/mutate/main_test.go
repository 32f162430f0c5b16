package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var sample = filepath.Join("testdata", "module")

func mutate(t *testing.T, equivalent string, args ...string) string {
	t.Helper()
	c, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	if err := c.run(context.Background(), sample, equivalent, &out, &progress); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Package ops has code for each operator, and its tests notice every mutant. Package holes has
// survivors, one mutant that hangs, and one mutant that the tests of ops notice.
func TestSample(t *testing.T) {
	const equivalent = "holes/holes.go: Double: negate-if: n == 0\n\tfor the test\nholes/holes.go: Never: drop-assign: *to = 1\n\tfor the test"
	both := []string{"-tests", "ops", "-tests", "holes", "-timeout", "1s", "ops", "holes"}
	got := mutate(t, equivalent, append([]string{"-equivalent", "-only", "^ops|Double|Max|Never|negate-for"}, both...)...)
	if want := `
holes/holes.go:6: Double: negate-if: n == 0 (listed as equivalent, but a test notices it)
holes/holes.go:14: Max: boundary->: a > b

  mutants  equivalent  noticed  by hanging  survived  unreached    score  package
       47           0       47           0         0          0  100.0 %  ops
        5           1        3           1         1          0   75.0 %  holes
       52           1       50           1         1          0   98.0 %  all
`[1:]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSampleInPart(t *testing.T) {
	got := mutate(t, "", "-tests", "holes", "-only", "Double|Never", "holes")
	if want := `
holes/holes.go:6: Double: negate-if: n == 0 (no test reaches it)
holes/holes.go:22: Never: drop-assign: *to = 1 (no test reaches it)

  mutants  equivalent  noticed  by hanging  survived  unreached  score  package
        2           0        0           0         2          2  0.0 %  holes
        2           0        0           0         2          2  0.0 %  all
`[1:]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestList(t *testing.T) {
	list := func(args ...string) []string {
		return strings.Split(strings.TrimSpace(mutate(t, "", append(args, "-list", "ops", "holes")...)), "\n")
	}
	all := list()
	some := list("-sample", "7")
	if len(all) != 53 || len(some) != 7 || !slices.Equal(some, list("-sample", "7", "-seed", "1")) {
		t.Errorf("%d mutants, of which %q", len(all), some)
	}
	if slices.Equal(some, list("-sample", "7", "-seed", "2")) {
		t.Error("another seed gives the same sample")
	}
	at := -1
	for _, line := range some { // the sample keeps the order of all mutants
		next := slices.Index(all, line)
		if next <= at {
			t.Errorf("%q is at %d of all, after %d", line, next, at)
		}
		at = next
	}
	if got := list("-only", "drop-go:", "-sample", "9"); len(got) != 1 || got[0] != "ops/ops.go:84: send: drop-go: go func() { done <- 1 }()" {
		t.Errorf("%q", got)
	}
}

func TestSlowTests(t *testing.T) {
	text := "=== RUN   TestA\n--- PASS: TestA (0.25s)\n    --- PASS: TestA/sub (0.25s)\n--- PASS: TestB (0.10s)\n--- PASS: ExampleC (1.00s)\nPASS\n"
	if got := slowTests(text); got != "^(TestA|ExampleC)$" {
		t.Errorf("%q", got)
	}
	if got := slowTests("--- PASS: TestB (0.10s)\n"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"want a -p of 1 or more": {"-p", "0"},
		"a -sample of 0 or more": {"-sample", "-1"},
		"missing closing )":      {"-only", "("},
	} {
		if _, err := parse(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", args, err, want)
		}
	}
	broken := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module broken\n",
		"a.go":      "package a\n",
		"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Error(\"as always\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ root, pkg, want string }{
		{"testdata", "ops", "run mutate in the folder of the module"},
		{sample, "missing", "cannot find package"},
		{broken, ".", "the tests of . fail without a mutant: exit status 1\n--- FAIL: TestA"},
	} {
		config, err := parse([]string{"-tests", c.pkg, c.pkg}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		err = config.run(context.Background(), c.root, "", io.Discard, io.Discard)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "=== RUN   TestA\n    a_test.go:5: as always\n", ""), c.want) {
			t.Errorf("%s: %v; want %s", c.root, err, c.want)
		}
	}
}

// An interrupt ends the run, and the report says how many mutants were not run.
func TestInterrupt(t *testing.T) {
	var b built
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.suites = []*suite{{pkg: "p", binary: "true", parts: []part{{reaches: map[int]bool{1: true}, limit: time.Hour}}}}
	results := b.try(ctx, []mutant{{id: 1, pkg: "p"}}, &config{parallel: 1}, io.Discard)
	var out bytes.Buffer
	if err := report(&out, []string{"p"}, results); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "interrupted: 1 mutants were not run") {
		t.Error(out.String())
	}
}

// A process that sleeps has stalled, if the system has /proc to show that. A process that works,
// or has a child, has not stalled.
func TestUntilStalled(t *testing.T) {
	_, err := os.ReadDir("/proc/self/task")
	for _, c := range []struct {
		command string
		want    bool
	}{
		{"exec sleep 100", err == nil},
		{"sleep 5; true", false}, // has a child
		{"while :; do :; done", false},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*idleFor)
		cmd := exec.CommandContext(ctx, "sh", "-c", c.command)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := untilStalled(ctx, cmd.Process.Pid); got != c.want {
			t.Errorf("%s: stalled: %v", c.command, got)
		}
		cancel()
		_ = cmd.Wait()
	}
}
