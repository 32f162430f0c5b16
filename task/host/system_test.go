package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

var machine = host.System().Net

// onMachine runs body as a task of a loop with the system's clock.
func onMachine(t testing.TB, body func(ctx context.Context)) {
	t.Helper()
	_, err := task.Run(context.Background(), func(ctx context.Context) (struct{}, error) {
		body(ctx)
		return struct{}{}, nil
	})
	testkit.NoError(t, err)
}

// must returns v, and ends the test if err is not nil.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// listen listens at an address of its own.
func listen(t testing.TB, ctx context.Context, network string) *host.Listener {
	t.Helper()
	ln, err := machine.Listen(ctx, network, freshAddress(t, network))
	return must(t, ln, err)
}

func freshAddress(t testing.TB, network string) string {
	if strings.HasPrefix(network, "unix") {
		return socketDir(t) + "/s"
	}
	return "127.0.0.1:0"
}

// socketDir is TempDir with a short name: the name of a Unix socket has at most about 100 bytes.
func socketDir(t testing.TB) string {
	name, err := os.MkdirTemp("", "takt")
	must(t, name, err)
	t.Cleanup(func() { _ = os.RemoveAll(name) })
	return name
}

// pairOf connects two Conns.
func pairOf(t testing.TB, network string) func(ctx context.Context) (a, b *host.Conn, err error) {
	return func(ctx context.Context) (a, b *host.Conn, err error) {
		ln := listen(t, ctx, network)
		defer ln.Close()
		if a, err = machine.Dial(ctx, network, ln.Addr().String()); err != nil {
			return nil, nil, err
		}
		b, err = ln.Accept(ctx)
		return a, b, err
	}
}

func TestConnOnTheMachine(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { connIn(t, world{onMachine, pairOf(t, network)}) })
	}
}

var _ = []any{errors.New, fmt.Sprint, io.EOF, net.Dial, runtime.GC, syscall.EPIPE, time.Now, loop.New}
