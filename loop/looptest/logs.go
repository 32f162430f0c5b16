package looptest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLogs is how many lines the logs by task have at most.
const maxLogs = 24

// A teller is a task that logs.
type teller struct {
	who   string
	lines []toldLine
}

// A toldLine is a text that a task logged in the step with the number.
type toldLine struct {
	number int
	text   string
}

// logs lists the last logs of each task, if they do not stand under the steps.
func (f *layout) logs() section {
	if !f.apart {
		return section{}
	}
	var tellers []*teller
	byName := map[string]*teller{}
	total := 0
	for i, s := range f.steps {
		who := s.who
		if who == "" {
			who = s.path
		}
		for _, said := range s.said {
			if said.bad {
				continue
			}
			t := byName[who]
			if t == nil {
				t = &teller{who: who}
				byName[who] = t
				tellers = append(tellers, t)
			}
			t.lines = append(t.lines, toldLine{i + 1, said.text})
			total++
		}
	}
	header := fmt.Sprintf("The last logs of each task, by step (%s in all):", count(total, "log", "logs"))
	return section{header, min(total, maxLogs), 6, func(room int) []string { return f.layLogs(tellers, room) }}
}

// layLogs shares the room among the tasks. If there are too many, it takes the tasks that logged last.
func (f *layout) layLogs(tellers []*teller, room int) []string {
	left := 0
	if len(tellers) > room {
		left = len(tellers) - room + 1
		first := slices.Clone(tellers)
		slices.SortStableFunc(tellers, func(a, b *teller) int { return cmp.Compare(b.last(), a.last()) })
		tellers = tellers[:room-1]
		slices.SortStableFunc(tellers, func(a, b *teller) int { return cmp.Compare(slices.Index(first, a), slices.Index(first, b)) })
		room--
	}
	var want, least []int
	width := 0
	for _, t := range tellers {
		want, least = append(want, len(t.lines)), append(least, 1)
		width = max(width, utf8.RuneCountInString(short(t.who)))
	}
	var lines []string
	for i, n := range share(room, want, least) {
		t := tellers[i]
		for _, l := range t.lines[len(t.lines)-n:] {
			text, _, more := strings.Cut(l.text, "\n")
			if text = cut(text, maxLine); more {
				text += fmt.Sprintf(" ... (%s)", count(countLines([]string{l.text}), "line", "lines"))
			}
			lines = append(lines, fmt.Sprintf("\t%*d  %-*s  %s", f.digits, l.number, width, short(t.who), text))
		}
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("\t%*s  ... %s", f.digits, "", count(left, "more task", "more tasks")))
	}
	return lines
}

func (t *teller) last() int { return t.lines[len(t.lines)-1].number }
