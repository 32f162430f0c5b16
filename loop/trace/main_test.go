package trace_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/loop/trace"
	"github.com/takt-go/takt/task"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var update = flag.Bool("update", false, "rewrite the golden files")

type none = struct{}

// spawn makes a stackful task without a result.
func spawn(ctx context.Context, name string, body func(context.Context) error) *task.Task[none] {
	return task.Go(ctx, func(ctx context.Context) (none, error) { return none{}, body(ctx) }, task.Named(name))
}

// factorial returns the body of a task of the demo, without its output.
func factorial(n int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		f := 1
		for i := 2; i <= n; i++ {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return 0, err
			}
			f *= i
		}
		return f, nil
	}
}

// factorials is the main task of the demo.
func factorials(ctx context.Context) ([]int, error) {
	return task.Gather(
		task.Go(ctx, factorial(2), task.Named("A")),
		task.Go(ctx, factorial(3), task.Named("B")),
		task.Go(ctx, factorial(4), task.Named("C")),
	).Await(ctx)
}

// record runs main under a virtual clock with a recorder.
func record[T any](t testing.TB, main func(context.Context) (T, error), opts ...loop.Option) *trace.Recorder {
	t.Helper()
	rec := trace.NewRecorder(1 << 20)
	opts = append([]loop.Option{loop.WithVirtualTime(), loop.WithObserver(rec.Observe)}, opts...)
	if _, err := task.Run(context.Background(), main, opts...); err != nil {
		t.Fatal(err)
	}
	return rec
}

var errBroken = errors.New("broken")

// everything causes each kind of event.
func everything(ctx context.Context) (none, error) {
	l := lowlevel.LoopOf(ctx)
	sleeper := spawn(ctx, "sleeper", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
	fails := spawn(ctx, "fails", func(ctx context.Context) error {
		if err := task.Yield(ctx); err != nil {
			return err
		}
		return errBroken
	})
	panics := spawn(ctx, "panics", func(ctx context.Context) error { panic("oh no") })
	unnamed := spawn(ctx, "", func(ctx context.Context) error { return sleeper.Wait(ctx) })
	never := spawn(ctx, "never", func(ctx context.Context) error { return nil })
	never.Cancel(nil)
	l.CallLater(time.Millisecond, func() {}).Cancel()
	_ = l.Post(func() {})
	if err := task.Sleep(ctx, time.Second); err != nil {
		return none{}, err
	}
	sleeper.Cancel(errBroken)
	_ = unnamed.Wait(ctx)
	for _, t := range []*task.Task[none]{fails, panics, never} {
		_ = t.Wait(ctx)
	}
	return none{}, nil
}

// golden compares got with a file of testdata/loopdemo. With -update it writes the file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "loopdemo", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, string(got), string(want))
}

// compare reports the first line that differs between got and want.
func compare(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d differs\ngot:\n%s\nwant:\n%s", i+1, got, want)
		}
	}
}

// text returns the recording of r as text.
func text(t *testing.T, r *trace.Recorder) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mustPanic checks that fn panics with a text that contains want.
func mustPanic(t *testing.T, want string, fn func()) {
	t.Helper()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
			t.Errorf("panic %q; want one with %q", got, want)
		}
	}()
	fn()
}

// match reports whether a line of text matches a pattern.
func match(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
