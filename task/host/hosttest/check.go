package hosttest

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

func equal[V comparable](t T, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func noError(t T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

func errorIs(t T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

// canceled checks that err is the cancellation of a task.
func canceled(t T, err error) {
	t.Helper()
	var c *loop.CanceledError
	if !errors.As(err, &c) {
		t.Errorf("the error is %v, want a cancellation", err)
	}
}

// opError checks that err is an OpError of package net, and returns it.
func opError(t T, err error, op, network string) *net.OpError {
	t.Helper()
	var e *net.OpError
	if !errors.As(err, &e) || e.Op != op || e.Net != network {
		t.Errorf("the error is a %T: %v; want an OpError for %s %s", err, err, op, network)
		return new(net.OpError)
	}
	return e
}

// together runs bodies as tasks, and waits for all.
func together(ctx context.Context, t T, bodies ...func(ctx context.Context)) {
	t.Helper()
	err := task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
		for _, body := range bodies {
			_ = g.Go(func(ctx context.Context) error { body(ctx); return nil })
		}
		return nil
	})
	noError(t, err)
}

// waits returns when a task waits for something, so that a task that calls later is behind it.
func waits(ctx context.Context, t T, one *loop.Task) {
	t.Helper()
	for one.Awaits() == nil && !one.Done() {
		noError(t, task.Yield(ctx))
	}
}

// count returns a function that checks the results of a Read or Write.
func count(t T, want int) func(n int, err error) {
	t.Helper()
	return func(n int, err error) {
		t.Helper()
		if n != want || err != nil {
			t.Errorf("%d bytes, and the error %v; want %d bytes", n, err, want)
		}
	}
}

// pathError checks that err is a PathError for name. If is is not nil, errors.Is(err, is) must hold.
func pathError(t T, err error, name string, is error) {
	t.Helper()
	var e *fs.PathError
	if !errors.As(err, &e) || e.Path != name || is != nil && !errors.Is(err, is) {
		t.Errorf("the error is a %T: %v; want a PathError for %s that is %v", err, err, name, is)
	}
}

func linkError(t T, err error, oldname, newname string, is error) {
	t.Helper()
	var e *os.LinkError
	if !errors.As(err, &e) || e.Old != oldname || e.New != newname || is != nil && !errors.Is(err, is) {
		t.Errorf("the error is a %T: %v; want a LinkError for %s and %s that is %v", err, err, oldname, newname, is)
	}
}

func open(ctx context.Context, t T, fsys host.FS, name string, flag int) host.File {
	t.Helper()
	f, err := fsys.OpenFile(ctx, name, flag, 0o600)
	if err != nil {
		t.Fatalf("OpenFile: %v", err)
	}
	return f
}

func shut(t T, f host.File) {
	t.Helper()
	noError(t, f.Close())
}

// contents checks what is in a file.
func contents(ctx context.Context, t T, fsys host.FS, name, want string) {
	t.Helper()
	got, err := host.ReadFile(ctx, fsys, name)
	noError(t, err)
	if string(got) != want {
		t.Errorf("the file %s has %d bytes %.40q, want %d bytes %.40q", name, len(got), got, len(want), want)
	}
}

// names checks what is in a directory.
func names(ctx context.Context, t T, fsys host.FS, dir string, want ...string) {
	t.Helper()
	entries, err := fsys.ReadDir(ctx, dir)
	noError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the directory %s has %q, want %q", dir, got, want)
	}
}
