package trace_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// FuzzNames gives tasks, a lock and an error any text as a name, and reads all outputs. No name may
// break a line or the JSON, or end the page's script.
func FuzzNames(f *testing.F) {
	for _, s := range []string{
		"A", "", "a\nb\r\t\x00\x1b[31m\x7f\u0085\u2028\u2029", "\u202e\u200b\ufeff", "\xff\xfe", "é\xc3", "\xed\xa0\x80", "\ufffd",
		"</script><script>alert(1)</script>", "<!--<script>", "]]>&lt;", "{{.Title}}", "'\"`${x}\\",
		strings.Repeat("é", 200), strings.Repeat("\xff", 300), // longer than a recorder keeps
	} {
		f.Add(s, s, s, false)
		f.Add(s, s, s, true)
	}
	f.Fuzz(checkNames)
}

// This text is too long for the fuzz test: the fuzzer would spend its time on changing it.
func TestHugeNames(t *testing.T) {
	s := strings.Repeat("x</script>\xffé\x00", 1<<16)
	checkNames(t, s, s, s, false)
	checkNames(t, s, s, s, true)
}

// checkNames records a program with the given texts, and reads all outputs.
func checkNames(t *testing.T, name, label, message string, small bool) {
	budget := 1 << 16
	if small {
		budget = 3072 // room for few names
	}
	r, live := named(name, label, message, budget)
	checkLines(t, live, -1)
	checkLines(t, []byte(text(t, r)), len(r.Events()))
	checkPerfetto(t, r)
	var perfetto bytes.Buffer
	if err := r.WritePerfetto(&perfetto); err != nil || !utf8.Valid(perfetto.Bytes()) || perfetto.Len() > 100_000 {
		t.Errorf("Perfetto: %v, %d bytes, UTF-8: %v", err, perfetto.Len(), utf8.Valid(perfetto.Bytes()))
	}
	checkTimeline(t, r)
	checkPage(t, page(t, r))
	if len(live) > 100_000 {
		t.Errorf("the lines have %d bytes, want 100,000 at most", len(live))
	}
}

// named records a program that uses the given texts in all places that take a text.
func named(name, label, message string, budget int) (r *trace.Recorder, live []byte) {
	r = trace.NewRecorder(budget)
	var text bytes.Buffer
	l := loop.New(
		loop.WithVirtualTime(), loop.WithErrorHandler(func(loop.Failure) {}),
		loop.WithObserver(r.Observe), loop.WithObserver(trace.Text(&text, 4)))
	defer l.Close()
	var m lock.Mutex
	m.SetName(label)
	m.TryLock()
	waits := func(ctx context.Context) error { return m.Lock(ctx) }
	stays := spawn(l.Context(), name, waits) // has not ended when the events are read
	spawn(l.Context(), name+"2", func(ctx context.Context) error { return stays.Wait(ctx) })
	canceled := spawn(l.Context(), name+"3", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	spawn(l.Context(), name+"4", func(context.Context) error {
		canceled.Cancel(errors.New(message))
		return errors.New(message)
	})
	spawn(l.Context(), name+"5", func(context.Context) error { panic(message) })
	_ = l.Run() // ends with a deadlock
	return r, text.Bytes()
}

var eventLine = regexp.MustCompile(`^ *\d+\.\d{6}s  \S.*\n$`)

// checkLines checks that text has a printable line for each event. events is their number, or -1 for
// any number.
func checkLines(t *testing.T, text []byte, events int) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		body := bytes.TrimSuffix(line, []byte("\n"))
		if !utf8.Valid(line) || !eventLine.Match(line) || bytes.ContainsFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the line is not that of an event: %.300q", line)
		}
	}
	if events >= 0 && n != events {
		t.Errorf("%d lines for %d events", n, events)
	}
}

// checkPage checks that p is UTF-8, has a bounded size, and contains its own two scripts and no others.
func checkPage(t *testing.T, p []byte) {
	if !utf8.Valid(p) || len(p) > 200_000 {
		t.Errorf("the page has %d bytes, UTF-8: %v", len(p), utf8.Valid(p))
	}
	lower := bytes.ToLower(p)
	if begin, end := bytes.Count(lower, []byte("<script")), bytes.Count(lower, []byte("</script")); begin != 2 || end != 2 {
		t.Errorf("%d scripts begin and %d end, want 2 and 2", begin, end)
	}
	if bytes.Contains(p, []byte("<!--")) {
		t.Error("the page has a comment")
	}
}
