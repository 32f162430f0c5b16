package looptest

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxFaults   = 24 // lines of the list of faults
	maxNodeLogs = 24 // lines of the logs by node
)

// listFaults lists the faults, in order of time. If there is not room for all, it lists the first and the last ones.
func (c *chronicle) listFaults() section {
	if c == nil || len(c.faults) == 0 {
		return section{}
	}
	faults := joined(c.faults)
	groups := fold(len(faults), func(i, j int) bool { return faults[i].text == faults[j].text })
	times := c.times(faults)
	var lines []string
	var stands []int // for how many faults each line stands
	for _, g := range groups {
		again := g.again(times)
		for i, f := range faults[g.first : g.first+g.size] {
			line := fmt.Sprintf("\t%-*s  %s", width(times), times[g.first+i], f.text)
			if g.size == 1 {
				line += again
			}
			lines, stands = append(lines, line), append(stands, g.times)
		}
		if g.size > 1 {
			lines, stands = append(lines, fmt.Sprintf("\t%*s  these %d faults%s", width(times), "", g.size, again)), append(stands, 0)
		}
	}
	return section{"The faults:", min(len(lines), maxFaults), 10, func(room int) []string {
		if len(lines) <= room {
			return lines
		}
		if room == 0 {
			return nil
		}
		first, left := (room-1)/3, c.dropped
		last := len(lines) - (room - 1 - first)
		for _, n := range stands[first:last] {
			left += n
		}
		middle := fmt.Sprintf("\t%*s  ... %s ...", width(times), "", count(left, "more", "more"))
		return slices.Concat(lines[:first], []string{middle}, lines[last:])
	}}
}

// joined returns a list in which the same fault of several nodes at one instant has one line: crash a b c. Faults with
// details, after a colon, keep their lines.
func joined(faults []happening) (list []happening) {
	common := "" // the text of the last line, without the nodes
	for _, f := range faults {
		before, after, found := strings.Cut(f.text+" ", " "+f.node+" ")
		text := before + " " + after
		if !found || f.node == "" || !f.minor && strings.Contains(text, ":") {
			text = ""
		}
		if last := len(list) - 1; text != "" && text == common && list[last].at == f.at {
			list[last].node += " " + f.node
			list[last].text = strings.TrimSuffix(before+" "+list[last].node+" "+after, " ")
			continue
		}
		common = text
		list = append(list, f)
	}
	return list
}

// again says how often a group is repeated.
func (g group) again(times []string) string {
	if g.times == 1 {
		return ""
	}
	text := fmt.Sprintf("  ×%d", g.times)
	if last := times[g.first+g.size*g.times-1]; last != times[g.first] {
		text += ", until " + last
	}
	return text
}

// listLogs lists the logs of each node that are nearest to the faults and to the failure.
func (c *chronicle) listLogs() section {
	if c == nil || len(c.logs) == 0 {
		return section{}
	}
	var blocks []logBlock
	for _, logs := range byNode(c.logs) {
		distances := c.distances(logs)
		for _, g := range fold(len(logs), func(i, j int) bool { return logs[i].text == logs[j].text }) {
			end := g.first + g.size*g.times
			b := logBlock{group: g, logs: logs, distance: slices.Min(distances[g.first:end]), last: logs[end-1].index, lines: g.size}
			if g.size > 1 {
				b.lines++ // that says how often
			}
			blocks = append(blocks, b)
		}
	}
	want := 0
	for _, b := range blocks {
		want += b.lines
	}
	header := "The log of each node around the faults and the failure"
	if c.ended {
		header += " at " + c.text(c.failed)
	}
	header += fmt.Sprintf(" (%s in all):", count(c.logged, "log", "logs"))
	return section{header, min(want, maxNodeLogs), 10, func(room int) []string { return c.layLogs(blocks, room) }}
}

// A logBlock is a group of logs of a node.
type logBlock struct {
	group
	logs     []nodeLog // of the node
	distance int       // the smallest one of its logs
	last     int       // index of the last log among those of all nodes
	lines    int
}

func (c *chronicle) layLogs(blocks []logBlock, room int) []string {
	keep := make([]bool, len(blocks))
	byEnd := make([]int, len(blocks)) // the blocks, in order of their ends
	for i := range byEnd {
		byEnd[i] = i
	}
	slices.SortFunc(byEnd, func(i, j int) int { return blocks[i].last - blocks[j].last })
	for _, i := range nearest(len(blocks), func(i int) int { return blocks[byEnd[i]].distance }) {
		if b := byEnd[i]; blocks[b].lines <= room {
			keep[b] = true
			room -= blocks[b].lines
		}
	}
	var nodes, times, texts []string
	for i, b := range blocks {
		if !keep[i] {
			continue
		}
		all := make([]string, len(b.logs))
		for i, l := range b.logs {
			all[i] = c.text(l.at)
		}
		again := b.again(all)
		for i := range b.size {
			nodes, times, texts = append(nodes, short(b.logs[0].node)), append(times, all[b.first+i]), append(texts, b.logs[b.first+i].text)
		}
		if b.size == 1 {
			texts[len(texts)-1] += again
		} else {
			nodes, times, texts = append(nodes, short(b.logs[0].node)), append(times, ""), append(texts, fmt.Sprintf("these %d logs%s", b.size, again))
		}
	}
	var lines []string
	for i := range texts {
		lines = append(lines, fmt.Sprintf("\t%-*s  %-*s  %s", width(nodes), nodes[i], width(times), times[i], texts[i]))
	}
	return lines
}

func (c *chronicle) times(of []happening) []string {
	var texts []string
	for _, h := range of {
		texts = append(texts, c.text(h.at))
	}
	return texts
}

// text formats a time. In a run of many seconds nobody reads nanoseconds.
func (c *chronicle) text(at time.Duration) string {
	last := c.failed
	for _, l := range [][]happening{c.faults, c.logs} {
		if len(l) > 0 {
			last = max(last, l[len(l)-1].at)
		}
	}
	switch {
	case last >= time.Second:
		at = at.Truncate(time.Millisecond)
	case last >= time.Millisecond:
		at = at.Truncate(time.Microsecond)
	}
	return at.String()
}

// width returns how many characters the longest text has.
func width(texts []string) (most int) {
	for _, text := range texts {
		most = max(most, utf8.RuneCountInString(text))
	}
	return most
}
