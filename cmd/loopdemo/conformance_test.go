package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The conformance programs "factorial" and "factorial-eager" are the documentation's example,
// too, and have CPython's trace. The expected output of the demo follows from that trace.
func TestOrderIsThatOfCPython(t *testing.T) {
	for name, args := range map[string][]string{
		"factorial":       {"-virtual"},
		"factorial-eager": {"-virtual", "-eager"},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, succeed(t, args...), printed(t, cpythonTrace(t, name)))
		})
	}
}

// cpythonTrace returns the trace of a conformance program.
func cpythonTrace(t *testing.T, name string) []string {
	file, err := os.Open(filepath.Join("..", "..", "testdata", "conformance", "curated.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var program struct {
			Name  string
			Trace []string
		}
		if err := json.Unmarshal(lines.Bytes(), &program); err != nil {
			t.Fatal(err)
		}
		if program.Name == name {
			return program.Trace
		}
	}
	t.Fatalf("no conformance program is named %q (%v)", name, lines.Err())
	return nil
}

// printed returns the expected output of the demo for the trace of a conformance program. The
// trace has lines like "0 A: compute 3, i=2" and "2000 B: returns 6", and for the last line
// "3000 main: L -> [2, 6, 24]". The demo has no lines for the other lines of the trace.
func printed(t *testing.T, trace []string) string {
	var b strings.Builder
	computes := make(map[string]string) // the n of each task
	for _, line := range trace {
		_, event, _ := strings.Cut(line, " ")
		name, what, _ := strings.Cut(event, ": ")
		if n, ok := strings.CutPrefix(what, "compute "); ok {
			n, i, ok := strings.Cut(n, ", i=")
			if !ok {
				t.Fatalf("the trace has the line %q", line)
			}
			computes[name] = n
			b.WriteString("Task " + name + ": Compute factorial(" + n + "), currently i=" + i + "...\n")
		} else if f, ok := strings.CutPrefix(what, "returns "); ok && name != "main" {
			b.WriteString("Task " + name + ": factorial(" + computes[name] + ") = " + f + "\n")
		} else if results, ok := strings.CutPrefix(what, "L -> "); ok {
			b.WriteString(results + "\n")
		}
	}
	if got := strings.Count(b.String(), "\n"); got != 10 {
		t.Fatalf("the trace gives %d lines, want 10:\n%s", got, b.String())
	}
	return b.String()
}
