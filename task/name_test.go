package task_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

type keyOfTheTest struct{}

func TestNameOf(t *testing.T) {
	play(t, func(ctx context.Context) {
		l := lowlevel.LoopOf(ctx)
		testkit.Equal(t, "the name of main", task.NameOf(ctx), "main")
		derived, cancel := context.WithCancel(context.WithValue(ctx, keyOfTheTest{}, 1))
		defer cancel()
		testkit.Equal(t, "the name of a derived context", task.NameOf(derived), "main")
		_ = task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
			testkit.Equal(t, "the name under a limit", task.NameOf(ctx), "main")
			testkit.Equal(t, "the name of a context of Outside", task.NameOf(loop.Outside(ctx)), "main")
			testkit.Equal(t, "the name of a context that does not end", task.NameOf(context.WithoutCancel(ctx)), "main")
			return nil
		})
		task.Current(ctx).Cancel(nil)
		_ = task.Yield(ctx)
		task.Current(ctx).Uncancel()
		testkit.Equal(t, "the name of the context after a cancellation", task.NameOf(task.Current(ctx).Context()), "main")
		name, _ := task.Blocking(task.Current(ctx).Context(), func(ctx context.Context) (string, error) { return task.NameOf(ctx), nil })
		testkit.Equal(t, "the name in a blocking call", name, "main")

		var kept context.Context
		x := task.Go(ctx, func(ctx context.Context) (int, error) {
			kept = ctx
			testkit.Equal(t, "the name of a task without a name", task.NameOf(ctx), "Task-2")
			task.Current(ctx).SetName("x")
			testkit.Equal(t, "the name after SetName", task.NameOf(ctx), "x")
			task.Current(ctx).SetName("")
			testkit.Equal(t, "the name after SetName of nothing", task.NameOf(ctx), "Task-2")
			testkit.Equal(t, "it is named", task.Current(ctx).Named(), false)
			return 0, nil
		})
		_ = x.Wait(ctx)
		testkit.Equal(t, "the name of a task that has ended", task.NameOf(kept), "Task-2")

		testkit.Equal(t, "the name of the context of a loop", task.NameOf(l.Context()), "")
		testkit.Equal(t, "the name of a context of Bind", task.NameOf(l.Bind(context.Background())), "")
		testkit.Equal(t, "the name of a context of no loop", task.NameOf(context.Background()), "")
	})
}

// A task has its own name, even if it inherits the values of another task, or was made from outside.
func TestNameOfATaskOfATask(t *testing.T) {
	play(t, func(ctx context.Context) {
		l := lowlevel.LoopOf(ctx)
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		for _, of := range []context.Context{ctx, derived, l.Bind(loop.Outside(ctx))} {
			name, _ := task.Go(of, func(ctx context.Context) (string, error) { return task.NameOf(ctx), nil }, task.Named("child")).Await(ctx)
			testkit.Equal(t, "the name of the child", name, "child")
		}
	})
}

// Any goroutine may call NameOf while the name changes. (The race detector checks that.)
func TestNameOfFromOtherGoroutines(t *testing.T) {
	for _, opts := range [][]task.Option{nil, {task.Named("a")}} {
		play(t, func(ctx context.Context) {
			x := task.Go(ctx, func(ctx context.Context) (int, error) {
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						for range 100 {
							if name := task.NameOf(ctx); !slices.Contains([]string{"a", "b", "Task-2"}, name) {
								t.Errorf("the name is %q", name)
							}
						}
					})
				}
				for range 100 {
					task.Current(ctx).SetName("b")
					task.Current(ctx).SetName("a")
				}
				all.Wait()
				return 0, nil
			}, opts...)
			_ = x.Wait(ctx)
		})
	}
}

func TestNameOfAllocates(t *testing.T) {
	play(t, func(ctx context.Context) {
		testkit.Allocs(t, "NameOf", 0, func() { _ = task.NameOf(ctx) })
	})
	l := virtual(t)
	testkit.Allocs(t, "a task with a name", 4, func() { // the task, its name, the option, and the options
		task.Go(l.Context(), gives(0, 1), task.Named("x"))
		l.RunUntilIdle()
	})
}

// The handler passes the tests of package slog, with and without a task.
func TestLogHandlerIsAHandler(t *testing.T) {
	for name, under := range map[string]func(ctx context.Context, h slog.Handler) slog.Handler{
		"without a task": func(_ context.Context, h slog.Handler) slog.Handler { return h },
		"in a task":      func(ctx context.Context, h slog.Handler) slog.Handler { return inTask{h, ctx} },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(ctx context.Context) {
				var out bytes.Buffer
				h := under(ctx, task.LogHandler(slog.NewJSONHandler(&out, nil)))
				err := slogtest.TestHandler(h, func() (records []map[string]any) {
					for line := range strings.Lines(out.String()) {
						var record map[string]any
						if err := json.Unmarshal([]byte(line), &record); err != nil {
							t.Fatal(err)
						}
						_, has := record["task"]
						testkit.Equal(t, "it has a task: "+line, has, name == "in a task")
						records = append(records, record)
					}
					return records
				})
				testkit.NoError(t, err)
			})
		})
	}
}

// inTask hands all records to a handler with the context of a task.
type inTask struct {
	slog.Handler
	ctx context.Context
}

func (h inTask) Handle(_ context.Context, r slog.Record) error { return h.Handler.Handle(h.ctx, r) }
func (h inTask) WithGroup(name string) slog.Handler            { return inTask{h.Handler.WithGroup(name), h.ctx} }
func (h inTask) WithAttrs(a []slog.Attr) slog.Handler          { return inTask{h.Handler.WithAttrs(a), h.ctx} }

// The attribute stands at the top level, with any groups, and each record has it once.
func TestLogHandlerAddsTheTask(t *testing.T) {
	play(t, func(ctx context.Context) {
		var out bytes.Buffer
		drop := func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		h := task.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: drop}))
		log := slog.New(h)
		log.InfoContext(ctx, "plain", "k", 1)
		log.Info("no context")
		log.DebugContext(ctx, "left out")
		log.With("a", 1).InfoContext(ctx, "with", "k", 1)
		grouped := log.With("a", 1).WithGroup("g")
		grouped.With("b", 2).WithGroup("h").InfoContext(ctx, "groups", "k", 1)
		grouped.With("c", 3).InfoContext(ctx, "beside", "k", 1)
		grouped.InfoContext(ctx, "an empty group")
		log.WithGroup("").InfoContext(ctx, "no group", "k", 1)
		var none context.Context
		_ = h.Handle(none, slog.Record{Message: "a nil context"})
		testkit.Equal(t, "the log", out.String(), `level=INFO msg=plain k=1 task=main
level=INFO msg="no context"
level=INFO msg=with a=1 k=1 task=main
level=INFO msg=groups a=1 task=main g.b=2 g.h.k=1
level=INFO msg=beside a=1 task=main g.c=3 g.k=1
level=INFO msg="an empty group" a=1 task=main
level=INFO msg="no group" k=1 task=main
level=INFO msg="a nil context"
`)
	})
}

// The handler does not change the record, since other handlers may get it, too: slog marks a record
// that two handlers have changed.
func TestLogHandlerLeavesTheRecordAlone(t *testing.T) {
	play(t, func(ctx context.Context) {
		var out bytes.Buffer
		h := task.LogHandler(slog.NewTextHandler(&out, nil))
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0)
		for key := range 8 { // a record needs a slice for so many attributes
			r.AddAttrs(slog.Int(strconv.Itoa(key), key))
		}
		for range 2 {
			testkit.NoError(t, h.Handle(ctx, r))
		}
		const line = "level=INFO msg=m 0=0 1=1 2=2 3=3 4=4 5=5 6=6 7=7 task=main\n"
		testkit.Equal(t, "the log", out.String(), line+line)
		testkit.Equal(t, "a group without a name", h.WithGroup(""), h)
	})
}
