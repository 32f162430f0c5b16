package looptest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
)

// wants calls Want of a journal with the lines of got, and returns the failure, or "".
func wants(t *testing.T, got looptest.Journal, want ...string) string {
	t.Helper()
	return record(t, func(tb testing.TB) {
		got.Want(tb, want...)
		if len(got) != 0 {
			t.Errorf("after Want the journal holds %q", got)
		}
	}).report()
}

func TestJournalWantsWhatItHolds(t *testing.T) {
	var j looptest.Journal
	j.Want(t)
	j.Add("%d of %s", 1, "a")
	add := j.Callback("100%")
	add()
	add()
	j.Want(t, "1 of a", "100%", "100%")
	j.Want(t)
	j.Add("later")
	j.Want(t, "later")
}

func TestJournalShowsTheDifference(t *testing.T) {
	for name, c := range map[string]struct {
		got, want []string
		shows     []string
	}{
		"another line":     {[]string{"a", "b", "c"}, []string{"a", "x", "c"}, []string{"line 2", `  "a",`, `- "x",`, `+ "b",`, `  "c",`}},
		"a line more":      {[]string{"a", "b"}, []string{"b"}, []string{"line 1", `+ "a",`, `  "b",`}},
		"a line less":      {[]string{"a"}, []string{"a", "b"}, []string{"line 2", `  "a",`, `- "b",`}},
		"a line twice":     {[]string{"a", "a"}, []string{"a"}, []string{"line 2", `  "a",`, `+ "a",`}},
		"nothing wanted":   {[]string{"a"}, nil, []string{"line 1", `+ "a",`}},
		"nothing there":    {nil, []string{"a"}, []string{"line 1", `- "a",`}},
		"another order":    {[]string{"a", "b"}, []string{"b", "a"}, []string{"line 1", `- "b",`, `- "a",`, `+ "a",`, `+ "b",`}},
		"two lines in one": {[]string{"a\nb"}, []string{"a", "b"}, []string{"line 1", `- "a",`, `- "b",`, `+ "a\nb",`}},
	} {
		t.Run(name, func(t *testing.T) {
			text := wants(t, c.got, c.want...)
			first, rest, _ := strings.Cut(text, "\n\t")
			shows := append([]string{strings.Join(strings.Fields(first)[4:6], " ")}, strings.Split(rest, "\n\t")...)
			if !slices.Equal(shows, c.shows) {
				t.Errorf("the failure shows %q, want %q, in:\n%s", shows, c.shows, text)
			}
		})
	}
}
