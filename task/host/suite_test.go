package host_test

import (
	"context"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/host/hosttest"
)

// The rules of FS hold for real files, with both clocks, and with one place for calls or many.
func TestFiles(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"system clock": nil, "virtual clock": {loop.WithVirtualTime()}} {
		t.Run(name, func(t *testing.T) {
			for name, opt := range map[string]host.Option{"1": host.WithFileCalls(1), "32": host.WithFileCalls(32)} {
				t.Run(name, func(t *testing.T) {
					hosttest.RunFS(t, func(t2 hosttest.T, body hosttest.FSBody) {
						root := tempRoot(t)
						run(t2, func(ctx context.Context) { body(ctx, t2, host.System(host.WithRoot(root), opt).FS) }, opts...)
					})
				})
			}
		})
	}
}

// They also hold without a root, in the working directory.
func TestFilesOfTheProcess(t *testing.T) {
	hosttest.RunFS(t, func(t2 hosttest.T, body hosttest.FSBody) {
		t.Chdir(t.TempDir())
		run(t2, func(ctx context.Context) { body(ctx, t2, host.System().FS) })
	})
}

// run runs body as the main task of a loop. It fails if the loop reports a failure.
func run(t hosttest.T, body func(ctx context.Context), opts ...loop.Option) {
	t.Helper()
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	}, append([]loop.Option{loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err) })}, opts...)...)
	if err != nil {
		t.Errorf("Run: %v", err)
	}
}

// tempRoot opens a new directory.
func tempRoot(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// Random operations on real files have the results of a model.
func TestFilesModel(t *testing.T) {
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(top, "")
		if err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		run(t, func(ctx context.Context) {
			hosttest.ModelFS(ctx, t, host.System(host.WithRoot(root)).FS, func(what string, n int) int {
				return rapid.IntRange(0, n-1).Draw(t, what)
			})
		}, loop.WithVirtualTime())
	})
}
