package sim_test

import (
	"context"
	"testing"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task/host/hosttest"
)

// The rules of networks hold in the simulated world as on the real machine, in each order of events.
func TestNetworkKeepsTheRules(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		schedules  int
	}{
		{"two machines", "a", "b", 10},
		{"one machine", "a", "a", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosttest.RunNetwork(t, func(t hosttest.T, body hosttest.NetworkBody) {
				looptest.Explore(t.(testing.TB), looptest.Sample(1, many(c.schedules)), func(ctx context.Context, t *looptest.T) {
					w := sim.New(ctx, t)
					body(ctx, t, hosttest.Machine{Net: w.Host(c.a).Net, Host: c.a}, hosttest.Machine{Net: w.Host(c.b).Net, Host: c.b})
				}, looptest.MaxSteps(1<<20), looptest.BothFactories())
			})
		})
	}
}
