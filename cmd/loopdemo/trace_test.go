package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// The file holds stdout and stderr as a terminal shows them together. It was
// written by hand, from the scheduling contract.
func TestTrace(t *testing.T) {
	var both bytes.Buffer
	if status := run(context.Background(), []string{"-virtual", "-trace"}, &both, &both); status != exitDone {
		t.Errorf("status %d", status)
	}
	compare(t, both.String(), golden(t, "trace.txt"))
}

// The output is exact whether the loop is traced or not.
func TestTraceLeavesStdoutAlone(t *testing.T) {
	stdout, _, _ := exec("-virtual", "-trace")
	compare(t, stdout, golden(t, "factorial.txt"))
}

func TestTraceEager(t *testing.T) {
	var both bytes.Buffer
	run(context.Background(), []string{"-virtual", "-trace", "-eager", "Nothing=1", "A=2"}, &both, &both)
	compare(t, both.String(), strings.TrimPrefix(`
   0.000000s  main     made
   0.000000s  main     step
   0.000000s  Nothing  made
   0.000000s  Nothing  step
Task Nothing: factorial(1) = 1
   0.000000s  Nothing  done
   0.000000s  A        made
   0.000000s  A        step
Task A: Compute factorial(2), currently i=2...
   0.000000s  A        timer armed for 1.000000s
   0.000000s  A        suspended
   0.000000s  main     suspended on a gather of 2
   0.000000s  -        idle
   1.000000s  A        timer fired
   1.000000s  A        woken
   1.000000s  A        step
Task A: factorial(2) = 2
   1.000000s  A        done
   1.000000s  main     woken
   1.000000s  main     step
   1.000000s  main     done
[1, 2]
`, "\n"))
}
