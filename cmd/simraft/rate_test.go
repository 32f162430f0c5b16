package main

import (
	"regexp"
	"testing"

	"github.com/takt-go/takt/cmd/simraft/kv"
	"github.com/takt-go/takt/loop/looptest"
)

func TestRate(t *testing.T) {
	for _, bug := range kv.Bugs() {
		text := ""
		for seed := range uint64(6) {
			s := setting{nodes: 3, bug: bug}
			report := explore(t, func(t testing.TB) {
				looptest.Explore(t, looptest.Sample(seed+10, 4000), s.run, looptest.MinimiseFor(0), looptest.Unexplained())
			})
			m := regexp.MustCompile(`after (\d+) schedules`).FindStringSubmatch(report)
			first := regexp.MustCompile(`(?m)^.*go:\d+: (.{0,24})`).FindStringSubmatch(report)
			if m == nil || first == nil {
				text += " (none: " + report[:min(80, len(report))] + ")"
			} else {
				text += " " + m[1] + " [" + first[1] + "]"
			}
		}
		t.Log(bug, text)
	}
}
