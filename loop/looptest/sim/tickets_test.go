package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// tickets gives a number to each connection. It keeps the last number in a file.
func tickets(ctx context.Context, h *host.Host) error {
	text, err := host.ReadFile(ctx, h.FS, "last")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	last, _ := strconv.Atoi(string(text)) // 0 if no number was given before
	ln, err := h.Net.Listen(ctx, "tcp", ":7000")
	if err != nil {
		return err
	}
	return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
		last++
		number := strconv.Itoa(last)
		if err := host.WriteFile(ctx, h.FS, "last", []byte(number), 0o600); err != nil {
			return err
		}
		h.Log.Info("gives " + number)
		_, err := fmt.Fprintln(c, number)
		return err
	})
}

// ticket asks for a number.
func ticket(ctx context.Context, h *host.Host) (string, error) {
	c, err := h.Net.Dial(ctx, "tcp", "a:7000")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return host.NewReader(c).ReadLine(ctx)
}

func noNumberTwice(ctx context.Context, t *looptest.T) {
	w := sim.New(ctx, t)
	w.Node("a", tickets)
	w.Faults(ctx, sim.Plan{Crash: 1})
	client := w.Host("client")
	given := map[string]bool{}
	for range 20 {
		number, err := task.Within(ctx, time.Second, func(ctx context.Context) (string, error) { return ticket(ctx, client) })
		if err == nil && given[number] {
			t.Fatalf("the number %s was given twice", number)
		}
		given[number] = err == nil
		_ = task.Sleep(ctx, 300*time.Millisecond)
	}
}
