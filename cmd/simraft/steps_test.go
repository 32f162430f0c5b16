package main

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
)

func TestSteps(t *testing.T) {
	s := setting{nodes: 3, ran: &totals{}}
	n := map[string]int{}
	kinds := map[string]int{}
	looptest.Explore(t, looptest.Sample(1, 100), s.run, looptest.Observer(func(e loop.Event) {
		kinds[fmt.Sprint(e.Kind)]++
		if e.Task != nil && fmt.Sprint(e.Kind) == "step" {
			name := e.Task.Name()
			if strings.HasPrefix(name, "10.") {
				name = name[:8]
			}
			n[name]++
		}
	}))
	var all []string
	for k, v := range n {
		all = append(all, fmt.Sprintf("%7.1f %s", float64(v)/float64(s.ran.runs), k))
	}
	for k, v := range kinds {
		all = append(all, fmt.Sprintf("%7.1f KIND %s", float64(v)/float64(s.ran.runs), k))
	}
	sort.Strings(all)
	t.Log("\n" + strings.Join(all, "\n"))
}
