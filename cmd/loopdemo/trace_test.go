package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The file has stdout and stderr as a terminal shows them together. It was written by hand,
// from the contract in the documentation of package loop.
func TestTrace(t *testing.T) {
	var both bytes.Buffer
	if status := run(context.Background(), []string{"-virtual", "-trace"}, &both, &both); status != exitDone {
		t.Errorf("status %d", status)
	}
	compare(t, both.String(), golden(t, "trace.txt"))
}

// -trace does not change stdout.
func TestTraceLeavesStdoutAlone(t *testing.T) {
	stdout, _, _ := exec("-virtual", "-trace")
	compare(t, stdout, golden(t, "factorial.txt"))
}

func TestTraceEager(t *testing.T) {
	var both bytes.Buffer
	run(context.Background(), []string{"-virtual", "-trace", "-eager", "Nothing=1", "A=2"}, &both, &both)
	compare(t, both.String(), strings.TrimPrefix(`
   0.000000s  main     made
   0.000000s  main     step
   0.000000s  Nothing  made
   0.000000s  Nothing  step
Task Nothing: factorial(1) = 1
   0.000000s  Nothing  done
   0.000000s  A        made
   0.000000s  A        step
Task A: Compute factorial(2), currently i=2...
   0.000000s  A        timer armed for 1.000000s
   0.000000s  A        suspended
   0.000000s  main     suspended on a gather of 2
   0.000000s  -        idle
   1.000000s  A        timer fired
   1.000000s  A        woken
   1.000000s  A        step
Task A: factorial(2) = 2
   1.000000s  A        done
   1.000000s  main     woken
   1.000000s  main     step
   1.000000s  main     done
[1, 2]
`, "\n"))
}

// read returns the content of the file path.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The golden file was checked by reading it. Package trace uses the same file, and tests the
// page in a browser.
func TestRecording(t *testing.T) {
	perfetto, timeline := filepath.Join(t.TempDir(), "perfetto.json"), filepath.Join(t.TempDir(), "timeline.html")
	out := succeed(t, "-virtual", "-perfetto", perfetto, "-timeline", timeline)
	compare(t, out, golden(t, "factorial.txt"))
	compare(t, read(t, perfetto), golden(t, "perfetto.json"))
	page := read(t, timeline)
	if !strings.HasPrefix(page, "<!DOCTYPE html>") || !strings.HasSuffix(page, "</html>\n") || !strings.Contains(page, "4 tasks, 11 steps") {
		t.Errorf("the page is\n%.500s", page)
	}
}

// The recording is written also if Ctrl-C ends the program.
func TestRecordingOfCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	out := &ctrlC{at: "Task B: Compute factorial(3), currently i=3...", cancel: cancel}
	path := filepath.Join(t.TempDir(), "perfetto.json")
	if status := run(ctx, []string{"-virtual", "-perfetto", path}, out, new(bytes.Buffer)); status != exitCanceled {
		t.Errorf("status %d", status)
	}
	if text := read(t, path); strings.Count(text, `"outcome":"canceled"`) != 3 { // B, C and main
		t.Errorf("recorded:\n%s", text)
	}
}

// If one file cannot be made, the program fails before it runs anything, and the other file is
// closed.
func TestRecordingFails(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "timeline.html")
	stdout, stderr, status := exec("-virtual", "-perfetto", filepath.Join(dir, "perfetto.json"), "-timeline", missing)
	_, err := os.Create(missing) // the text of the error depends on the system
	want := fmt.Sprintf("loopdemo: %v\n", err)
	if status != exitFailed || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// If the program cannot begin, an old file keeps its content, and a new file is removed.
func TestRecordingThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "timeline.html")
	old, fresh := filepath.Join(dir, "old.json"), filepath.Join(dir, "fresh.json")
	if err := os.WriteFile(old, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, fresh} {
		if _, _, status := exec("-virtual", "-perfetto", path, "-timeline", missing); status != exitFailed {
			t.Errorf("status %d", status)
		}
	}
	if text := read(t, old); text != "old" {
		t.Errorf("the file has %q now", text)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("an empty file is left")
	}
}

// The recording replaces the whole content of an old file, also if the old content is longer.
func TestRecordingReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perfetto.json")
	if err := os.WriteFile(path, bytes.Repeat([]byte("old"), 100_000), 0o666); err != nil {
		t.Fatal(err)
	}
	succeed(t, "-virtual", "-perfetto", path)
	compare(t, read(t, path), golden(t, "perfetto.json"))
}

// The program refuses two names of one file, and the file keeps its content.
func TestRecordingOfTwoKindsToOneFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a.html"), filepath.Join(dir, "b.html")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := exec("-virtual", "-perfetto", path, "-timeline", link)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "both write") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if text := read(t, path); text != "old" {
		t.Errorf("the file has %q now", text)
	}
}

// The program fails if the disk is full, although it has printed the factorials.
func TestRecordingCannotBeWritten(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("this test needs /dev/full")
	}
	stdout, stderr, status := exec("-virtual", "-timeline", full)
	err := os.WriteFile(full, []byte("more"), 0)
	if want := fmt.Sprintf("loopdemo: %v\n", err); err == nil || status != exitFailed || stderr != want {
		t.Errorf("status %d, stderr %q; want %d, %q", status, stderr, exitFailed, want)
	}
	compare(t, stdout, golden(t, "factorial.txt"))
}
