package trace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

// The golden file was checked by reading it. loopdemo -perfetto writes the same file.
func TestPerfettoOfFactorials(t *testing.T) {
	var b bytes.Buffer
	if err := record(t, factorials).WritePerfetto(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "perfetto.json", b.Bytes())
}

func TestPerfettoIsWellFormed(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithTaskFactory(factory.Eager)}} {
		checkPerfetto(t, record(t, factorials, opts...))
		checkPerfetto(t, record(t, everything, opts...))
	}
	checkPerfetto(t, trace.NewRecorder(3072))
	if err := record(t, factorials).WritePerfetto(brokenWriter{}); err != errBroken {
		t.Errorf("WritePerfetto to a broken writer returns %v", err)
	}
}

// A timer may be due before the start of the clock, or at the end of all time.
func TestPerfettoOfOddTimes(t *testing.T) {
	const end = math.MaxInt64 - 1
	rec := trace.NewRecorder(1 << 14)
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(rec.Observe))
	defer l.Close()
	for _, at := range []time.Duration{math.MinInt64 + 1, -1500 * time.Millisecond, -1, end} {
		l.CallAt(l.Now().Add(at), func() { spawn(l.Context(), "", task.Yield) })
	}
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if at := l.Elapsed(); at != end {
		t.Fatalf("the run ends at %v", at)
	}
	var b strings.Builder
	if err := rec.WritePerfetto(&b); err != nil {
		t.Fatal(err)
	}
	for _, due := range []string{"-9223372036.854775807s", "-1.500000000s", "-0.000000001s", "9223372036.854775806s"} {
		if n := strings.Count(b.String(), `"due":"`+due+`"`); n != 2 {
			t.Errorf("%d events with a timer that is due at %s, want 2:\n%s", n, due, b.String())
		}
	}
	checkPerfetto(t, rec)
}

// failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A slice is a slice of the format. Its times are in ns.
type slice struct {
	name     string
	from, to uint64
}

// checkPerfetto checks the output of WritePerfetto against the description of the format ("Trace Event
// Format") and against the additional rules of Perfetto: each phase has its fields, events are in the
// order of time, slices of one track nest, and a flow starts once, ends once and later, and is bound
// to a slice at both ends. It also checks that no event of the recording is missing.
func checkPerfetto(t failer, r *trace.Recorder) {
	t.Helper()
	var b bytes.Buffer
	if err := r.WritePerfetto(&b); err != nil {
		t.Fatalf("%v", err)
	}
	var file struct {
		DisplayTimeUnit string
		TraceEvents     []map[string]any
	}
	decoder := json.NewDecoder(bytes.NewReader(b.Bytes()))
	decoder.UseNumber()
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if file.DisplayTimeUnit != "ns" {
		t.Errorf("displayTimeUnit is %q", file.DisplayTimeUnit)
	}
	fields := map[string]string{ // each event also has ph, name, pid and tid
		"M": "args",
		"X": "cat ts dur args",
		"i": "cat ts s args",
		"s": "cat ts id",
		"f": "cat ts id bp",
	}
	var (
		last    uint64
		named   = map[string]bool{}
		tracks  = map[string][]slice{}
		started = map[string]map[string]any{}
		ended   = map[string]map[string]any{}
		count   = map[string]int{}
	)
	for _, e := range file.TraceEvents {
		ph, _ := e["ph"].(string)
		want, ok := fields[ph]
		if !ok {
			t.Fatalf("phase %q: %v", ph, e)
		}
		for field := range strings.FieldsSeq("ph name pid tid " + want) {
			if e[field] == nil {
				t.Errorf("the field %s is missing in %v", field, e)
			}
		}
		if n := len(strings.Fields(want)) + 4; len(e) != n {
			t.Errorf("%d fields, want %d: %v", len(e), n, e)
		}
		if e["pid"] != json.Number("1") {
			t.Errorf("the pid is not 1 in %v", e)
		}
		tid := fmt.Sprint(e["tid"])
		if ph == "M" {
			args := e["args"].(map[string]any)
			switch e["name"] {
			case "thread_name":
				if name, _ := args["name"].(string); name == "" || named[tid] {
					t.Errorf("track %s is named %q, which is empty, or it already has a name", tid, name)
				}
				named[tid] = true
			case "process_name", "thread_sort_index":
			default:
				t.Errorf("unknown metadata: %v", e)
			}
			if last != 0 {
				t.Errorf("metadata after other events: %v", e)
			}
			continue
		}
		if !named[tid] {
			t.Errorf("a track without a name: %v", e)
		}
		ts := nanoseconds(t, e["ts"])
		if ts < last {
			t.Errorf("%d ns comes after %d ns: %v", ts, last, e)
		}
		last = ts
		switch ph {
		case "X":
			s := slice{fmt.Sprint(e["name"]), ts, ts + nanoseconds(t, e["dur"])}
			if s.to <= s.from {
				t.Errorf("a slice without duration: %v", e)
			}
			nest(t, tracks[tid], s)
			tracks[tid] = append(tracks[tid], s)
			count[fmt.Sprint(e["cat"])]++
		case "i":
			if e["s"] != "t" {
				t.Errorf("the scope is not t in %v", e)
			}
			count[fmt.Sprint(e["name"])]++
		case "s", "f":
			id, of := fmt.Sprint(e["id"]), started
			if ph == "f" {
				of = ended
				if e["bp"] != "e" || started[id] == nil {
					t.Errorf("a flow ends without bp e, or without a start: %v", e)
				}
			}
			if of[id] != nil {
				t.Errorf("a flow starts or ends twice: %v", e)
			}
			of[id] = e
			count[fmt.Sprint(e["cat"], " ", ph)]++
		}
	}
	for id, s := range started {
		f := ended[id]
		if f == nil || f["name"] != s["name"] || f["cat"] != s["cat"] {
			t.Errorf("%v ends with %v", s, f)
			continue
		}
		step := enclosing(t, tracks, f)
		if step.name != "step" || step.from+1 != nanoseconds(t, f["ts"]) {
			t.Errorf("%v leads to %v", f, step)
		}
		// A task that was canceled before it suspends may wake another task in its suspension.
		// Then the flow comes from the span after the step.
		if by := enclosing(t, tracks, s); by.name == "idle" {
			t.Errorf("%v comes from %v", s, by)
		}
	}
	if len(started) != len(ended) {
		t.Errorf("%d flows start and %d end", len(started), len(ended))
	}
	if r.Dropped() > 0 {
		return
	}
	events := map[string]int{}
	for _, e := range r.Events() {
		events[e.Kind.String()]++
	}
	for _, kind := range []loop.EventKind{loop.TaskMade, loop.TaskDone, loop.CancelAsked, loop.Posted, loop.TimerArmed, loop.TimerFired, loop.TimerCanceled} {
		if got, want := count[kind.String()], events[kind.String()]; got != want {
			t.Errorf("%d instants %q, want %d", got, kind, want)
		}
	}
	if got, want := count["step"], events["step"]; got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
	if count["wake s"] > events["woken"] || count["wake s"] == 0 && events["woken"] > 3 {
		t.Errorf("%d wake arrows for %d wakes", count["wake s"], events["woken"])
	}
}

// nanoseconds converts a number of microseconds, with three decimals, to nanoseconds.
func nanoseconds(t failer, v any) uint64 {
	t.Helper()
	text, ok := v.(json.Number)
	whole, fraction, point := strings.Cut(text.String(), ".")
	if !ok || !point || len(fraction) != 3 {
		t.Fatalf("%v is not a number of microseconds with three decimals", v)
	}
	n, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return n
}

// nest checks that s does not cross the slices before it, which begin earlier.
func nest(t failer, before []slice, s slice) {
	t.Helper()
	for _, o := range before[max(0, len(before)-100):] {
		if o.to > s.from && o.to < s.to || o.from == s.from {
			t.Errorf("the slices %v and %v do not nest", o, s)
		}
	}
}

// enclosing returns the slice that a flow event is bound to.
func enclosing(t failer, tracks map[string][]slice, e map[string]any) slice {
	t.Helper()
	ts := nanoseconds(t, e["ts"])
	track := tracks[fmt.Sprint(e["tid"])]
	at := slices.IndexFunc(track, func(s slice) bool { return s.from < ts && ts < s.to })
	if at < 0 {
		t.Errorf("the flow event is in no slice: %v", e)
		return slice{}
	}
	return track[at]
}
