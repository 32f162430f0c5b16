package looptest_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/queue"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// lines matches the line numbers of test files, which change when these are edited.
var lines = regexp.MustCompile(`_test\.go:\d+`)

// golden compares text with a file under testdata.
func golden(t *testing.T, text string) {
	t.Helper()
	text = lines.ReplaceAllString(text, "_test.go:NN") + "\n"
	path := filepath.Join("testdata", strings.ReplaceAll(t.Name(), "/", "_")+".txt")
	if *update {
		must(t, os.MkdirAll("testdata", 0o777))
		must(t, os.WriteFile(path, []byte(text), 0o666))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if text != string(want) {
		t.Errorf("the report is\n%s\nwant, from %s,\n%s", text, path, want)
	}
}

// The whole report of a small failure, as a user sees it, is compared with a golden file.
func TestReport(t *testing.T) {
	for _, name := range []string{"check then act", "philosophers", "cancel during handover", "charged twice", "polling misses the pulse"} {
		t.Run(name, func(t *testing.T) {
			for i := range bugs {
				if b := &bugs[i]; b.name == name {
					golden(t, b.explore(t, looptest.PCT(1, b.pct, 3)).report())
				}
			}
		})
	}
}

// This one transcript shows every kind of line.
func TestTranscript(t *testing.T) {
	r := explore(t, looptest.Random(1, 1), func(ctx context.Context, t *looptest.T) {
		machine := task.GoMachine(ctx, task.MachineFunc[int](func(ctx context.Context, err error) (int, task.Suspension, error) {
			if lowlevel.LoopOf(ctx).Elapsed() == 0 {
				return 0, task.For(time.Second), err
			}
			return 42, task.End(), err
		}), task.Named("machine"))
		worker := spawn(ctx, "worker with a long name", func(ctx context.Context) error {
			pauses(ctx, 10)
			return task.Sleep(ctx, time.Hour)
		})
		v, err := machine.Await(ctx)
		t.Logf("the machine returns %d, %v", v, err)
		worker.Cancel(nil)
		t.Log("the worker returns", worker.Wait(ctx))
		task.Yield(ctx)
		t.Fatal("and that is\nthe end")
	}, looptest.Eager())
	golden(t, r.report())
}

// The iterator of a queue may be inlined into the body that ranges over it. The report has the line of the
// body, not that of the queue.
func TestSitesAreThoseOfTheProgram(t *testing.T) {
	r := explore(t, few, func(ctx context.Context, t *looptest.T) {
		q := queue.New[int](1)
		reader := spawn(ctx, "reader", func(ctx context.Context) error {
			for _, err := range q.All(ctx) {
				must(t, err)
			}
			return nil
		})
		must(t, q.Put(ctx, 1))
		must(t, reader.Wait(ctx))
	})
	contains(t, r.report(), "deadlock", "reader awaits an item of a queue, at transcript_test.go:", "reader  its start → transcript_test.go:")
	if strings.Contains(r.report(), "queue.go") {
		t.Error(r.report())
	}
}
