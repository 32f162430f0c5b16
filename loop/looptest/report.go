package looptest

import (
	"fmt"
	"strconv"
	"strings"
)

// maxReport is how many lines a report has at most, whatever the size of the run.
const maxReport = 60

// A report describes a run, most of all one that failed. Fields that are zero are left out. A note
// is not used together with the fields from schedule to why.
type report struct {
	note       string   // comes before everything else
	failure    []string // the texts of the failure: see run.failures
	schedule   string   // for the replay line
	deviations int      // of the schedule
	found      string   // by which strategy, and after how many schedules
	world      *chronicle
	why        string // a few lines
	steps      *transcript
	timeline   string // a line with the path of the page
	corpus     string // a line with the path of the file of the corpus
}

// A section is a part of a report: a header, and lines. The report has not always room for all the
// lines.
type section struct {
	header string                  // empty for none
	want   int                     // how many lines there are
	least  int                     // for so many lines there is always room
	lay    func(room int) []string // returns room lines or fewer; room is want or less
}

// String lays the report out. Each section has a number of lines that it gets in any case. The
// sections that want more share the rest.
func (r *report) String() string {
	sections := r.sections()
	room := maxReport
	var want, least []int
	for i, s := range sections {
		if i > 0 {
			room-- // for an empty line
		}
		if s.header != "" {
			room--
		}
		want, least = append(want, s.want), append(least, s.least)
	}
	var b strings.Builder
	for i, n := range share(room, want, least) {
		if i > 0 {
			b.WriteByte('\n')
		}
		if sections[i].header != "" {
			b.WriteString(sections[i].header + "\n")
		}
		for _, line := range sections[i].lay(n) {
			b.WriteString(strings.ReplaceAll(line, "\n", "↵") + "\n") // the program may give a task such a name
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (r *report) sections() []section {
	var all []section
	add := func(s section) {
		if s.want > 0 {
			all = append(all, s)
		}
	}
	add(texts(12, r.note))
	add(section{"", countLines(r.failure), 10, func(room int) []string { return layFailure(r.failure, room) }})
	if r.schedule != "" {
		how := "It fails first in, first out"
		if r.deviations > 0 {
			how = "It fails with " + plural(r.deviations, "deviation", "deviations") + " from first in, first out"
		}
		how += " (" + r.found + "). To replay this schedule:"
		replay := fmt.Sprintf("\tlooptest.Replay(t, %q, body)", r.schedule)
		add(section{"", 2, 2, func(int) []string { return []string{how, replay} }})
	}
	add(r.world.listFaults())
	add(r.world.listLogs())
	var steps *layout
	if r.steps != nil {
		steps = newLayout(r.steps)
		add(steps.deviations())
	}
	add(texts(8, r.why))
	if steps != nil {
		add(steps.interleaving(r.world))
		add(steps.logs())
	}
	for _, line := range []string{r.timeline, r.corpus} {
		add(texts(1, line))
	}
	return all
}

// texts is a section with the lines of text. Without enough room it has the first ones.
func texts(least int, text string) section {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return section{}
	}
	return section{"", countLines([]string{text}), least, func(room int) []string { return firstLines(text, room) }}
}

// share divides room among parts: part i wants want[i], and gets least[i] of that in any case. The
// rest goes to the parts in turn. If there is not room for the least, the largest parts get less.
func share(room int, want, least []int) []int {
	got := make([]int, len(want))
	for i := range got {
		got[i] = min(want[i], least[i])
		room -= got[i]
	}
	for ; room < 0; room++ {
		largest := 0
		for i := range got {
			if got[i] > got[largest] {
				largest = i
			}
		}
		got[largest]--
	}
	for more := true; more; {
		more = false
		for i := range got {
			if room > 0 && got[i] < want[i] {
				got[i]++
				room--
				more = true
			}
		}
	}
	return got
}

// maxTexts is how many texts of a failure are printed if there is not room for all of them.
const maxTexts = 4

// layFailure lays out the texts of a failure. If there is not room for all of them, it takes the
// first ones and the last one, which is often about the whole run.
func layFailure(texts []string, room int) []string {
	more := 0
	if left := len(texts) - maxTexts; left > 0 && countLines(texts) > room {
		more = left
		texts = append(texts[:maxTexts-1:maxTexts-1], texts[len(texts)-1])
		room--
	}
	var want, least []int
	for i := range texts {
		want, least = append(want, countLines(texts[i:i+1])), append(least, 1)
	}
	var lines []string
	for i, n := range share(room, want, least) {
		if i == maxTexts-1 && more > 0 {
			lines = append(lines, fmt.Sprintf("... %s ...", count(more, "more text", "more texts")))
		}
		lines = append(lines, firstLines(texts[i], n)...)
	}
	return lines
}

// countLines returns how many lines the texts have.
func countLines(texts []string) int {
	n := len(texts)
	for _, text := range texts {
		n += strings.Count(text, "\n")
	}
	return n
}

// firstLines returns the lines of text, room lines at most. If there are more, the last line of the
// result says how many are left out, if there is room for it.
func firstLines(text string, room int) []string {
	if room <= 0 {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > room {
		left := len(lines) - room + 1
		lines = lines[:room]
		if room > 1 {
			lines[room-1] = fmt.Sprintf("\t... %s", count(left, "more line", "more lines"))
		}
	}
	for i, line := range lines {
		lines[i] = cut(line, maxLine)
	}
	return lines
}

const (
	maxLine = 300 // bytes
	maxName = 40
)

// cut returns a line of most bytes or fewer. Of a longer line it returns the first part, and the length.
func cut(line string, most int) string {
	if len(line) <= most {
		return line
	}
	return fmt.Sprintf("%s... (%s)", strings.ToValidUTF8(line[:most], ""), count(len(line), "byte", "bytes"))
}

// short returns a name of maxName bytes or fewer, or the first part of a longer one.
func short(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// count is plural with commas in a large number.
func count(n int, one, more string) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	if n == 1 {
		more = one
	}
	return text + " " + more
}

// join joins names, with the word and before the last one. Of many names it joins the first ones,
// and says how many more there are.
func join(names []string) string {
	const most = 4
	switch n := len(names); {
	case n > most:
		return strings.Join(names[:most-1], ", ") + " and " + count(n-most+1, "more", "more")
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
