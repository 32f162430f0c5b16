package looptest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// measure sets the widths of the columns.
func (f *layout) measure(kept []int) {
	for _, i := range kept {
		b := &f.blocks[i]
		for _, s := range f.steps[b.first : b.first+b.size] {
			f.who = max(f.who, utf8.RuneCountInString(short(s.who)))
			if len(s.did) > 0 {
				f.path = max(f.path, utf8.RuneCountInString(s.path))
			}
			if s.at != "0s" {
				f.at = max(f.at, len(s.at)+2)
			}
		}
	}
}

// lines returns the lines of a block.
func (f *layout) lines(b *block, full bool) []string {
	var lines []string
	again := ""
	if b.times > 1 {
		again = fmt.Sprintf("×%d", b.times)
		if last := f.steps[b.first+b.size*b.times-1].at; last != f.steps[b.first].at {
			again += ", until " + last
		}
		if names := f.names(b.group); len(names) > b.size {
			again += ", by " + join(names)
		}
	}
	for i, s := range f.steps[b.first : b.first+b.size] {
		line := f.line(b.first+i+1, s)
		if b.size == 1 && again != "" {
			line += "  " + again
		}
		lines = append(lines, line)
		texts := f.textLines(s)
		if most := maxSaid / b.size; !full && len(texts) > most {
			if left := len(texts) - most + 1; most > 1 {
				texts[most-1] = fmt.Sprintf("\t%*s     ... %s", f.digits, "", count(left, "more line", "more lines"))
			}
			texts = texts[:most]
		}
		lines = append(lines, texts...)
	}
	if b.size > 1 {
		lines = append(lines, fmt.Sprintf("\t%*s   these %d steps %s", f.digits, "", b.size, again))
	}
	return lines
}

// maxEffects is how many effects of a step on other tasks its line names.
const maxEffects = 6

func (f *layout) line(number int, s *step) string {
	mark := ' '
	if len(s.deviated) > 0 || s.chosen {
		mark = '*'
	}
	at := ""
	if f.at > 0 {
		at = fmt.Sprintf("%-*s", f.at, s.at)
	}
	line := fmt.Sprintf("\t%*d %c %s%-*s  %s", f.digits, number, mark, at, f.who, short(s.who), s.path)
	if did := s.did; len(did) > 0 {
		if left := len(did) - maxEffects + 1; left > 1 {
			did = append(did[:maxEffects-1:maxEffects-1], "and "+count(left, "more", "more"))
		}
		line += fmt.Sprintf("%*s%s", f.path-utf8.RuneCountInString(s.path)+2, "", strings.Join(did, ", "))
	}
	return cut(line, maxLine)
}

// textLines returns the lines for the texts under a step.
func (f *layout) textLines(s *step) []string {
	var lines []string
	for _, said := range f.texts(s) {
		mark := "-"
		if said.bad {
			mark = "!"
		}
		for line := range strings.SplitSeq(said.text, "\n") {
			lines = append(lines, fmt.Sprintf("\t%*s   %s %s", f.digits, "", mark, cut(line, maxLine)))
			mark = " "
		}
	}
	return lines
}
