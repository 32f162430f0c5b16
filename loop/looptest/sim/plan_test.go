package sim_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A strategy picks the first task always, and lets choose decide the choices. It is also the only search and walk.
type strategy struct {
	schedules int
	seed      uint64
	choose    func(site string) int
}

func (s *strategy) String() string                             { return "strategy of a test" }
func (s *strategy) Seed() uint64                               { return s.seed }
func (s *strategy) Begin(looptest.Exploration) looptest.Search { return s }
func (s *strategy) Ran(looptest.Walk, looptest.Outcome)        {}
func (s *strategy) Pick(p *looptest.ChoicePoint) int {
	if p.Site() == "" {
		return 0
	}
	return s.choose(p.Site())
}

func (s *strategy) Next() looptest.Walk {
	if s.schedules == 0 {
		return nil
	}
	s.schedules--
	return s
}

// slow is a program that takes some time to end.
func slow(d time.Duration) func(ctx context.Context, h *host.Host) error {
	return func(ctx context.Context, h *host.Host) error {
		err := asleep(ctx, h)
		if end := task.Sleep(ctx, d); end != nil {
			return end
		}
		return err
	}
}

func always(string) int { return 1 }

// three makes nodes a, b and c that sleep.
func three(w *sim.World) (nodes []*sim.Node) {
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, w.Node(name, asleep))
	}
	return nodes
}

// The first run has no faults, and neither has a run by Run.
func TestTheFirstRunHasNoFaults(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		nodes := three(w)
		w.Faults(ctx, sim.Plan{Every: 10 * time.Millisecond})
		t.Always("nothing happens", func() error {
			for _, n := range nodes {
				if !n.Up() || n.Incarnation() > 1 {
					return errors.New(n.Name())
				}
			}
			return nil
		})
		_ = task.Sleep(ctx, 10*time.Second)
	}
	looptest.Run(t, body)
	looptest.Explore(t, looptest.Sample(1, 0), body)
}

// The same seed gives the same faults at the same times. Which of them happen changes no proposal.
func TestPlansAreDeterministic(t *testing.T) {
	plan := sim.Plan{Every: 100 * time.Millisecond, PowerFailure: 0.3, Crash: 1, Pause: 1, Stop: 1, Partition: 1, Cut: 1, Hold: 1, Clock: 1, Steady: true}
	runs := func(choose func(site string) int) (asked []string) {
		looptest.Explore(t, &strategy{2, 7, func(site string) int {
			asked = append(asked, site)
			return choose(site)
		}}, func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			three(w)
			w.Host("client")
			w.Faults(ctx, plan)
			for range 100 {
				_ = task.Sleep(ctx, 100*time.Millisecond)
				if asked != nil {
					asked = append(asked, fmt.Sprint(lowlevel.LoopOf(ctx).Elapsed()))
				}
			}
		})
		return asked
	}
	first := runs(always)
	if second := runs(always); !slices.Equal(first, second) || len(first) < 200 {
		t.Errorf("%d lines\n%q\n%q", len(first), first, second)
	}
}

// A crash that is needed is the only deviation that is left, at its own time, though there were others of the
// same node before it, and proposals that were not possible.
func TestFaultsStayWhereTheyAre(t *testing.T) {
	plan := sim.Plan{Every: 200 * time.Millisecond, Down: 400 * time.Millisecond, Crash: 1, Pause: 1, Stop: 1}
	var ends []time.Duration
	needed := time.Duration(0)
	body := func(ctx context.Context, t *looptest.T) {
		ends = nil
		w := sim.New(ctx, t)
		w.Node("a", asleep)
		var b *sim.Node
		b = w.Node("b", func(ctx context.Context, _ *host.Host) error {
			defer func() {
				if b.Up() {
					return // stopped
				}
				ends = append(ends, lowlevel.LoopOf(ctx).Elapsed())
				if lowlevel.LoopOf(ctx).Elapsed() == needed {
					lowlevel.LoopOf(ctx).CallSoon(func() { t.Error("it was this crash") })
				}
			}()
			return task.Sleep(ctx, time.Hour)
		})
		w.Node("c", asleep)
		w.Faults(ctx, plan)
		_ = task.Sleep(ctx, 30*time.Second)
	}
	for seed := range uint64(5) {
		needed = 0
		looptest.Explore(t, &strategy{1, seed, always}, body)
		if len(ends) < 6 {
			continue // swarm mode has left crashes out
		}
		needed = ends[len(ends)-2]
		r := record(t, func(tb testing.TB) {
			looptest.Explore(tb, &strategy{1, seed, always}, body, looptest.Unexplained())
		})
		contains(t, r.report(), "it was this crash", "It fails with 1 deviation from", "  crash b\n", "start b again: incarnation 2")
		if again := record(t, func(tb testing.TB) { looptest.Replay(tb, r.replay(), body) }); !again.Failed() || len(ends) != 1 || ends[0] != needed {
			t.Errorf("the replay: crashes at %v, want %v", ends, needed)
		}
	}
}

// What a crash leaves on the disk stays with the crash, too: two deviations are left, the crash and its disk. There
// were others before.
func TestLossesStayWhereTheyAre(t *testing.T) {
	var lost []time.Duration
	needed := time.Duration(0)
	body := func(ctx context.Context, t *looptest.T) {
		lost = nil
		w := sim.New(ctx, t)
		var crashed time.Duration
		w.Node("b", func(ctx context.Context, h *host.Host) error {
			elapsed := lowlevel.LoopOf(ctx).Elapsed
			defer func() { crashed = elapsed() }()
			if _, err := h.FS.Stat(ctx, "new"); err != nil && crashed > 0 {
				if lost = append(lost, crashed); crashed == needed {
					t.Error("it was this loss")
				}
			}
			if err := host.WriteFile(ctx, h.FS, "old", []byte("x"), 0o600); err != nil {
				return err
			}
			if err := h.FS.SyncDir(ctx, "."); err != nil {
				return err
			}
			if err := host.WriteFile(ctx, h.FS, "new", []byte("x"), 0o600); err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		w.Node("c", asleep)
		w.Faults(ctx, sim.Plan{Every: 300 * time.Millisecond, Crash: 1})
		_ = task.Sleep(ctx, 20*time.Second)
		w.Quiet(ctx)
	}
	found := 0
	for seed := range uint64(5) {
		needed = 0
		looptest.Explore(t, &strategy{1, seed, always}, body)
		if len(lost) < 4 {
			continue
		}
		found++
		needed = lost[len(lost)-2]
		r := record(t, func(tb testing.TB) {
			looptest.Explore(tb, &strategy{1, seed, always}, body, looptest.Unexplained())
		})
		contains(t, r.report(), "it was this loss", "It fails with 2 deviations from", "crash b: 1 write lost, 1 create undone")
	}
	if found < 2 {
		t.Errorf("%d seeds have losses", found)
	}
}

// A report names the power failure, and then what it does to each node.
func TestThePowerFailureInAReport(t *testing.T) {
	r := record(t, func(tb testing.TB) {
		looptest.Explore(tb, &strategy{1, 1, always}, func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			nodes := three(w)
			w.Faults(ctx, sim.Plan{PowerFailure: 1})
			_ = task.Sleep(ctx, 10*time.Second)
			if nodes[2].Incarnation() > 1 {
				t.Error("it has failed")
			}
		}, looptest.Unexplained())
	})
	contains(t, r.report(), "with 1 deviation", "  power failure\n", "  crash a b c\n", "start a b c again", "  crash a\n", "  crash b\n", "  crash c\n")
}

// sites explores a plan, and returns how often each kind of site was chosen, for each schedule. (Explore runs
// some schedules again, and asks nothing then.)
func sites(t *testing.T, schedules int, plan sim.Plan, more func(ctx context.Context, t *looptest.T, w *sim.World, nodes []*sim.Node)) (counts []map[string]int) {
	t.Helper()
	looptest.Explore(t, &strategy{schedules, 1, func(site string) int {
		kind, _, _ := strings.Cut(site, " ")
		counts[len(counts)-1][kind]++
		return 1
	}}, func(ctx context.Context, t *looptest.T) {
		counts = append(counts, map[string]int{})
		w := sim.New(ctx, t)
		nodes := three(w)
		for _, name := range []string{"d", "e"} {
			nodes = append(nodes, w.Node(name, slow(500*time.Millisecond)))
		}
		w.Faults(ctx, plan)
		if more != nil {
			more(ctx, t, w, nodes)
		}
		_ = task.Sleep(ctx, 20*time.Second)
	})
	counts = slices.DeleteFunc(counts, func(m map[string]int) bool { return len(m) == 0 })
	if len(counts) != schedules {
		t.Errorf("%d of %d schedules have faults", len(counts), schedules)
	}
	return counts
}

var allKinds = []string{"crash", "power", "stop", "pause", "partition", "cut", "hold", "clock"}

// Without swarm mode each schedule has all kinds. With it, each schedule has some.
func TestSwarm(t *testing.T) {
	for _, counts := range sites(t, many(20), sim.Plan{Every: 50 * time.Millisecond, Steady: true}, nil) {
		for _, kind := range allKinds {
			if counts[kind] == 0 {
				t.Errorf("no %s in %v", kind, counts)
			}
		}
	}
	with := map[string]int{}
	all := sites(t, many(200), sim.Plan{Every: 50 * time.Millisecond, Down: 200 * time.Millisecond}, nil)
	for _, counts := range all {
		for kind := range counts {
			with[kind]++
		}
	}
	for _, kind := range allKinds {
		if n := with[kind]; n < len(all)/4 || n > len(all)*3/4 {
			t.Errorf("%s is in %d of %d schedules", kind, n, len(all))
		}
	}
	for _, counts := range sites(t, 20, sim.Plan{Every: 100 * time.Millisecond, Pause: 2}, nil) {
		if len(counts) != 1 || counts["pause"] == 0 {
			t.Errorf("the plan has pauses only, and the schedule %v", counts)
		}
	}
}

func TestMaxDown(t *testing.T) {
	for limit, want := range map[int]int{0: 2, 1: 1, 4: 4, 9: 5} {
		most := 0
		sites(t, many(50), sim.Plan{Every: 50 * time.Millisecond, Down: time.Second, MaxDown: limit, Crash: 2, Stop: 1, Pause: 1, Partition: 1}, func(ctx context.Context, t *looptest.T, w *sim.World, nodes []*sim.Node) {
			t.Always("MaxDown", func() error {
				down := 0
				for _, n := range nodes {
					if !n.Up() || sim.Paused(n) {
						down++
					}
				}
				if most = max(most, down); down > want {
					return fmt.Errorf("%d are down", down)
				}
				return nil
			})
		})
		if most != want {
			t.Errorf("MaxDown %d: at most %d are down, want %d", limit, most, want)
		}
	}
}

// After For no fault begins, and those that have begun end.
func TestTheEndOfAPlan(t *testing.T) {
	over := false
	last := 0
	looptest.Explore(t, &strategy{50, 1, func(site string) int {
		if over {
			t.Errorf("%s after the end", site)
		}
		last++
		return 1
	}}, func(ctx context.Context, t *looptest.T) {
		over = false
		w := sim.New(ctx, t)
		nodes := three(w)
		w.Faults(ctx, sim.Plan{For: 5 * time.Second, Every: 100 * time.Millisecond, Down: time.Second, Net: sim.NetFaults{Loss: 1}})
		panics(t, "sim: Faults, while the faults of another Plan still begin", func() { w.Faults(ctx, sim.Plan{}) })
		_ = task.Sleep(ctx, 5*time.Second)
		over = true
		_ = task.Sleep(ctx, 6*time.Second) // the longest fault lasts five times Down
		mustBeQuiet(t, w, nodes)
		over = false
		w.Faults(ctx, sim.Plan{For: time.Second})
		_ = task.Sleep(ctx, 10*time.Second)
	})
	if last < 1000 {
		t.Errorf("%d faults", last)
	}
}

// A plan without an end keeps neither Run nor Explore from finding a deadlock.
func TestADeadlockUnderAPlan(t *testing.T) {
	stuck := func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		three(w)
		w.Faults(ctx, sim.Plan{})
		ln, err := w.Host("client").Net.Listen(ctx, "tcp", ":7000")
		if err == nil {
			_, err = ln.Accept(ctx)
		}
		t.Error(err)
	}
	for _, r := range []*recording{
		record(t, func(tb testing.TB) { looptest.Run(tb, stuck) }),
		record(t, func(tb testing.TB) { looptest.Explore(tb, looptest.Sample(1, 1), stuck) }),
	} {
		contains(t, r.report(), "deadlock: nothing can wake the tasks that are left", "main awaits a connection to 0.0.0.0:7000", "a sleeps")
	}
}

// A plan goes on while something else goes on in the world, and when a fault lasts.
func TestAPlanInAQuietWorld(t *testing.T) {
	faults := 0
	looptest.Explore(t, &strategy{1, 1, func(string) int {
		faults++
		return faults / 150 % 2 // 150 proposals are left out, then 150 happen
	}}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		three(w)
		w.Faults(ctx, sim.Plan{Every: time.Second, Down: 10 * time.Second, Steady: true})
		_ = task.Sleep(ctx, time.Hour)
	})
	if faults < 2000 {
		t.Errorf("%d proposals", faults)
	}
}

// mustBeQuiet fails the test unless all nodes are up, with clocks that are right, and reach each other.
func mustBeQuiet(t *looptest.T, w *sim.World, nodes []*sim.Node) {
	t.Helper()
	for _, n := range nodes {
		if offset, rate := sim.ClockOf(n); !n.Up() || sim.Paused(n) || offset != 0 || rate != 1 {
			t.Errorf("%s: up %t, paused %t, clock %v %v", n.Name(), n.Up(), sim.Paused(n), offset, rate)
		}
	}
	if s := sim.NetworkState(w); s != "" {
		t.Errorf("the network: %s", s)
	}
}

func TestQuiet(t *testing.T) {
	over := false
	looptest.Explore(t, &strategy{200, 1, func(site string) int {
		if over {
			t.Errorf("%s after Quiet", site)
		}
		return 1
	}}, func(ctx context.Context, t *looptest.T) {
		over = false
		w := sim.New(ctx, t)
		nodes := three(w)
		// A program that does not end when it is stopped.
		nodes = append(nodes, w.Node("d", func(ctx context.Context, _ *host.Host) error {
			_ = task.Sleep(ctx, time.Hour)
			return task.Sleep(ctx, time.Hour)
		}))
		// A program that exits.
		nodes = append(nodes, w.Node("e", func(ctx context.Context, _ *host.Host) error {
			err := task.Sleep(ctx, time.Second)
			if isCanceled(err) {
				return err
			}
			return nil
		}))
		w.Faults(ctx, sim.Plan{Every: 100 * time.Millisecond, Down: 2 * time.Second, MaxDown: 5, Net: sim.NetFaults{1, 1, 1}, Disk: sim.DiskFaults{SyncFails: 1, Capacity: 1}})
		_ = task.Sleep(ctx, time.Duration(t.Rand("for").Int64N(int64(5*time.Second))))
		w.Partition([]string{"a"}, []string{"b"})
		w.Hold("a", "c")
		nodes[0].SetClock(time.Second, 2)
		w.Quiet(ctx)
		over = true
		mustBeQuiet(t, w, nodes)
		_ = task.Sleep(ctx, 20*time.Second)
		mustBeQuiet(t, w, nodes[:4])
		w.Quiet(ctx)
		mustBeQuiet(t, w, nodes)
	})
}

// A fault may last for ever: Down may be task.NoLimit.
func TestFaultsWithoutAnEnd(t *testing.T) {
	looptest.Explore(t, &strategy{3, 1, always}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		n := w.Node("a", asleep)
		w.Faults(ctx, sim.Plan{Every: time.Second, Down: task.NoLimit, Crash: 1, Steady: true})
		_ = task.Sleep(ctx, 5*time.Hour)
		if n.Incarnation() > 1 {
			t.Errorf("the node has started again: incarnation %d", n.Incarnation())
		}
	})
}

// What the test holds, pauses or sets itself stays so when an earlier fault of the same kind ends.
func TestTheEndOfAFaultLeavesTheTestsOwnAlone(t *testing.T) {
	for _, ends := range []bool{false, true} { // whether the test ends the fault before
		looptest.Explore(t, &strategy{20, 1, always}, func(ctx context.Context, t *looptest.T) {
			w := sim.New(ctx, t)
			n := w.Node("a", asleep)
			w.Host("b")
			w.Faults(ctx, sim.Plan{For: time.Second, Every: 10 * time.Millisecond, Down: time.Second, Hold: 1, Pause: 1, Clock: 1, Steady: true})
			_ = task.Sleep(ctx, time.Second)
			offset, rate := sim.ClockOf(n)
			t.Sometimes("all faults last", sim.Paused(n) && strings.Contains(sim.NetworkState(w), "a→b") && (offset != 0 || rate != 1))
			if ends {
				w.Heal()
				n.Resume()
				n.SetClock(0, 1)
			}
			w.Hold("a", "b")
			n.Pause()
			n.SetClock(offset, rate)
			_ = task.Sleep(ctx, 10*time.Second)
			if o, r := sim.ClockOf(n); o != offset || r != rate {
				t.Errorf("the clock is set to %v, %v; want %v, %v", o, r, offset, rate)
			}
			if !sim.Paused(n) {
				t.Error("the node is resumed")
			}
			if s := sim.NetworkState(w); s != " a→b" {
				t.Errorf("the network:%s, want a→b", s)
			}
		})
	}
}

// The end of a plan ends the faults of the disks that it has set, and no others.
func TestTheEndOfAPlanLeavesOtherDisksAlone(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		nodes := three(w)
		w.Faults(ctx, sim.Plan{For: time.Second, Every: time.Hour, Disk: sim.DiskFaults{Slow: 1}, Steady: true})
		nodes[1].SetDisk(sim.DiskFaults{Full: 1})
		w.Node("d", asleep).SetDisk(sim.DiskFaults{Full: 1})
		w.Node("e", asleep)
		if s, want := sim.NetworkState(w), " disk of a disk of b disk of c disk of d"; s != want {
			t.Errorf("before the end:%s, want%s", s, want)
		}
		_ = task.Sleep(ctx, 2*time.Second)
		if s, want := sim.NetworkState(w), " disk of b disk of d"; s != want {
			t.Errorf("after the end:%s, want%s", s, want)
		}
		w.Quiet(ctx)
		mustBeQuiet(t, w, nodes)
	})
}

// A node that the test starts or crashes itself is not touched by the end of an earlier fault.
func TestTheEndOfAFaultLeavesOtherIncarnationsAlone(t *testing.T) {
	looptest.Explore(t, &strategy{20, 1, always}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		n := w.Node("a", asleep)
		w.Faults(ctx, sim.Plan{For: 3 * time.Second, Crash: 1, Stop: 1, Pause: 1})
		_ = task.Sleep(ctx, 3*time.Second)
		n.Crash()
		n.Start()
		before := n.Incarnation()
		n.Pause()
		_ = task.Sleep(ctx, 10*time.Second)
		if n.Incarnation() != before || !sim.Paused(n) {
			t.Errorf("incarnation %d, want %d; paused %t", n.Incarnation(), before, sim.Paused(n))
		}
	})
}

// A program that does not end when it is stopped is killed, and starts again.
func TestAStopInAPlanKills(t *testing.T) {
	looptest.Explore(t, &strategy{10, 1, always}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		n := w.Node("a", slow(time.Hour))
		w.Faults(ctx, sim.Plan{For: 8 * time.Second, Down: 100 * time.Millisecond, Stop: 1})
		_ = task.Sleep(ctx, 10*time.Second)
		mustBeQuiet(t, w, []*sim.Node{n})
		t.Sometimes("started again", n.Incarnation() > 1)
	})
}

func TestBadPlans(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		panics(t, "sim: Faults in a world without nodes; make the nodes before", func() { w.Faults(ctx, sim.Plan{}) })
		three(w)
		for want, plan := range map[string]sim.Plan{
			"sim: a Plan with For -1s; give it a positive time, or 0 for the default": {For: -time.Second},
			"a Plan with Every -1s":                            {Every: -time.Second},
			"a Plan with Down -1s":                             {Down: -time.Second},
			"a Plan with MaxOffset -1s":                        {MaxOffset: -time.Second},
			"a Plan with MaxDrift 1; ":                         {MaxDrift: 1},
			"a Plan with MaxDown -1; ":                         {MaxDown: -1},
			"a Plan with the weight Crash -1; ":                {Crash: -1},
			"a Plan with the weight Clock NaN; ":               {Clock: math.NaN()},
			"a Plan with the weight Hold +Inf; ":               {Hold: math.Inf(1)},
			"a Plan with a probability in Net or Disk of 2; ":  {Net: sim.NetFaults{Loss: 2}},
			"a Plan with a probability in Net or Disk of -1; ": {Disk: sim.DiskFaults{Slow: -1}},
			"a Plan with a Capacity in Disk of -1; ":           {Disk: sim.DiskFaults{Capacity: -1}},
		} {
			panics(t, want, func() { w.Faults(ctx, plan) })
		}
		panics(t, "sim: Eventually with the limit 1s; give it a function", func() { w.Eventually(ctx, time.Second, nil) })
		panics(t, "sim: Eventually with the limit -1s; ", func() { w.Eventually(ctx, -time.Second, func() error { return nil }) })
	})
}

func TestEventually(t *testing.T) {
	run(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		start := lowlevel.LoopOf(ctx).Elapsed()
		calls := 0
		w.Eventually(ctx, 10*time.Second, func() error {
			if calls++; lowlevel.LoopOf(ctx).Elapsed()-start < 5*time.Second {
				return errors.New("not yet")
			}
			return nil
		})
		if took := lowlevel.LoopOf(ctx).Elapsed() - start; took > 5100*time.Millisecond || calls > 100 {
			t.Errorf("%v, %d calls", took, calls)
		}
		w.Eventually(ctx, 0, func() error { return nil })
	})
	fails(t, func(ctx context.Context, t *looptest.T, w *sim.World) {
		defer func() {
			if at := lowlevel.LoopOf(ctx).Elapsed(); at != 3*time.Second {
				t.Errorf("ends at %v", at)
			}
		}()
		w.Eventually(ctx, 3*time.Second, func() error { return errors.New("two leaders") })
		t.Error("it goes on")
	}, "sim: it does not hold after 3s: two leaders")
}

// With TimePasses a time limit expires in some schedules, but not while Eventually runs.
func TestEventuallyWithTimePasses(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		yields := func(ctx context.Context) (int, error) {
			for range 5 {
				if err := task.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return 0, nil
		}
		done := 0
		for range 2 {
			spawn(ctx, "worker", func(ctx context.Context) error {
				_, err := yields(ctx)
				done++
				return err
			})
		}
		w.Eventually(ctx, 2*time.Millisecond, func() error {
			if _, err := task.Within(ctx, time.Second, yields); err != nil {
				t.Errorf("in Eventually: %v", err)
			}
			if done < 2 {
				return errors.New("not done")
			}
			return nil
		})
		_, err := task.Within(ctx, time.Hour, yields)
		t.Sometimes("late", errors.As(err, new(*task.TimeoutError)))
	}, looptest.TimePasses())
}

// Partitions have all shapes, and hosts of the test are on both sides. No side is empty.
func TestShapes(t *testing.T) {
	shapes := map[string]int{}
	looptest.Explore(t, &strategy{100, 1, func(site string) int {
		sides, bridge, bridged := strings.Cut(strings.TrimPrefix(site, "partition "), ", bridge ")
		left, right, parted := strings.Cut(sides, " | ")
		switch {
		case strings.HasPrefix(site, "cut "):
			from, to, _ := strings.Cut(site[4:], "→")
			shapes[fmt.Sprintf("cut from all %t, to all %t", from == "all", to == "all")]++
		case strings.HasPrefix(site, "hold "):
			from, to, ok := strings.Cut(site[5:], "→")
			if from == to || !ok {
				t.Errorf("%q", site)
			}
		case parted:
			members := append(strings.Fields(left), strings.Fields(right)...)
			if bridged {
				members = append(members, bridge)
			}
			slices.Sort(members)
			if !slices.Equal(members, []string{"a", "b", "c", "d", "e", "x", "y"}) || left == "" || right == "" {
				t.Errorf("%q", site)
			}
			hosts := 0
			for _, name := range strings.Fields(left) {
				if name >= "x" {
					hosts++
				}
			}
			nodes := len(strings.Fields(left)) - hosts
			shapes[fmt.Sprintf("bridge %t", bridged)]++
			shapes[fmt.Sprintf("%d nodes", nodes)]++
			shapes[fmt.Sprintf("%d hosts", hosts)]++
		default:
			t.Errorf("%q", site)
		}
		return 1
	}}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		three(w)
		w.Host("x")
		w.Host("y")
		w.Node("d", asleep)
		w.Node("e", asleep)
		w.Faults(ctx, sim.Plan{Every: 100 * time.Millisecond, Down: 100 * time.Millisecond, Partition: 1, Cut: 1, Hold: 1})
		_ = task.Sleep(ctx, 10*time.Second)
	})
	for _, shape := range []string{"bridge true", "bridge false", "1 nodes", "2 nodes", "3 nodes", "4 nodes", "0 hosts", "1 hosts", "2 hosts",
		"cut from all true, to all false", "cut from all false, to all true", "cut from all false, to all false"} {
		if shapes[shape] < 30 {
			t.Errorf("%s: %d times", shape, shapes[shape])
		}
	}
}

// A world with one node has no links. The proposals for them do nothing.
func TestAPlanForOneNode(t *testing.T) {
	looptest.Explore(t, &strategy{20, 1, func(site string) int {
		t.Errorf("%q", site)
		return 1
	}}, func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		w.Node("a", asleep)
		w.Faults(ctx, sim.Plan{Every: 100 * time.Millisecond, Partition: 1, Cut: 1, Hold: 1})
		_ = task.Sleep(ctx, 10*time.Second)
	})
}
