package sim

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// The record of a world has each message, with one ID for its events, and each fault.
func TestRecordOfTheNetwork(t *testing.T) {
	var events []world.Event
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		w := New(ctx, t)
		w.record = func(e world.Event) { events = append(events, e) }
		w.SetLink("", "", Link{Latency: time.Millisecond})
		a, b := w.Host("a"), w.Host("b")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ln, err := b.Net.Listen(ctx, "tcp", ":1")
		must(err)
		c, err := a.Net.Dial(ctx, "tcp", "b:1")
		must(err)
		_, err = ln.Accept(ctx)
		must(err)
		_, err = io.WriteString(c, "hello")
		must(err)
		p, err := b.Net.ListenPacket(ctx, "udp", ":1")
		must(err)
		_ = task.Sleep(ctx, time.Second)
		to := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9}
		_, err = p.WriteTo([]byte("to nobody"), to)
		must(err)
		_ = task.Sleep(ctx, time.Second)
		w.Partition([]string{"a"}, []string{"b"})
		w.Cut("b", "a")
		_, err = p.WriteTo([]byte("cut"), to)
		must(err)
		_ = task.Sleep(ctx, time.Second)
		w.Heal()
		w.Hold("a", "b")
		n := w.Node("n", func(ctx context.Context, h *host.Host) error {
			c, err := h.Net.Dial(ctx, "tcp", "b:1")
			if err == nil {
				_, err = io.WriteString(c, "x")
			}
			if err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		_ = task.Sleep(ctx, 2500*time.Microsecond)
		n.Crash()
		_ = task.Sleep(ctx, time.Second)
		m, err := ln.Accept(ctx)
		must(err)
		_, err = io.WriteString(m, "to a machine that is off")
		must(err)
		_ = task.Sleep(ctx, time.Second)
		w.Release("a", "b")
	})
	var lines []string
	for _, e := range events {
		if e.Kind != world.Began && e.Kind != world.Ended {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%v %d %s %s %d %s", e.At, e.Kind, e.Node, e.Peer, e.ID, e.Text)))
		}
	}
	want := fmt.Sprintf(`3ms %[2]d a b 1 tcp, 5 bytes
4ms %[3]d b a 1 tcp, 5 bytes
1.003s %[2]d b a 2 udp, 9 bytes
1.004s %[4]d b a 2 udp, 9 bytes
2.003s %[1]d   0 partition a | b
2.003s %[5]d   3 a | b
2.003s %[1]d   0 cut b→a
2.003s %[5]d   4 b→a
2.003s %[2]d b a 5 udp, 3 bytes
2.004s %[4]d b a 5 udp, 3 bytes
3.003s %[6]d   3
3.003s %[6]d   4
3.003s %[1]d   0 hold a→b
3.003s %[5]d   6 hold a→b
3.005s %[2]d n b 7 tcp, 1 bytes
3.0055s %[1]d n  0 crash n
3.006s %[3]d b n 7 tcp, 1 bytes
4.0055s %[2]d b n 8 tcp, 24 bytes
4.0065s %[4]d b n 8 tcp, 24 bytes
5.0055s %[6]d   6 release a→b`, world.Fault, world.Sent, world.Arrived, world.Lost, world.Cut, world.Healed)
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the record is\n%s\nwant\n%s", got, want)
	}
}
