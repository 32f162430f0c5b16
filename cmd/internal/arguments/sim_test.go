package arguments

import (
	"context"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task/host"
)

// inWorld returns a function that calls do in a new world.
func inWorld(do func(ctx context.Context, w *sim.World)) func() {
	return func() {
		var value any
		looptest.Run(silent{}, func(ctx context.Context, t *looptest.T) {
			defer func() { value = recover() }()
			do(ctx, sim.New(ctx, t))
		})
		if value != nil {
			panic(value)
		}
	}
}

// silent is the testing.TB of a run that says nothing.
type silent struct{ testing.TB }

func (silent) Helper()               {}
func (silent) Name() string          { return "TestBadArguments" }
func (silent) Failed() bool          { return false }
func (silent) Skipped() bool         { return false }
func (silent) Error(...any)          {}
func (silent) Logf(string, ...any)   {}
func (silent) Errorf(string, ...any) {}

func boot(context.Context, *host.Host) error { return nil }

const (
	nodeOnly = "it has no arguments, and a Node comes from World.Node only"
	callOnly = "it has no bad arguments, and a Call comes from History.Begin only"
)

var simRules = map[string]rule{
	"New": bad(
		on("a T without a run", "looptest: a T that belongs to no run; use the T that the body is given", func() {
			in(func(ctx context.Context) { sim.New(ctx, new(looptest.T)) })
		}),
		on("a context of no task", "loop: ", func() { sim.New(closed().Context(), new(looptest.T)) })),
	"World.Node": bad(
		on("a nil program", "sim: Node(\"a\") without a program; give it", inWorld(func(_ context.Context, w *sim.World) { w.Node("a", nil) })),
		on("no name", "sim: the name \"\" of a node; use lower-case letters", inWorld(func(_ context.Context, w *sim.World) { w.Node("", boot) })),
		on("a name that is in use", "sim: a second node with the name \"a\"; give each", inWorld(func(_ context.Context, w *sim.World) {
			w.Node("a", boot)
			w.Node("a", boot)
		}))),
	"World.Host": bad(on("a bad name", "sim: the name \"A\" of a node; use lower-case letters", inWorld(func(_ context.Context, w *sim.World) { w.Host("A") }))),
	"World.Faults": bad(
		on("a bad plan", "sim: a Plan with Every -1s; give it", inWorld(func(ctx context.Context, w *sim.World) {
			w.Node("a", boot)
			w.Faults(ctx, sim.Plan{Every: -time.Second})
		})),
		on("no nodes", "sim: Faults in a world without nodes; make", inWorld(func(ctx context.Context, w *sim.World) { w.Faults(ctx, sim.Plan{}) })),
		on("a nil context", nilContext, inWorld(func(_ context.Context, w *sim.World) { w.Faults(noContext, sim.Plan{}) }))),
	"World.Quiet": bad(on("a nil context", nilContext, inWorld(func(_ context.Context, w *sim.World) { w.Quiet(noContext) }))),
	"World.Eventually": bad(
		on("nil", "sim: Eventually with the limit 1s; give it a function", inWorld(func(ctx context.Context, w *sim.World) { w.Eventually(ctx, time.Second, nil) })),
		on("a negative limit", "sim: Eventually with the limit -1s; give it", inWorld(func(ctx context.Context, w *sim.World) {
			w.Eventually(ctx, -time.Second, func() error { return nil })
		}))),
	"World.Partition": bad(on("an unknown name", "sim: Partition of \"x\", which is the name of no node", inWorld(func(_ context.Context, w *sim.World) { w.Partition([]string{"x"}) }))),
	"World.Cut":       bad(on("an unknown name", "sim: Cut of \"x\", which is the name of no node", inWorld(func(_ context.Context, w *sim.World) { w.Cut("x", "y") }))),
	"World.Hold":      bad(on("an unknown name", "sim: Hold of \"x\", which is the name of no node", inWorld(func(_ context.Context, w *sim.World) { w.Hold("x", "y") }))),
	"World.Release":   bad(on("an unknown name", "sim: Release of \"x\", which is the name of no node", inWorld(func(_ context.Context, w *sim.World) { w.Release("x", "y") }))),
	"World.Heal":      fine("it has no arguments"),
	"World.SetLink": bad(
		on("an unknown name", "sim: SetLink of \"x\", which is the name of no node", inWorld(func(_ context.Context, w *sim.World) { w.SetLink("x", "", sim.Link{}) })),
		on("a bad value", "sim: SetLink(", inWorld(func(_ context.Context, w *sim.World) { w.SetLink("", "", sim.Link{Loss: 2}) }))),
	"Node.Name":        fine(nodeOnly),
	"Node.Up":          fine(nodeOnly),
	"Node.Incarnation": fine(nodeOnly),
	"Node.Start":       fine(nodeOnly),
	"Node.Crash":       fine(nodeOnly),
	"Node.Pause":       fine(nodeOnly),
	"Node.Resume":      fine(nodeOnly),
	"Node.Stop": bad(on("a nil context", nilContext, inWorld(func(_ context.Context, w *sim.World) {
		_ = w.Node("a", boot).Stop(noContext)
	}))),
	"Node.SetClock": bad(on("a bad rate", "sim: SetClock(", inWorld(func(_ context.Context, w *sim.World) { w.Node("a", boot).SetClock(0, 0) }))),
	"Node.SetDisk": bad(on("a bad probability", "sim: ", inWorld(func(_ context.Context, w *sim.World) {
		w.Node("a", boot).SetDisk(sim.DiskFaults{Full: 2})
	}))),
	"NewHistory": fine("a nil World is a fault that the runtime reports"),
	"History.Begin": bad(on("a nil context", nilContext, inWorld(func(_ context.Context, w *sim.World) {
		sim.NewHistory[int, int](w).Begin(noContext, 1, 1)
	}))),
	"History.Operations": fine("it has no arguments"),
	"Call.Return":        fine(callOnly),
	"Call.Unknown":       fine(callOnly),
	"Call.LeaveOut":      fine(callOnly),
}
