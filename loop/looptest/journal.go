package looptest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A Journal records events of a program as lines of text, and compares them with the wanted lines.
// A program on a loop always has the same order of events, so a test can compare all of them.
//
// The zero Journal is empty and ready to use. Use a Journal in the code of one loop: other
// goroutines must not use it at the same time.
type Journal []string

// Add adds a line. It formats its arguments as [fmt.Sprintf] does.
func (j *Journal) Add(format string, args ...any) { *j = append(*j, fmt.Sprintf(format, args...)) }

// Callback returns a function that adds line, for CallSoon, OnDone or Post.
func (j *Journal) Callback(line string) func() { return func() { *j = append(*j, line) } }

// Want fails the test unless the journal holds exactly these lines. Then it empties the journal, so
// the next Want compares only lines that were added since. The failure shows the equal lines at the
// beginning and at the end, and between them the wanted lines and the recorded lines. Lines are
// quoted, so they can be pasted into the call of Want. The test goes on after a failure.
//
// It panics if t is nil.
func (j *Journal) Want(t testing.TB, lines ...string) {
	if t == nil {
		panic("looptest: Want with a nil test; give it the test's own, or the T of the body")
	}
	t.Helper()
	got := *j
	*j = nil
	if !slices.Equal(got, lines) {
		t.Errorf("%s", difference(got, lines))
	}
}

// difference describes how two lists of lines differ.
func difference(got, want []string) string {
	shorter := min(len(got), len(want))
	first, last := 0, 0 // how many lines are equal at the beginning, and at the end
	for first < shorter && got[first] == want[first] {
		first++
	}
	for last < shorter-first && got[len(got)-1-last] == want[len(want)-1-last] {
		last++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the journal differs at line %d (- is wanted, + was recorded):", first+1)
	for _, part := range []struct {
		mark  byte
		lines []string
	}{
		{' ', got[:first]},
		{'-', want[first : len(want)-last]},
		{'+', got[first : len(got)-last]},
		{' ', got[len(got)-last:]},
	} {
		for _, line := range part.lines {
			fmt.Fprintf(&b, "\n\t%c %q,", part.mark, line)
		}
	}
	return b.String()
}
