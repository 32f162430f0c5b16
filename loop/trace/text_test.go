package trace_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

// The demo's golden file was written by hand, from the scheduling contract. The output of the tasks
// stands between the lines of the trace.
func TestTextOfFactorials(t *testing.T) {
	all, err := os.ReadFile(filepath.Join("..", "..", "testdata", "loopdemo", "trace.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for line := range strings.Lines(string(all)) {
		if strings.HasPrefix(line, " ") {
			want.WriteString(line)
		}
	}
	compare(t, text(t, record(t, factorials)), want.String())
}

// Text, which writes at once, and WriteText, which writes afterwards, write the same lines.
func TestTextLiveAndRecorded(t *testing.T) {
	for _, opts := range [][]loop.Option{nil, {loop.WithTaskFactory(factory.Eager)}} {
		var live bytes.Buffer
		rec := record(t, everything, append(opts, loop.WithObserver(trace.Text(&live, len("sleeper"))))...)
		compare(t, text(t, rec), live.String())
	}
}

// A name cannot break its line.
func TestTextOfOddNames(t *testing.T) {
	var live bytes.Buffer
	rec := record(t, func(ctx context.Context) (none, error) {
		child := spawn(ctx, "two\nlines\x1b[31m", task.Yield)
		bytes := spawn(ctx, "no \xff text", task.Yield)
		_ = bytes.Wait(ctx)
		long := spawn(ctx, strings.Repeat("ä", 300), task.Yield)
		_ = long.Wait(ctx)
		return none{}, child.Wait(ctx)
	}, loop.WithObserver(trace.Text(&live, 4)))
	for _, text := range []string{live.String(), text(t, rec)} {
		if got, want := strings.Count(text, "\n"), len(rec.Events()); got != want {
			t.Errorf("%d lines for %d events", got, want)
		}
		for _, name := range []string{`two\nlines\x1b[31m`, `no \xff text`} {
			if !strings.Contains(text, name) {
				t.Errorf("the escaped name %s is missing:\n%s", name, text)
			}
		}
		if strings.Contains(text, strings.Repeat("ä", 128)) || !strings.Contains(text, strings.Repeat("ä", 126)+"…") {
			t.Errorf("the long name is not cut:\n%s", text)
		}
	}
}

// The column has exactly the given width, or Text refuses it.
func TestTextOfOddWidths(t *testing.T) {
	for _, width := range []int{math.MinInt, -1, 1_000_001, math.MaxInt} {
		mustPanic(t, fmt.Sprintf("trace: Text with the width %d; give the column for names 0 to 1000000 characters, such as 10", width), func() {
			trace.Text(io.Discard, width)
		})
	}
	for _, width := range []int{0, 1, 1_000_000} {
		var b strings.Builder
		trace.Text(&b, width)(loop.Event{Kind: loop.Idle})
		if b.String() != "   0.000000s  -"+strings.Repeat(" ", max(width-1, 0))+"  idle\n" {
			t.Errorf("width %d: a line of %d bytes, %.40q", width, b.Len(), b.String())
		}
	}
}

// The loop goes on if a writer fails.
func TestTextToABrokenWriter(t *testing.T) {
	l := loop.New(loop.WithVirtualTime(), loop.WithObserver(trace.Text(brokenWriter{}, 4)))
	defer l.Close()
	spawn(l.Context(), "A", task.Yield)
	if err := l.Run(); err != nil {
		t.Error(err)
	}
	if err := record(t, factorials).WriteText(brokenWriter{}); err != errBroken {
		t.Errorf("WriteText to a broken writer returns %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
