package host_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/host/hosttest"
)

// The rules of Conn, listeners and packets hold in each world. Package sim runs them in the simulated one.

func TestConnOnAPipe(t *testing.T) {
	hosttest.RunConn(t, func(t hosttest.T, body hosttest.ConnBody) {
		run(t, func(ctx context.Context) {
			a, b := host.Pipe(ctx)
			body(ctx, t, a, b)
		}, loop.WithVirtualTime())
	})
}

// connsOnTheMachine runs the rules of Conn on pairs of connections of the machine.
func connsOnTheMachine(t *testing.T, pair func(ctx context.Context) (a, b *host.Conn, err error)) {
	hosttest.RunConn(t, func(t hosttest.T, body hosttest.ConnBody) {
		run(t, func(ctx context.Context) {
			a, b, err := pair(ctx)
			if err != nil {
				t.Fatalf("connecting: %v", err)
			}
			body(ctx, t, a, b)
		})
	})
}

func TestNetworkOfTheMachine(t *testing.T) {
	hosttest.RunNetwork(t, func(t hosttest.T, body hosttest.NetworkBody) {
		run(t, func(ctx context.Context) {
			m := hosttest.Machine{Net: machine, Host: "127.0.0.1"}
			body(ctx, t, m, m)
		})
	})
}
