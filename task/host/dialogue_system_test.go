package host_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// The dialogue goes over connections of the machine. Their buffers hold less than a message. Its tasks are canceled
// at every suspension, or at every second or third one.
func TestDialogueOnTheMachineCanceledAtEverySuspension(t *testing.T) {
	padding := strings.Repeat("x", 100_000)
	small := func(t testing.TB, conns ...any) {
		for _, c := range conns {
			c := c.(interface {
				SetReadBuffer(int) error
				SetWriteBuffer(int) error
			})
			testkit.NoError(t, c.SetReadBuffer(30_000))
			testkit.NoError(t, c.SetWriteBuffer(30_000))
		}
	}
	// plainPair connects two connections of package net with small buffers.
	plainPair := func(t testing.TB, network string) (a, b net.Conn) {
		a, b = plain.connected(t, network)
		small(t, a, b)
		return a, b
	}
	adopted := func(network string) func(ctx context.Context, t *testing.T) (a, b *host.Conn) {
		return func(ctx context.Context, t *testing.T) (*host.Conn, *host.Conn) {
			a, b := plainPair(t, network)
			return host.Adopted(ctx, t, a), host.Adopted(ctx, t, b)
		}
	}
	for name, pair := range map[string]func(ctx context.Context, t *testing.T) (a, b *host.Conn){
		"tcp":  adopted("tcp"),
		"unix": adopted("unix"),
		"pump": func(ctx context.Context, t *testing.T) (*host.Conn, *host.Conn) {
			a, b := plainPair(t, "tcp")
			return host.Pumped(ctx, a), host.Pumped(ctx, b)
		},
		"TLS": func(ctx context.Context, t *testing.T) (*host.Conn, *host.Conn) {
			a, b := adopted("tcp")(ctx, t)
			server, client := tlsConfigs(t)
			handshake(ctx, t, a, b, server, client)
			return a, b
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := 0
			for period := range 3 {
				for phase := range period + 1 {
					seen += dialogueOnTheMachine(t, padding, period+1, phase, pair)
				}
			}
			if seen < 50 {
				t.Errorf("only %d calls were canceled", seen)
			}
		})
	}
}

// dialogueOnTheMachine cancels the tasks at their suspensions with numbers that leave the rest phase when they are
// divided by period. It returns how many calls were canceled.
func dialogueOnTheMachine(t *testing.T, padding string, period, phase int, pair func(context.Context, *testing.T) (a, b *host.Conn)) (canceled int) {
	ids := map[string]int{"client": 0, "server": 1}
	var suspended []int // since the last turn
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		a, b := pair(ctx, t)
		suspended = nil
		d := tenMessagesOver(ctx, t, a, b, padding)
		for n := 0; !d.tasks[0].Done() || !d.tasks[1].Done(); {
			testkit.NoError(t, task.Yield(ctx))
			for _, which := range suspended {
				if n%period == phase {
					d.cancel(which)
				}
				n++
			}
			suspended = suspended[:0]
		}
		canceled = d.check()
		return struct{}{}, nil
	}, loop.WithObserver(func(e loop.Event) {
		if e.Kind == loop.TaskSuspended {
			if which, ok := ids[e.Task.Name()]; ok {
				suspended = append(suspended, which)
			}
		}
	}))
	testkit.NoError(t, err)
	return canceled
}
