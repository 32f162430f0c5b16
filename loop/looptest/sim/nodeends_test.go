package sim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// ends runs boot as the program of a node for some time, and expects that it has ended then.
func ends(boot func(ctx context.Context, h *host.Host) error) func(context.Context, *looptest.T, *sim.World) {
	return func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", boot)
		_ = task.Sleep(ctx, 10*time.Second)
		if tasks := left(ctx); n.Up() || len(tasks) > 0 {
			t.Errorf("up %t, left %v", n.Up(), tasks)
		}
	}
}

func TestHowBootEnds(t *testing.T) {
	run(t, ends(func(context.Context, *host.Host) error { return nil }))
	run(t, ends(func(ctx context.Context, _ *host.Host) error { return task.Sleep(ctx, time.Second) }))
	run(t, ends(func(ctx context.Context, _ *host.Host) error { // its other tasks end with it
		for _, name := range []string{"x", "y"} {
			spawn(ctx, name, func(ctx context.Context) error {
				if err := task.Sleep(ctx, time.Hour); err != nil {
					return fmt.Errorf("%s: %v", name, err)
				}
				return nil
			})
		}
		return task.Sleep(ctx, time.Second)
	}))
	fails(t, ends(func(ctx context.Context, _ *host.Host) error { return errors.New("no space") }),
		"sim: the program of node a has ended: no space")
	fails(t, ends(func(ctx context.Context, _ *host.Host) error { task.Current(ctx).Cancel(nil); return task.Yield(ctx) }),
		"sim: the program of node a has ended: canceled")
	fails(t, ends(func(ctx context.Context, _ *host.Host) error {
		_ = task.Sleep(ctx, time.Second)
		panic("index out of range")
	}), `panic in task "a": index out of range`, "nodeends_test.go")
	fails(t, ends(func(ctx context.Context, _ *host.Host) error { runtime.Goexit(); return nil }), "")
}

// A failed assertion in a program ends the run, as in any task.
func TestFatalInAProgram(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 10), func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			w.Node("a", func(ctx context.Context, _ *host.Host) error { t.Fatal("two leaders"); return nil })
			w.Node("b", asleep)
			_ = task.Sleep(ctx, time.Second)
			t.Error("the run goes on")
		})
	})
	contains(t, r.report(), "two leaders")
	lacks(t, r.report(), "goes on", "left", "has ended")
}

// A body may fail, or a node, while other programs run. Nothing of the world gets in the way of the report.
func TestFatalInTheTest(t *testing.T) {
	fails(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			defer func() {
				h.Log.Info("unwound")
				spawn(ctx, "late", func(ctx context.Context) error { return nil })
			}()
			return fmt.Errorf("wrapped: %v", task.Sleep(ctx, time.Hour))
		})
		w.Node("b", asleep).Pause()
		w.Faults(ctx, sim.Plan{})
		spawn(ctx, "stops", n.Stop)
		t.Fatal("that is all")
	}, "that is all")
}

// A panic of the body leaves the tasks of the world behind. They are no leak.
func TestPanicInTheTest(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 1), func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			w.Node("a", asleep)
			w.Faults(ctx, sim.Plan{})
			_ = task.Sleep(ctx, time.Second)
			panic("oh")
		})
	})
	contains(t, r.report(), `panic in task "main": oh`)
	lacks(t, r.report(), "left", "timer")
}

func lacks(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		func() {
			r := record(t, func(tb testing.TB) { contains(tb, text, part) })
			if !r.Failed() {
				t.Errorf("%q is in:\n%s", part, text)
			}
		}()
	}
}

func TestCrashByATaskOfTheNode(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		var log looptest.Journal
		var n *sim.Node
		n = w.Node("a", func(ctx context.Context, h *host.Host) error {
			if n.Incarnation() > 1 {
				return asleep(ctx, h)
			}
			n.Crash()
			log.Add("the step goes on, up %t", n.Up())
			if err := task.Yield(ctx); !isCanceled(err) {
				t.Errorf("%v", err)
			}
			_, err := h.Net.Dial(ctx, "tcp", "b:1")
			log.Add("a call fails: %t", err != nil)
			n.Start()
			panic("of no interest")
		})
		_ = task.Sleep(ctx, time.Second)
		log.Want(t, "the step goes on, up false", "a call fails: true")
		if !n.Up() || n.Incarnation() != 2 {
			t.Errorf("up %t, incarnation %d", n.Up(), n.Incarnation())
		}
	})
}

// A deferred call of boot starts the node: after a crash that begins an incarnation, and before an exit it does nothing.
func TestStartInADeferredCall(t *testing.T) {
	for _, end := range []string{"crash", "exit", "stop"} {
		run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
			var n *sim.Node
			n = w.Node("a", func(ctx context.Context, h *host.Host) error {
				if n.Incarnation() > 1 {
					return asleep(ctx, h)
				}
				defer n.Start()
				return task.Sleep(ctx, time.Second)
			})
			_ = task.Sleep(ctx, 500*time.Millisecond)
			switch end {
			case "crash":
				n.Crash()
			case "stop":
				_ = n.Stop(ctx)
			}
			_ = task.Sleep(ctx, time.Second)
			if want := end == "crash"; n.Up() != want {
				t.Errorf("%s: up %t", end, n.Up())
			}
		})
	}
}

// The host may be down, and everything that needs it up does nothing.
func TestMethodsOfANodeThatIsDown(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", asleep)
		n.Start()
		n.Resume()
		n.Pause()
		n.Pause()
		n.Start()
		n.Crash()
		n.Crash()
		n.Pause()
		n.Resume()
		n.SetClock(time.Second, 2)
		if err := n.Stop(ctx); err != nil || n.Up() || n.Incarnation() != 1 || n.Name() != "a" || sim.Paused(n) {
			t.Errorf("Stop: %v, up %t, incarnation %d, name %q, paused %t", err, n.Up(), n.Incarnation(), n.Name(), sim.Paused(n))
		}
		n.Start()
		if !n.Up() || n.Incarnation() != 2 || sim.Paused(n) {
			t.Errorf("up %t, incarnation %d", n.Up(), n.Incarnation())
		}
	})
}

func TestStop(t *testing.T) {
	graceful := func(log *looptest.Journal, w **sim.World) func(ctx context.Context, _ *host.Host) error {
		return func(ctx context.Context, _ *host.Host) error {
			err := task.Sleep(ctx, time.Hour)
			log.Add("asked to end")
			if err := task.Sleep(ctx, time.Second); err != nil {
				log.Add("asked again, or crashed")
				return err
			}
			log.Add("ended")
			return err
		}
	}
	for name, c := range map[string]struct {
		do   func(ctx context.Context, t *looptest.T, n *sim.Node)
		want []string
	}{
		"by one task": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			if err := n.Stop(ctx); err != nil || n.Up() || lowlevel.LoopOf(ctx).Elapsed() != 2*time.Second {
				t.Errorf("%v, up %t, at %v", err, n.Up(), lowlevel.LoopOf(ctx).Elapsed())
			}
		}, []string{"asked to end", "ended"}},
		"by two tasks": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			other := spawn(ctx, "other", n.Stop)
			_ = task.Sleep(ctx, 500*time.Millisecond)
			if err := n.Stop(ctx); err != nil || n.Up() {
				t.Errorf("%v, up %t", err, n.Up())
			}
			if err := other.Wait(ctx); err != nil {
				t.Error(err)
			}
		}, []string{"asked to end", "ended"}},
		"while paused": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			n.Pause()
			if err := n.Stop(ctx); err != nil || n.Up() {
				t.Errorf("%v, up %t", err, n.Up())
			}
		}, []string{"asked to end", "ended"}},
		"and a crash": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			lowlevel.LoopOf(ctx).CallLater(500*time.Millisecond, n.Crash)
			if err := n.Stop(ctx); err != nil || n.Up() || lowlevel.LoopOf(ctx).Elapsed() != 1500*time.Millisecond {
				t.Errorf("%v, up %t, at %v", err, n.Up(), lowlevel.LoopOf(ctx).Elapsed())
			}
		}, []string{"asked to end", "asked again, or crashed"}},
		"and a pause": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			lowlevel.LoopOf(ctx).CallLater(500*time.Millisecond, n.Pause)
			lowlevel.LoopOf(ctx).CallLater(800*time.Millisecond, n.Resume)
			if err := n.Stop(ctx); err != nil || n.Up() || lowlevel.LoopOf(ctx).Elapsed() != 2300*time.Millisecond {
				t.Errorf("%v, up %t, at %v", err, n.Up(), lowlevel.LoopOf(ctx).Elapsed())
			}
		}, []string{"asked to end", "ended"}},
		"within a limit": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			err := task.Timeout(ctx, 500*time.Millisecond, func(ctx context.Context, _ *task.Deadline) error { return n.Stop(ctx) })
			if err == nil || !n.Up() {
				t.Errorf("%v, up %t", err, n.Up())
			}
			_ = task.Sleep(ctx, time.Second)
			if n.Up() {
				t.Error("the program does not end")
			}
		}, []string{"asked to end", "ended"}},
		"and the end of the world": {func(ctx context.Context, t *looptest.T, n *sim.Node) {
			_ = task.Timeout(ctx, 500*time.Millisecond, func(ctx context.Context, _ *task.Deadline) error { return n.Stop(ctx) })
		}, []string{"asked to end", "asked again, or crashed"}},
	} {
		t.Run(name, func(t *testing.T) {
			var log looptest.Journal
			run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
				log = nil
				n := w.Node("a", graceful(&log, nil))
				_ = task.Sleep(ctx, time.Second)
				c.do(ctx, t, n)
				t.Cleanup(func() { log.Want(t, c.want...) })
			})
		})
	}
}

// The program is stopped before its first step: it never runs, and the node is down.
func TestStopBeforeTheFirstStep(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", func(context.Context, *host.Host) error { t.Error("it runs"); return nil })
		if err := n.Stop(ctx); err != nil || n.Up() {
			t.Errorf("%v, up %t", err, n.Up())
		}
		n.Start()
		n.Crash()
		n.Start()
		n.Pause()
		_ = task.Sleep(ctx, time.Second)
		n.Crash()
	})
}

// A program stops its own node, in its main task and in another one.
func TestStopByTheNode(t *testing.T) {
	run(t, ends(func(ctx context.Context, h *host.Host) error {
		return sim.NodeOf(ctx).Stop(ctx)
	}))
	run(t, ends(func(ctx context.Context, h *host.Host) error {
		spawn(ctx, "x", func(ctx context.Context) error {
			if err := sim.NodeOf(ctx).Stop(ctx); !isCanceled(err) {
				panic(err)
			}
			return nil
		})
		return task.Sleep(ctx, time.Hour)
	}))
}

// The error of a program that was asked to end still fails the test, if it is no cancellation.
func TestStopOfAProgramThatFails(t *testing.T) {
	for _, boot := range []func(ctx context.Context, h *host.Host) error{
		func(ctx context.Context, h *host.Host) error { _ = task.Sleep(ctx, time.Hour); return errors.New("oh") },
		func(ctx context.Context, h *host.Host) error { panic(errors.New("oh")) },
	} {
		fails(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
			n := w.Node("a", boot)
			_ = task.Yield(ctx)
			_ = n.Stop(ctx)
		}, "oh")
	}
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) { // and these do not
		for i, boot := range []func(ctx context.Context, h *host.Host) error{
			func(ctx context.Context, h *host.Host) error { _ = task.Sleep(ctx, time.Hour); return nil },
			func(ctx context.Context, h *host.Host) error {
				return fmt.Errorf("serve: %w", task.Sleep(ctx, time.Hour))
			},
			func(ctx context.Context, h *host.Host) error { _ = task.Sleep(ctx, time.Hour); return ctx.Err() },
		} {
			n := w.Node(fmt.Sprint("n", i), boot)
			_ = task.Sleep(ctx, time.Second)
			_ = n.Stop(ctx)
		}
	})
}

// What a task of a node does in the step in which boot returns, or after it, has no effect.
func TestTheEndOfBootIsAtOnce(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 200), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		var n *sim.Node
		n = w.Node("a", func(ctx context.Context, _ *host.Host) error {
			f := future.New[none](ctx)
			for range 3 {
				spawn(ctx, "x", func(ctx context.Context) error {
					for task.Yield(ctx) == nil {
						if !n.Up() {
							t.Error("a step after the end of the program")
						}
					}
					return nil
				})
			}
			lowlevel.LoopOf(ctx).CallLater(time.Millisecond, func() { _ = f.SetResult(none{}) })
			for range 5 {
				_ = task.Yield(ctx)
			}
			return nil
		})
		_ = task.Sleep(ctx, time.Second)
	})
}

func TestTheEndOfTheWorld(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		var nodes []*sim.Node
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			nodes = append(nodes, w.Node(name, func(ctx context.Context, h *host.Host) error {
				defer sim.NodeOf(ctx).Start() // does nothing
				spawn(ctx, "x", func(ctx context.Context) error { return task.Sleep(ctx, time.Hour) })
				return task.Timeout(ctx, 2*time.Hour, func(ctx context.Context, _ *task.Deadline) error { return task.Sleep(ctx, time.Hour) })
			}))
		}
		w.Host("client")
		w.Faults(ctx, sim.Plan{Every: 50 * time.Millisecond})
		_ = task.Sleep(ctx, time.Duration(t.Rand("for").Int64N(int64(time.Second))))
		nodes[0].Crash()
		nodes[1].Pause()
		nodes[2].SetClock(0, 3)
		nodes[3].Start()
		if t.Chance("ends after a Quiet", 0.5) {
			w.Quiet(ctx)
		}
		if t.Chance("ends by a cancellation", 0.5) {
			task.Current(ctx).Cancel(nil)
		}
	})
}

// A property looks between two steps. Crash is not for it.
func TestCrashInAProperty(t *testing.T) {
	fails(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", asleep)
		_ = task.Sleep(ctx, time.Second)
		t.Always("p", func() error { n.Crash(); return nil })
		_ = task.Sleep(ctx, time.Second)
	}, `Always("p")`, `sim: Crash in the function of Always("p"), which runs between two steps`)
}

// All that would change the world panics there, and it says so. Looking is allowed.
func TestAPropertyOnlyLooks(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", asleep)
		h := w.Host("b")
		asked := false
		t.Always("p", func() error {
			if asked {
				return nil
			}
			asked = true
			for _, c := range []struct {
				what string
				call func()
			}{
				{"Node", func() { w.Node("new", asleep) }},
				{"Host", func() { w.Host("new") }},
				{"Partition", func() { w.Partition([]string{"a"}) }},
				{"Heal", w.Heal},
				{"Cut", func() { w.Cut("a", "b") }},
				{"Hold", func() { w.Hold("a", "b") }},
				{"Release", func() { w.Release("a", "b") }},
				{"SetLink", func() { w.SetLink("", "", sim.Link{}) }},
				{"Faults", func() { w.Faults(ctx, sim.Plan{}) }},
				{"Quiet", func() { w.Quiet(ctx) }},
				{"Start", n.Start},
				{"Crash", n.Crash},
				{"Stop", func() { _ = n.Stop(ctx) }},
				{"Pause", n.Pause},
				{"Resume", n.Resume},
				{"SetClock", func() { n.SetClock(0, 1) }},
				{"SetDisk", func() { n.SetDisk(sim.DiskFaults{}) }},
			} {
				panics(t, "sim: "+c.what+` in the function of Always("p"), which runs between two steps; a property only looks, so call `+c.what+" in", c.call)
			}
			if w.Host("b") != h || !n.Up() || n.Name() != "a" || n.Incarnation() != 1 {
				t.Error("a property that looks sees something else")
			}
			return nil
		})
		_ = task.Sleep(ctx, time.Second)
		if !asked {
			t.Error("the property was not asked")
		}
	})
}

// What belongs to a run that has ended says so, or does nothing.
func TestWhatIsLeftOfAnotherRun(t *testing.T) {
	var old *scene
	var n *sim.Node
	var h *host.Host
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		old = &scene{t, w, ctx}
		n, h = w.Node("n", asleep), w.Host("b")
		a, _ := old.pair()
		old.write(a, "text")
	})
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		const of = " on the Host of b (of the test) by a task of another run; make the world, its nodes and its Hosts anew in each run"
		panics(t, "sim: Dial"+of, func() { _, _ = h.Net.Dial(ctx, "tcp", "b:1") })
		panics(t, "sim: Listen"+of, func() { _, _ = h.Net.Listen(ctx, "tcp", ":1") })
		panics(t, "sim: ListenPacket"+of, func() { _, _ = h.Net.ListenPacket(ctx, "udp", ":1") })
		panics(t, "sim: OpenFile"+of, func() { _, _ = h.FS.OpenFile(ctx, "x", os.O_RDONLY, 0) })
		panics(t, "sim: Stat"+of, func() { _, _ = h.FS.Stat(ctx, "x") })
		panics(t, "sim: SyncDir"+of, func() { _ = h.FS.SyncDir(ctx, "/") })
		old.Hold("a", "b")
		old.Partition([]string{"a"}, []string{"b"})
		old.Cut("a", "b")
		old.SetLink("", "", sim.Link{Loss: 1})
		old.Heal()
		old.Release("a", "b")
		old.Quiet(ctx)
		n.Crash()
		n.Start()
		n.Pause()
		n.SetClock(time.Second, 1)
		n.SetDisk(sim.DiskFaults{})
		if err := n.Stop(ctx); err != nil || n.Incarnation() != 1 {
			t.Errorf("Stop: %v, incarnation %d", err, n.Incarnation())
		}
	})
}

func TestMisuseOfNames(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		n := w.Node("a", asleep)
		client := w.Host("client")
		if w.Host("client") != client {
			t.Error("two Hosts with a name")
		}
		for _, name := range []string{"", "localhost", "A", "a.b", "-a", "ä", "a b", "a:1"} {
			panics(t, "use lower-case letters, digits and hyphens", func() { w.Node(name, asleep) })
			panics(t, fmt.Sprintf("sim: the name %q of a node", name), func() { w.Host(name) })
		}
		panics(t, `sim: a second node with the name "a"; give each node a name of its own`, func() { w.Node("a", asleep) })
		panics(t, `sim: a second node with the name "a"`, func() { w.Host("a") })
		panics(t, `sim: a second node with the name "client"`, func() { w.Node("client", asleep) })
		panics(t, `sim: Node("b") without a program; give it a function, or use Host for the tasks of the test`, func() { w.Node("b", nil) })
		for _, rate := range []float64{0, -1, 1001, 0.0009} {
			panics(t, fmt.Sprintf("sim: SetClock(1s, %v) of node a; the rate must be from 0.001 to 1000", rate), func() { n.SetClock(time.Second, rate) })
		}
		panics(t, "loop: this was called in task \"main\" with the loop's context", func() { sim.New(lowlevel.LoopOf(ctx).Context(), t) })
	})
}

func TestTheHostOfAnother(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		var first *host.Host
		uses := func(ctx context.Context, h *host.Host, want string) {
			panics(t, "sim: Dial on the Host of "+want, func() { _, _ = h.Net.Dial(ctx, "tcp", "b:1") })
			panics(t, "sim: Listen on the Host of "+want, func() { _, _ = h.Net.Listen(ctx, "tcp", ":1") })
			panics(t, "sim: ListenPacket on the Host of "+want, func() { _, _ = h.Net.ListenPacket(ctx, "udp", ":1") })
			panics(t, "sim: OpenFile on the Host of "+want, func() { _, _ = h.FS.OpenFile(ctx, "f", 0, 0) })
			panics(t, "sim: Stat on the Host of "+want, func() { _, _ = h.FS.Stat(ctx, "f") })
			panics(t, "sim: ReadDir on the Host of "+want, func() { _, _ = h.FS.ReadDir(ctx, "f") })
			panics(t, "sim: Mkdir on the Host of "+want, func() { _ = h.FS.Mkdir(ctx, "f", 0) })
			panics(t, "sim: Rename on the Host of "+want, func() { _ = h.FS.Rename(ctx, "f", "g") })
			panics(t, "sim: Remove on the Host of "+want, func() { _ = h.FS.Remove(ctx, "f") })
			panics(t, "sim: SyncDir on the Host of "+want, func() { _ = h.FS.SyncDir(ctx, "f") })
		}
		n := w.Node("a", func(ctx context.Context, h *host.Host) error {
			if first == nil {
				first = h
			} else {
				uses(ctx, first, "a, incarnation 1 by a task of a, incarnation 2; a program uses only the Host that it was given")
			}
			spawn(ctx, "x", func(ctx context.Context) error {
				uses(ctx, w.Host("client"), "client (of the test) by a task of a, incarnation ")
				_, err := h.Net.Listen(ctx, "tcp", ":1")
				return err
			})
			return asleep(ctx, h)
		})
		_ = task.Sleep(ctx, time.Second)
		n.Crash()
		n.Start()
		w.Node("b", func(ctx context.Context, h *host.Host) error {
			uses(ctx, first, "a, incarnation 1 by a task of b, incarnation 1; ")
			return asleep(ctx, h)
		})
		uses(ctx, first, "a, incarnation 1 by a task of the test; use World.Host for the test")
		_ = task.Sleep(ctx, time.Second)
	})
}

// The error of a program comes from no place in the code, so the report names none.
func TestReportOfAProgramThatFails(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, looptest.Sample(1, 1), func(ctx context.Context, t *looptest.T) {
			sim.New(ctx, t).Node("a", func(context.Context, *host.Host) error { return errors.New("oh") })
			_ = task.Sleep(ctx, time.Second)
		})
	})
	if first, _, _ := strings.Cut(r.report(), "\n"); first != "sim: the program of node a has ended: oh" {
		t.Errorf("the report begins with %q", first)
	}
}
