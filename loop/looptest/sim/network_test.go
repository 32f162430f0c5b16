package sim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// echo is a program that sends back what comes.
func echo(ctx context.Context, h *host.Host) error {
	ln, err := h.Net.Listen(ctx, "tcp", ":7000")
	if err != nil {
		return err
	}
	return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
		_, err := io.Copy(c, c)
		return err
	})
}

func explore(t *testing.T, n int, body func(ctx context.Context, t *looptest.T, w *sim.World)) {
	t.Helper()
	looptest.Explore(t, looptest.Sample(1, n), func(ctx context.Context, t *looptest.T) { body(ctx, t, sim.New(ctx, t)) })
}

func dial(ctx context.Context, t *looptest.T, h *host.Host, address string) *host.Conn {
	t.Helper()
	c, err := h.Net.Dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a line and reads it back.
func ask(c *host.Conn, text string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, len(text)))
	return err
}

func wantError(t *looptest.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: the error is %v, want %v", what, err, want)
	}
}

func TestStream(t *testing.T) {
	explore(t, 50, func(ctx context.Context, t *looptest.T, w *sim.World) {
		b := w.Node("b", echo)
		a := w.Host("a")
		_ = task.Sleep(ctx, time.Second)
		start := time.Now()
		_ = start
		c := dial(ctx, t, a, "b:7000")
		wantError(t, "ask", ask(c, "hello"), nil)
		b.Crash()
		read := task.Go(ctx, func(ctx context.Context) (int, error) { return c.Read(make([]byte, 1)) })
		_ = task.Sleep(ctx, 10*time.Second)
		if read.Done() {
			t.Errorf("the crash is noticed at once")
		}
		b.Start()
		_ = task.Sleep(ctx, 10*time.Second)
		if read.Done() {
			t.Errorf("the restart is noticed before anything is sent")
		}
		_, err := c.Write([]byte("x"))
		wantError(t, "Write", err, nil)
		_, err = read.Await(ctx)
		wantError(t, "Read", err, syscall.ECONNRESET)
		_ = c.Close()
		_, err = a.Net.Dial(ctx, "tcp", "b:1")
		wantError(t, "Dial", err, syscall.ECONNREFUSED)
		var unknown *net.DNSError
		if _, err = a.Net.Dial(ctx, "tcp", "x:1"); !errors.As(err, &unknown) {
			t.Errorf("%v", err)
		}
		w.Partition([]string{"b"})
		at := w.Host("a").Now()
		_, err = a.Net.Dial(ctx, "tcp", "b:7000")
		wantError(t, "Dial", err, syscall.ETIMEDOUT)
		if d := a.Now().Sub(at); d != 2*time.Minute {
			t.Errorf("after %v", d)
		}
		w.Heal()
		c = dial(ctx, t, a, "b:7000")
		w.Partition([]string{"b"}, []string{"a"})
		n := 0
		sent := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, ask(c, "hello again") })
		_ = task.Sleep(ctx, 20*time.Second)
		if sent.Done() {
			t.Errorf("cut, and done")
		}
		w.Heal()
		_, err = sent.Await(ctx)
		wantError(t, "ask", err, nil)
		_ = n
		if err := b.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		n, err = c.Read(make([]byte, 1))
		wantError(t, "Read", err, io.EOF)
		_, err = a.Net.Dial(ctx, "tcp", "b:7000")
		wantError(t, "Dial", err, syscall.ECONNREFUSED)
	})
}
