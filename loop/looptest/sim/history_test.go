package sim_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

func ExampleHistory() {
	// In a test, t is the one of the run.
	client := func(ctx context.Context, h *sim.History[string, int], get func(ctx context.Context, key string) (int, error)) {
		call := h.Begin(ctx, 1, "get x")
		switch v, err := get(ctx, "x"); {
		case err == nil:
			call.Return(v)
		case err.Error() == "refused": // it had no effect
			call.LeaveOut()
		default:
			call.Unknown()
		}
	}
	_ = client
}

type operation = sim.Operation[string, int]

func TestHistory(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		h := sim.NewHistory[string, int](w)
		if ops := h.Operations(); ops == nil || len(ops) != 0 {
			t.Errorf("%v", ops)
		}
		a := h.Begin(ctx, 1, "a")
		b := h.Begin(ctx, 2, "b")
		b.Return(20)
		c := h.Begin(ctx, 2, "c")
		d := h.Begin(ctx, 2, "d")
		c.LeaveOut()
		d.Unknown()
		a.Return(10)
		h.Begin(ctx, 3, "e")
		want := []operation{
			{Client: 1, In: "a", Out: 10, Known: true, Call: 1, Return: 6},
			{Client: 2, In: "b", Out: 20, Known: true, Call: 2, Return: 3},
			{Client: 2, In: "d", Call: 5, Return: math.MaxInt64},
			{Client: 3, In: "e", Call: 7, Return: math.MaxInt64},
		}
		if ops := h.Operations(); !slices.Equal(ops, want) {
			t.Errorf("%+v\nwant %+v", ops, want)
		}
		for _, call := range []*sim.Call[string, int]{a, c, d} {
			for name, end := range map[string]func(){"Return": func() { call.Return(1) }, "Unknown": call.Unknown, "LeaveOut": call.LeaveOut} {
				panics(t, "sim: "+name+" of a call of client ", end)
			}
		}
		panics(t, "sim: Unknown of a call of client 1 after Return; a call ends once", a.Unknown)
		if ops := h.Operations(); !slices.Equal(ops, want) {
			t.Errorf("after the misuse: %+v", ops)
		}
	})
}

// A call of a machine that ends is unknown, however the machine ends, and whatever the unwound task does.
func TestCallsOfAMachineThatEnds(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, n *sim.Node){
		"crash":                func(_ context.Context, n *sim.Node) { n.Crash() },
		"crash and start":      func(_ context.Context, n *sim.Node) { n.Crash(); n.Start() },
		"stop":                 func(ctx context.Context, n *sim.Node) { _ = n.Stop(ctx) },
		"the end of the world": func(context.Context, *sim.Node) {},
	} {
		looptest.Explore(t, looptest.Sample(1, 20), func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			h := sim.NewHistory[string, int](w)
			n := w.Node("a", func(ctx context.Context, _ *host.Host) error {
				if sim.NodeOf(ctx).Incarnation() > 1 {
					return task.Sleep(ctx, time.Hour)
				}
				for i, answer := range []func(*sim.Call[string, int]){
					func(c *sim.Call[string, int]) { c.Return(1) },
					func(c *sim.Call[string, int]) { c.Unknown() },
					func(c *sim.Call[string, int]) { c.LeaveOut() },
					func(c *sim.Call[string, int]) { c.Return(1); c.Return(2) }, // a misuse that nobody sees
				} {
					call := h.Begin(ctx, i, fmt.Sprint(i))
					spawn(ctx, "x", func(ctx context.Context) error {
						defer h.Begin(ctx, i, "late").Return(7)
						defer answer(call)
						return task.Sleep(ctx, time.Hour)
					})
				}
				return task.Sleep(ctx, time.Hour)
			})
			t.Cleanup(func() {
				var ins []string
				for _, op := range h.Operations() {
					if op.In != "late" {
						ins = append(ins, op.In)
					}
					if op.Known || op.Return != math.MaxInt64 {
						t.Errorf("%s: %+v", name, op)
					}
				}
				if !slices.Equal(ins, []string{"0", "1", "2", "3"}) {
					t.Errorf("%s: %v", name, ins)
				}
			})
			_ = task.Sleep(ctx, time.Second)
			end(ctx, n)
		})
	}
}

// A client is a task of the test. It goes on when a node crashes.
func TestCallsOfAClient(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", asleep)
		h := sim.NewHistory[string, int](w)
		call := h.Begin(ctx, 1, "a")
		n.Crash()
		_ = task.Yield(ctx)
		call.Return(1)
		if ops := h.Operations(); len(ops) != 1 || !ops[0].Known {
			t.Errorf("%+v", ops)
		}
	})
}
