package looptest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/takt-go/takt/loop/internal/world"
)

// A chronicle keeps what a report tells of a simulated world: the faults, and what the nodes have logged. Its memory
// is bounded: of very many faults it keeps the first and the last ones, and of very many logs those that are nearest
// to the faults and to the end.
type chronicle struct {
	faults  []happening
	dropped int // faults in the middle that are not kept
	logs    []happening
	logged  int               // logs, also those that are not kept
	cuts    map[uint64]string // the texts of the cuts that have not healed, by ID
	failed  time.Duration     // when the run failed
	ended   bool              // failed is set
}

// A happening is a line of a chronicle.
type happening struct {
	at    time.Duration
	node  string
	text  string
	minor bool // not a fault, but the end of one
}

// The chronicle keeps this many faults, and this many logs. It drops some when it has twice as many.
const (
	keptFaults = 1000
	keptLogs   = 2000
)

// empty reports whether nothing has happened. c may be nil.
func (c *chronicle) empty() bool { return c == nil || len(c.faults)+len(c.logs) == 0 }

func (c *chronicle) add(e world.Event) {
	switch e.Kind {
	case world.Fault:
		c.fault(e, e.Text, false)
	case world.Began:
		if e.Text != "1" {
			c.fault(e, "start "+e.Node+" again: incarnation "+e.Text, true)
		}
	case world.Ended:
		if e.Text != "crash" && c.lastOf(e.Node) != e.Text+" "+e.Node { // that is a fault
			c.fault(e, "end of "+e.Node+": "+e.Text, true)
		}
	case world.Resumed:
		c.fault(e, "resume "+e.Node, true)
	case world.Cut:
		if c.cuts == nil {
			c.cuts = map[uint64]string{}
		}
		if len(c.cuts) < keptFaults {
			c.cuts[e.ID] = firstOf(e.Text)
		}
	case world.Healed:
		c.fault(e, cmp.Or(e.Text, "heal "+c.cuts[e.ID]), true)
		delete(c.cuts, e.ID)
	case world.Log:
		c.logged++
		c.logs = append(c.logs, happening{at: e.At, node: e.Node, text: firstOf(e.Text)})
		if len(c.logs) == 2*keptLogs {
			c.logs = c.thin()
		}
	}
}

func (c *chronicle) fault(e world.Event, text string, minor bool) {
	c.faults = append(c.faults, happening{e.At, e.Node, firstOf(text), minor})
	if len(c.faults) == 2*keptFaults {
		c.dropped += keptFaults
		c.faults = slices.Delete(c.faults, keptFaults/2, keptFaults/2+keptFaults)
	}
}

// lastOf returns the text of the last happening of a node in the list of faults.
func (c *chronicle) lastOf(node string) string {
	for i := len(c.faults) - 1; i >= 0; i-- {
		if c.faults[i].node == node {
			return c.faults[i].text
		}
	}
	return ""
}

// fail notes when the run has failed. Only the first call counts.
func (c *chronicle) fail(at time.Duration) {
	if !c.ended {
		c.failed, c.ended = at, true
	}
}

// firstOf returns the first line of text, not too long.
func firstOf(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if line = strings.Clone(cut(line, maxLine)); more {
		line += fmt.Sprintf(" ... (%s)", count(countLines([]string{text}), "line", "lines"))
	}
	return line
}

// thin returns the logs that are nearest to the faults and to the end, keptLogs of them, in order.
func (c *chronicle) thin() []happening {
	distance := make([]int, len(c.logs))
	for _, of := range byNode(c.logs) {
		for i, d := range c.distances(of) {
			distance[of[i].index] = d
		}
	}
	order := nearest(len(c.logs), func(i int) int { return distance[i] })[:keptLogs]
	slices.Sort(order)
	var kept []happening
	for _, i := range order {
		kept = append(kept, c.logs[i])
	}
	return kept
}

// nearest returns the numbers from 0 to n-1, the smallest distances first, and of equal distances the last ones first.
func nearest(n int, distance func(i int) int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(distance(i), distance(j)) })
	return order
}

// A nodeLog is a log, and its index among the logs of all nodes.
type nodeLog struct {
	happening
	index int
}

// byNode returns the logs of each node. The nodes are in order of their names.
func byNode(logs []happening) [][]nodeLog {
	of := map[string][]nodeLog{}
	for i, l := range logs {
		of[l.node] = append(of[l.node], nodeLog{l, i})
	}
	var all [][]nodeLog
	for _, logs := range of {
		all = append(all, logs)
	}
	slices.SortFunc(all, func(a, b []nodeLog) int { return compareNames(a[0].node, b[0].node) })
	return all
}

// compareNames compares names as people do: n2 comes before n10.
func compareNames(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// distances returns for each log of a node how far it is from the nearest fault or the failure, in logs of this node.
// The last log before the failure comes first, and those beside a fault of the node itself. Then come those beside
// other faults.
func (c *chronicle) distances(logs []nodeLog) []int {
	distances := make([]int, len(logs))
	for i := range distances {
		distances[i] = len(logs) + 1
	}
	next := func(at time.Duration) int { // the first log after a moment
		i, _ := slices.BinarySearchFunc(logs, at+1, func(l nodeLog, at time.Duration) int { return cmp.Compare(l.at, at) })
		return i
	}
	set := func(i, distance int) {
		if i >= 0 && i < len(logs) {
			distances[i] = min(distances[i], distance)
		}
	}
	end := len(logs)
	if c.ended {
		end = next(c.failed)
	}
	set(end-1, 0)
	for _, f := range c.faults {
		distance := 1
		switch {
		case f.minor:
			continue
		case f.node == logs[0].node:
			distance = 0
		}
		i := next(f.at)
		set(i-1, distance)
		set(i, distance)
	}
	for i := 1; i < len(logs); i++ {
		distances[i] = min(distances[i], distances[i-1]+1)
	}
	for i := len(logs) - 2; i >= 0; i-- {
		distances[i] = min(distances[i], distances[i+1]+1)
	}
	return distances
}
