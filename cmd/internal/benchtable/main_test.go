package main

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// On js the Go runtime has a goroutine that waits for events of JavaScript.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

var update = flag.Bool("update", false, "rewrite testdata/sample.golden")

// TestSample prints the table of a recorded run.
func TestSample(t *testing.T) {
	in, err := os.Open(filepath.Join("testdata", "sample.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var got bytes.Buffer
	if err := run(in, &got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "sample.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nIf the new table is right, run: go test ./cmd/internal/benchtable -update", &got, want)
	}
}

// The sample is a recorded run of the present benchmarks. So this test fails if a row of the
// table and the name of its benchmark differ.
func TestSampleHasEveryRow(t *testing.T) {
	in, err := os.ReadFile(filepath.Join("testdata", "sample.txt"))
	if err != nil {
		t.Fatal(err)
	}
	r := mustParse(t, string(in))
	for _, row := range rows {
		if _, ok := r.get(row.bench, row.unit); !ok {
			t.Errorf("the sample has no %s of %s", row.unit, row.bench)
		}
	}
	for _, g := range growths {
		for _, n := range []int{fewOf, manyOf} {
			if _, ok := r.get(g.of(n), g.unit); !ok {
				t.Errorf("the sample has no %s of %s", g.unit, g.of(n))
			}
		}
	}
	for _, c := range crowds {
		if _, _, ratio := c.growth(r); math.IsNaN(ratio) {
			t.Errorf("the sample has not both times of %s", c.bench)
		}
	}
	if more := unlisted(r); len(more) > 0 {
		t.Errorf("these benchmarks of the sample have no row: %v", more)
	}
}

func mustParse(t *testing.T, in string) *results {
	t.Helper()
	r, err := parse(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseTakesTheLeastOfEachUnit(t *testing.T) {
	r := mustParse(t, `goos: linux
BenchmarkA/b-c-16         	     100	        20.5 ns/op	       0 B/op	       7 allocs/op
BenchmarkB	 1 1e3 ns/op
BenchmarkA/b-c-16         	     300	        19 ns/op	       1 B/op	       8 allocs/op
BenchmarkA/b-c         	     300	        11 ns/op	       2 cpu-ns/op
BenchmarkA/b-c         	     300	        12 ns/op	       1.5 cpu-ns/op
BenchmarkSkipped
PASS
ok  	example.org/a	1.234s
`)
	if want := []string{"A/b-c", "B"}; !slices.Equal(r.names, want) {
		t.Errorf("names are %q, want %q", r.names, want)
	}
	for _, want := range []struct {
		name, unit string
		v          float64
	}{
		{"A/b-c", "ns/op", 19},
		{"A/b-c", "B/op", 0},
		{"A/b-c", "allocs/op", 7},
		{"B", "ns/op", 1000},
	} {
		if v, ok := r.get(want.name, want.unit); !ok || v != want.v {
			t.Errorf("%s: %v %s, want %v", want.name, v, want.unit, want.v)
		}
	}
	if _, ok := r.get("B", "allocs/op"); ok {
		t.Error("B has allocs/op, but the output does not")
	}
	for name, want := range map[string]float64{
		"A/b-c": 1.5,
		"B":     1000, // the wall time with one processor, because the CPU time is not known
	} {
		if v := r.cpu(name); v != want {
			t.Errorf("the CPU time of %s is %v, want %v", name, v, want)
		}
	}
	if v := mustParse(t, "BenchmarkA-2 1 5 ns/op 6 cpu-ns/op\n").cpu("A"); !math.IsNaN(v) {
		t.Errorf("the CPU time is %v, but it was not measured with one processor", v)
	}
}

const floorLine = "BenchmarkFloorPull 100 110 ns/op 100 cpu-ns/op 0 B/op 0 allocs/op\n"

// peerLines are the results of goroutines for the rows of TestVerdict.
const peerLines = "BenchmarkPingPong/goroutine 1 9999 ns/op 50 cpu-ns/op\n" +
	"BenchmarkPost/goroutine-2 1 200 ns/op\n" +
	"BenchmarkRoundTrip/goroutine/idle-2 1 9999 ns/op 40 p50-ns\n"

func TestVerdict(t *testing.T) {
	for _, c := range []struct{ line, verdict string }{
		{"BenchmarkYield1/stackful 1 9999 ns/op 20 cpu-ns/op", "ok"}, // the goal itself is met
		{"BenchmarkYield1/stackful 1 9999 ns/op 20.1 cpu-ns/op", "SHORT"},
		{"BenchmarkYield1/stackful 1 20.1 ns/op", "SHORT"},             // the wall time with one processor
		{"BenchmarkYield1/stackful-2 1 9999 ns/op 20.1 cpu-ns/op", ""}, // not measured with one processor
		{"BenchmarkPingPong/stackful 1 9999 ns/op 35 cpu-ns/op", "ok"},
		{"BenchmarkPingPong/stackful 1 9999 ns/op 35.1 cpu-ns/op", "SHORT"},
		{"BenchmarkYield100/stackful 1 1 ns/op 1 cpu-ns/op", ""}, // its peer was not measured
		{"BenchmarkPost/loop-2 1 200 ns/op 9999 cpu-ns/op", "ok"},
		{"BenchmarkPost/loop-2 1 201 ns/op 9999 cpu-ns/op", "SHORT"},
		{"BenchmarkRoundTrip/loop/idle-2 1 9999 ns/op 60 p50-ns", "ok"},
		{"BenchmarkRoundTrip/loop/idle-2 1 9999 ns/op 61 p50-ns", "SHORT"},
		{"BenchmarkParked/stackful-2 1 3000 B/task", "ok"},
		{"BenchmarkParked/stackful-2 1 3001 B/task", "SHORT"},
		{"BenchmarkAsleep/stackful-2 1 3500000000 peak-B", "ok"},
		{"BenchmarkFloorRing 1 9999 ns/op", ""},
	} {
		lines, err := table(mustParse(t, floorLine+peerLines+c.line))
		if err != nil {
			t.Fatal(err)
		}
		lines = slices.DeleteFunc(lines, func(line []string) bool {
			return line[0] == rows[0].title || line[1] == goroutine
		})
		if len(lines) != 2 { // the heading and the row
			t.Fatalf("%s: %d lines: %q", c.line, len(lines), lines)
		}
		if got := lines[1][7]; got != c.verdict {
			t.Errorf("%s: verdict %q, want %q", c.line, got, c.verdict)
		}
	}
}

func TestCells(t *testing.T) {
	lines, err := table(mustParse(t, floorLine+peerLines+`
BenchmarkPingPong/stackful 1 9 ns/op 40 cpu-ns/op 2 allocs/op
BenchmarkPingPong/stackful-2 1 30 ns/op 9 cpu-ns/op 1 allocs/op
BenchmarkRoundTrip/loop/idle-2 1 9 ns/op 60 p50-ns
BenchmarkRoundTrip/loop/idle 1 9 ns/op 61 p50-ns 50000 cpu-ns/op
BenchmarkParked/stackful-2 1 9 ns/op 2000 B/task
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"bare iter.Pull round trip", "floor", "110.0", "100.0", "1.00", "", "", "", "0"},
		{"ping-pong, a fresh future each", "goroutine", "9999.0", "50.0", "0.50", "1.00", "", "", ""},
		{"ping-pong, a fresh future each", "stackful", "30.0", "40.0", "0.40", "0.80", "0.70 peer", "SHORT", "1"},
		{"the same, an idle loop: median", "goroutine", "40.0", "", "", "1.00", "", "", ""},
		{"the same, an idle loop: median", "Post", "60.0", "50000.0", "", "1.50", "1.50 wall", "ok", ""},
		{"memory of a parked task", "stackful", "2000 B", "", "", "", "3000 B", "ok", ""},
	} {
		if !slices.ContainsFunc(lines, func(line []string) bool { return slices.Equal(line, want) }) {
			t.Errorf("the table has no line %q, but %q", want, lines)
		}
	}
}

func TestGrowth(t *testing.T) {
	for _, c := range []struct{ few, many, exponent, verdict string }{
		{"100", "100", "1.00", "ok"},
		{"100", "150", "1.15", "ok"},
		{"100", "160", "1.17", "SHORT"},
		{"100", "1600", "2.00", "SHORT"},
		{"100", "50", "0.75", "ok"},
	} {
		lines := growthTable(mustParse(t, "BenchmarkGrowth/graph/n=1000 1 1 ns/op "+c.few+" B/each\n"+
			"BenchmarkGrowth/graph/n=16000 1 1 ns/op "+c.many+" B/each\n"+
			"BenchmarkGrowth/shields/n=1000 1 1 ns/op 5 ns/each\n")) // not measured with 16,000
		if len(lines) != 2 {
			t.Fatalf("the lines are %q", lines)
		}
		want := []string{"WriteGraph of a chain: size", "B", c.few, c.many, c.exponent, c.verdict, "1.15"}
		if !slices.Equal(lines[1], want) {
			t.Errorf("got %q, want %q", lines[1], want)
		}
	}
	if lines := growthTable(mustParse(t, floorLine)); lines != nil {
		t.Errorf("no growth was measured, but the lines are %q", lines)
	}
}

func TestCrowd(t *testing.T) {
	const floor = "BenchmarkCrowd/floor-ring/n=1000 1 9 ns/op 2 cpu-ns/op\n" +
		"BenchmarkCrowd/floor-ring/n=1000000 1 9 ns/op 3 cpu-ns/op\n"
	for _, c := range []struct{ floor, many, ratio, ofFloor, verdict string }{
		{floor, "20.0", "2.00", "1.50", "ok"},
		{floor, "20.1", "2.01", "1.50", "SHORT"},
		{"", "5.0", "0.50", "", "ok"},
	} {
		lines := crowdTable(mustParse(t, c.floor+"BenchmarkCrowd/callsoon/n=1000 1 9 ns/op 10 cpu-ns/op\n"+
			"BenchmarkCrowd/callsoon/n=1000000 1 9 ns/op "+c.many+" cpu-ns/op\n"+
			"BenchmarkCrowd/post/n=1000 1 9 ns/op 10 cpu-ns/op\n")) // not measured with many
		want := []string{"CallSoon", "callback", "1000000", "10.0", c.many, c.ratio, c.ofFloor, "2.00", c.verdict}
		if got := lines[len(lines)-1]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if c.floor == "" {
			continue
		}
		want = []string{"ring of objects: take, run, put back", "floor", "1000000", "2.0", "3.0", "1.50", "", "", ""}
		if got := lines[1]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if lines := crowdTable(mustParse(t, floorLine)); lines != nil {
		t.Errorf("no crowd was measured, but the lines are %q", lines)
	}
}

// Each floor of a crowd is a row that has no floor, and comes before.
func TestFloorsOfCrowds(t *testing.T) {
	floors := map[string]bool{}
	for _, c := range crowds {
		if c.floor == "" {
			floors[c.bench] = true
		} else if !floors[c.floor] {
			t.Errorf("%q is no floor before %s", c.floor, c.bench)
		}
	}
}

// The goal of a benchmark that resumes stacks is the exponent of the floor plus 0.15. Without
// the floor there is no goal.
func TestGrowthOfStacks(t *testing.T) {
	const floor = "BenchmarkGrowth/floor-stacks/n=1000 1 1 ns/op 100 ns/each\n" +
		"BenchmarkGrowth/floor-stacks/n=16000 1 1 ns/op 200 ns/each\n" // 1.25
	for _, c := range []struct{ floor, many, exponent, verdict, goal string }{
		{floor, "300", "1.40", "ok", "1.40"},
		{floor, "310", "1.41", "SHORT", "1.40"},
		{"", "310", "1.41", "", ""},
	} {
		lines := growthTable(mustParse(t, c.floor+"BenchmarkGrowth/shields/n=1000 1 1 ns/op 100 ns/each\n"+
			"BenchmarkGrowth/shields/n=16000 1 1 ns/op "+c.many+" ns/each\n"))
		want := []string{"WaitFor(Shield(f)) of one f", "ns", "100", c.many, c.exponent, c.verdict, c.goal}
		if got := lines[len(lines)-1]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if c.floor == "" {
			continue
		}
		want = []string{"floor: parked iter.Pull coroutines, each resumed once", "ns", "100", "200", "1.25", "", ""}
		if got := lines[1]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFloorIsTheLeastOfBeforeAndAfter(t *testing.T) {
	lines, err := table(mustParse(t, floorLine+"BenchmarkNew/one 1 50 ns/op\nBenchmarkFloorPullAgain 1 25 ns/op\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"New", "one", "50.0", "50.0", "2.00", "", "", "", ""} // has no row in the table, so it comes last
	if last := lines[len(lines)-1]; !slices.Equal(last, want) {
		t.Errorf("got %q, want %q", last, want)
	}
}

func TestCPUTimeThatIsNotKnown(t *testing.T) {
	const note = "This platform does not tell the CPU time."
	for in, want := range map[string]bool{
		floorLine: false,
		"BenchmarkFloorPull 1 20 ns/op\nBenchmarkFloorPull-2 1 10 ns/op\n": true,
	} {
		var out bytes.Buffer
		if err := run(strings.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), note) != want {
			t.Errorf("the output of %q has the note: %v, want %v:\n%s", in, !want, want, &out)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "BenchmarkFloorPull with GOMAXPROCS=1 is missing"},
		{"no floor", "BenchmarkYield1/stackful 1 20 ns/op\n", "BenchmarkFloorPull with GOMAXPROCS=1 is missing"},
		{"many processors only", "BenchmarkFloorPull-2 1 20 ns/op\n", "BenchmarkFloorPull with GOMAXPROCS=1 is missing"},
		{"a failure", floorLine + "--- FAIL: BenchmarkX\n    x_test.go:1: it broke\nFAIL\n", "it broke"},
		{"no build", "# example.org/a\n./a.go:1:1: undefined: b\nFAIL\texample.org/a [build failed]\n", "undefined: b"},
		{"no number", "BenchmarkX-2 1 fast ns/op\n", `not a number: "fast"`},
		{"no unit", "BenchmarkX-2 1 20\n", `a value without a unit: "20"`},
	} {
		var out bytes.Buffer
		err := run(strings.NewReader(c.in), &out)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want one with %q", c.name, err, c.want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: prints %q in addition to the error", c.name, &out)
		}
	}
}

// Every row of the table has a benchmark. If a benchmark were renamed, the table would leave its
// row out without an error.
func TestBenchmarksOfTheTable(t *testing.T) {
	files, err := filepath.Glob("../../../task/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	has := func(text string) bool { return bytes.Contains(source, []byte(text)) }
	for _, row := range rows {
		name, _, _ := strings.Cut(row.bench, "/")
		if !has("\nfunc Benchmark" + name + "(b *testing.B) {") {
			t.Errorf("package task has no Benchmark%s; change its rows in goals.go", name)
		}
	}
	for _, g := range growths {
		if !has("{\"" + g.bench + "\", ") {
			t.Errorf("BenchmarkGrowth of package task measures no %q; change its row in growth.go", g.bench)
		}
	}
	for _, c := range crowds {
		if !has("{\"" + c.bench + "\", ") {
			t.Errorf("BenchmarkCrowd of package task measures no %q; change its row in crowd.go", c.bench)
		}
	}
}
