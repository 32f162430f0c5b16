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

// The file holds stdout and stderr as a terminal shows them together. It was
// written by hand, from the scheduling contract.
func TestTrace(t *testing.T) {
	var both bytes.Buffer
	if status := run(context.Background(), []string{"-virtual", "-trace"}, &both, &both); status != exitDone {
		t.Errorf("status %d", status)
	}
	compare(t, both.String(), golden(t, "trace.txt"))
}

// The output is exact whether the loop is traced or not.
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

// read returns what is in the file path.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The golden file was checked by reading it. Package trace has it as its own, and
// looks at the page in a browser.
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

// What was recorded is there also when the program is cut off.
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

// A file that cannot be made is a failure before anything runs; the other one is
// closed.
func TestRecordingFails(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "timeline.html")
	stdout, stderr, status := exec("-virtual", "-perfetto", filepath.Join(dir, "perfetto.json"), "-timeline", missing)
	_, err := os.Create(missing) // each system has words of its own
	want := fmt.Sprintf("loopdemo: %v\n", err)
	if status != exitFailed || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// What a file had before is kept where the program cannot begin, and a new file is not left
// there empty.
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

// What is longer than the recording does not stay behind it.
func TestRecordingReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "perfetto.json")
	if err := os.WriteFile(path, bytes.Repeat([]byte("old"), 100_000), 0o666); err != nil {
		t.Fatal(err)
	}
	succeed(t, "-virtual", "-perfetto", path)
	compare(t, read(t, path), golden(t, "perfetto.json"))
}

// Two names of one file are refused, and the file is as before.
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

// A disk that fills up is a failure, although the factorials are all right.
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
