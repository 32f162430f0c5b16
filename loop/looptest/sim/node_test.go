package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A nodeLife is one case of TestNodeLifecycle: a kind of body in a node, where it stands when its machine ends, how the
// machine ends, and what the body does while it is unwound.
type nodeLife struct{ body, stands, end, answer string }

func nodeLives() (all []nodeLife) {
	for _, body := range []string{"task", "eager task", "machine", "child of a group", "body of a limit"} {
		for _, stands := range []string{"asleep", "in a future", "woken", "yielding", "in a call", "in its step"} {
			for _, end := range []string{"crash", "crash and start", "stop", "exit", "crash while paused", "stop while paused", "the end of the world"} {
				for _, answer := range []string{"returns", "fails", "panics", "awaits", "spawns", "calls", "starts"} {
					switch {
					case body == "machine" && stands == "in a call": // no call of a machine suspends
					case stands == "in its step" && end != "crash" && end != "crash and start":
					default:
						all = append(all, nodeLife{body, stands, end, answer})
					}
				}
			}
		}
	}
	return all
}

// Whatever the tasks of a machine do after its end has no effect, and nothing is left of them.
func TestNodeLifecycle(t *testing.T) {
	all := nodeLives()
	if len(all) != 1246 { // the number shows if a case drops out
		t.Errorf("%d cases", len(all))
	}
	for _, c := range all {
		r := record(t, func(tb testing.TB) {
			looptest.Explore(tb, looptest.Sample(1, 1), c.run, looptest.BothFactories())
			looptest.Run(tb, c.run)
		})
		if r.Failed() {
			t.Errorf("%+v:\n%s", c, r.report())
			return
		}
	}
}

// A patient is the body that TestNodeLifecycle looks at.
type patient struct {
	nodeLife
	t       *looptest.T
	node    *sim.Node
	history *sim.History[string, none]
	call    *sim.Call[string, none]
	never   *future.Future[none]
	woken   *future.Future[none]
	began   bool
	asked   bool
	unwound bool
	ended   bool // the world
}

func (c nodeLife) run(ctx context.Context, t *looptest.T) {
	w := sim.New(ctx, t)
	x := &patient{nodeLife: c, t: t, history: sim.NewHistory[string, none](w), never: future.NewShared[none](ctx), woken: future.NewShared[none](ctx)}
	leave := future.NewShared[none](ctx)
	incarnation := 0
	x.node = w.Node("a", func(ctx context.Context, _ *host.Host) error {
		if incarnation++; incarnation > 1 {
			return task.Sleep(ctx, time.Hour)
		}
		if err := task.Sleep(ctx, time.Second); err != nil {
			return err
		}
		spawn(ctx, "starter", x.start)
		return leave.Wait(ctx)
	})
	t.Cleanup(func() {
		if ops := x.history.Operations(); !x.unwound || len(ops) != 1 || ops[0].Known {
			t.Errorf("unwound %t, history %+v", x.unwound, ops)
		}
	})
	_ = task.Sleep(ctx, time.Second)
	for !x.began {
		_ = task.Yield(ctx)
	}
	if c.stands == "woken" {
		_ = x.woken.SetResult(none{})
	}
	switch c.end {
	case "crash", "crash and start":
		if c.stands != "in its step" {
			x.crash()
		}
	case "stop":
		_ = x.node.Stop(ctx)
	case "exit":
		_ = leave.SetResult(none{})
		for x.node.Up() && !x.unwound {
			_ = task.Yield(ctx)
		}
	case "crash while paused":
		x.node.Pause()
		_ = task.Yield(ctx)
		x.node.Crash()
	case "stop while paused":
		x.node.Pause()
		_ = task.Yield(ctx)
		_ = x.node.Stop(ctx)
	case "the end of the world":
		x.ended = true
		return
	}
	_ = task.Yield(ctx)
	want := 0
	if c.end == "crash and start" || c.answer == "starts" {
		want = 1
	}
	if tasks := left(ctx); len(tasks) != want || x.node.Up() != (want == 1) {
		t.Errorf("left: %v, up %t", tasks, x.node.Up())
	}
}

func (x *patient) crash() {
	x.node.Crash()
	if x.end == "crash and start" {
		x.node.Start()
	}
}

// over reports whether the first incarnation has ended.
func (x *patient) over() bool { return x.ended || !x.node.Up() || x.node.Incarnation() > 1 }

// start makes the body.
func (x *patient) start(ctx context.Context) error {
	switch x.body {
	case "task":
		spawn(ctx, "x", x.work)
	case "eager task":
		task.Go(ctx, task.Void(x.work), task.Eager())
	case "machine":
		task.GoMachine(ctx, task.MachineFunc[none](x.step), task.Lazy())
	case "child of a group":
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			if err := g.Go(x.work); err != nil {
				return err
			}
			return x.never.Wait(ctx)
		})
	case "body of a limit":
		return task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error { return x.work(ctx) })
	}
	return nil
}

func (x *patient) begin(ctx context.Context) {
	x.began = true
	x.call = x.history.Begin(ctx, 1, "first")
}

// work is the body, unless it is a machine.
func (x *patient) work(ctx context.Context) (err error) {
	x.begin(ctx)
	defer func() { err = x.unwind(ctx, err) }()
	for {
		var err error
		switch x.stands {
		case "asleep":
			err = task.Sleep(ctx, 30*time.Minute)
		case "in a future":
			err = x.never.Wait(ctx)
		case "woken":
			if err = x.woken.Wait(ctx); err == nil && !x.over() {
				err = task.Sleep(ctx, time.Hour)
			}
		case "yielding":
			err = task.Yield(ctx)
		case "in a call":
			_, err = task.Blocking(ctx, func(ctx context.Context) (none, error) {
				<-ctx.Done()
				return none{}, errors.New("dropped")
			})
		case "in its step":
			x.crash()
			err = task.Sleep(ctx, time.Second)
		}
		if err != nil {
			return err
		}
		if x.over() {
			x.t.Errorf("a step after the end")
		}
	}
}

// unwind does what a body does that is unwound.
func (x *patient) unwind(ctx context.Context, err error) error {
	x.unwound = true
	if !x.over() || !isCanceled(err) {
		x.t.Errorf("the body ends by %v, and the machine has ended: %t", err, x.over())
	}
	switch x.answer {
	case "fails":
		return fmt.Errorf("failed: %v", err)
	case "panics":
		panic(err)
	case "awaits":
		if x.body != "machine" && !isCanceled(task.Sleep(ctx, time.Second)) {
			x.t.Errorf("an await that succeeds")
		}
	case "spawns":
		spawn(ctx, "late", func(context.Context) error { x.t.Errorf("a task runs after the end"); return nil })
	case "calls":
		x.call.Return(none{})
		x.history.Begin(ctx, 1, "late").Return(none{})
	case "starts":
		x.node.Start()
	}
	return err
}

// step is the body of a machine.
func (x *patient) step(ctx context.Context, err error) (none, task.Suspension, error) {
	if !x.began {
		x.begin(ctx)
		if x.stands == "in its step" {
			x.crash()
		}
	} else if x.over() {
		if err == nil {
			x.t.Errorf("a step after the end")
		}
		if x.answer == "awaits" && !x.asked {
			x.asked = true
			return none{}, task.For(time.Second), nil
		}
		return none{}, task.End(), x.unwind(ctx, err)
	}
	switch x.stands {
	case "in a future":
		return none{}, task.On(x.never), nil
	case "woken":
		if !x.woken.Done() {
			return none{}, task.On(x.woken), nil
		}
	case "yielding":
		return none{}, task.Turn(), nil
	}
	return none{}, task.For(time.Hour), nil
}

// A report names the node of each task, unless the name of the task begins with that of its node.
func TestReportNamesNodes(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 1), func(ctx context.Context, t *looptest.T) {
			steps := 0
			program := func(ctx context.Context, h *host.Host) error {
				for _, name := range []string{h.Name + " sends", "ask"} {
					spawn(ctx, name, func(ctx context.Context) error { steps++; return task.Sleep(ctx, task.NoLimit) })
				}
				return asleep(ctx, h)
			}
			w := sim.New(ctx, t)
			w.Node("a", program)
			w.Node("b", program)
			t.Always("few steps", func() error {
				if steps == 4 {
					return errors.New("4 steps")
				}
				return nil
			})
			_ = task.Sleep(ctx, time.Second)
		})
	})
	for _, name := range []string{"a", "a sends", "a/ask", "b", "b sends", "b/ask"} {
		contains(t, r.report(), fmt.Sprintf("  %-7s  its start → ", name))
	}
	contains(t, r.report(), "after step 1 of b/ask at 0s")
	lacks(t, r.report(), " ask ") // the text of the property is under the line of its step
}

// So does the report of an error that no code has taken.
func TestReportOfAnErrorNamesTheNode(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 1), func(ctx context.Context, t *looptest.T) {
			sim.New(ctx, t).Node("a", func(ctx context.Context, h *host.Host) error {
				spawn(ctx, "ask", func(context.Context) error { return errors.New("nothing takes it") })
				return asleep(ctx, h)
			})
			_ = task.Sleep(ctx, time.Second)
		})
	})
	contains(t, r.report(), `(task "a/ask")`, "nothing takes it")
}
