package looptest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// randomProgram returns a program that a seed determines. Its tasks and callbacks yield, sleep, lock, make tasks,
// cancel tasks, choose, and use noise. What a task does depends on its lineage, and on the choices that it makes.
func randomProgram(seed uint64) looptest.Body {
	return func(ctx context.Context, t *looptest.T) {
		p := &drawn{t: t, loop: lowlevel.LoopOf(ctx), seed: seed}
		p.body("main", 0)(ctx)
		_ = task.Sleep(ctx, 100) // all timers of callbacks have fired
		for i := 0; i < len(p.tasks); i++ {
			_ = p.tasks[i].Wait(ctx)
		}
		if p.done%3 == 0 {
			t.Errorf("%d operations", p.done)
		}
	}
}

// drawn is the state of a random program.
type drawn struct {
	t     *looptest.T
	loop  *loop.Loop
	seed  uint64
	mu    lock.Mutex
	event lock.Event
	tasks []*task.Task[none]
	done  int // operations
}

// made adds a task that does the work of a body.
func (p *drawn) made(ctx context.Context, lineage string, depth int) *task.Task[none] {
	made := spawn(ctx, lineage, func(ctx context.Context) error { p.body(lineage, depth)(ctx); return nil })
	p.tasks = append(p.tasks, made)
	return made
}

func (p *drawn) body(lineage string, depth int) part {
	return func(ctx context.Context) {
		hash := p.seed
		for _, c := range lineage {
			hash = hash*31 + uint64(c)
		}
		random := rand.New(rand.NewPCG(p.seed, hash))
		var made []*task.Task[none]
		for op := range 2 + random.IntN(4) {
			name := fmt.Sprint(lineage, ".", op)
			kind := random.IntN(12)
			if p.t.Choose("detour", 4) == 3 {
				kind = (kind + 5) % 12
			}
			if depth == 2 && (kind < 3 || kind == 10 || kind == 11) {
				kind = 3
			}
			p.done++
			switch kind {
			case 0, 1:
				made = append(made, p.made(ctx, name, depth+1))
			case 2:
				machine := task.GoMachine(ctx, task.MachineFunc[none](func(context.Context, error) (none, task.Suspension, error) {
					if p.done++; p.done%2 == 0 {
						return none{}, task.Turn(), nil
					}
					return none{}, task.End(), nil
				}), task.Named(name))
				p.tasks = append(p.tasks, machine)
			case 3, 4:
				_ = task.Yield(ctx)
			case 5:
				_ = task.Sleep(ctx, time.Duration(random.IntN(4)))
			case 6:
				if p.mu.Lock(ctx) == nil {
					pauses(ctx, random.IntN(3))
					p.mu.Unlock()
				}
			case 7:
				if len(p.tasks) > 0 { // perhaps one that has not started
					p.tasks[random.IntN(len(p.tasks))].Cancel(nil)
				}
			case 8:
				if p.t.Chance("event", 0.5) {
					p.event.Set()
				} else {
					_ = task.Timeout(ctx, time.Duration(1+random.IntN(3)), func(ctx context.Context, _ *task.Deadline) error { return p.event.Wait(ctx) })
				}
			case 9:
				_ = task.Sleep(ctx, time.Duration(p.t.Rand(lineage).IntN(3)))
			case 10:
				p.loop.CallSoon(func() { p.made(p.loop.Context(), name, depth+1) })
			case 11:
				p.loop.CallLater(time.Duration(random.IntN(3)), func() {
					p.t.Choose("timer", 2)
					p.made(p.loop.Context(), name, depth+1)
				})
			}
		}
		for _, child := range made {
			_ = child.Wait(ctx)
		}
	}
}

// randomPrograms is how many random programs a test runs.
const randomPrograms = 60

// forEachRandomProgram calls f for random programs, with the lazy and the eager task factory, and with time that
// may pass.
func forEachRandomProgram(t *testing.T, f func(t *testing.T, seed uint64, opts ...looptest.Option)) {
	for seed := range uint64(randomPrograms / fewer) {
		opts := []looptest.Option{looptest.MaxSteps(3000)}
		if seed%2 == 1 {
			opts = append(opts, looptest.Eager())
		}
		if seed/2%2 == 1 {
			opts = append(opts, looptest.TimePasses())
		}
		f(t, seed, opts...)
	}
}

// A story records the events of the last run.
type story []string

func (s *story) observe(e loop.Event) {
	if e.Kind == loop.TaskMade && e.Task.Name() == "main" {
		*s = nil
	}
	text := fmt.Sprint(e.At, " ", e.Kind)
	if e.Task != nil {
		text += " " + e.Task.Name()
	}
	if e.By != nil {
		text += " by " + e.By.Name()
	}
	*s = append(*s, text)
}

// Each schedule of each strategy is replayed from its text, event by event.
func TestReplaysAreExact(t *testing.T) {
	schedules, deviating, sites, passed := 0, 0, 0, 0
	forEachRandomProgram(t, func(t *testing.T, seed uint64, opts ...looptest.Option) {
		body := randomProgram(seed)
		for _, s := range []looptest.Strategy{
			looptest.Sample(seed, 6), looptest.Random(seed, 6), looptest.PCT(seed, 6, 3), looptest.Exhaustive(6), looptest.DelayBounded(1),
		} {
			var original, replayed story
			n := 0
			looptest.Schedules(t, s, body, func(r looptest.Ran) {
				want := slices.Clone(original)
				if n++; n > 6 {
					return
				}
				schedules++
				if looptest.Deviations(r.Schedule) > 3 {
					deviating++
				}
				again := record(t, func(tb testing.TB) {
					looptest.Replay(tb, r.Schedule, body, append(opts, looptest.Observer(replayed.observe))...)
				})
				said := again.report() + strings.Join(again.logs, "\n")
				if strings.Contains(said, "no longer") || again.Failed() != r.Failed || !slices.Equal(want, replayed) {
					at := 0
					for at < min(len(want), len(replayed)) && want[at] == replayed[at] {
						at++
					}
					t.Fatalf("program %d, %v: the replay of %s differs at event %d:\n%q\n%q\n%s", seed, s, r.Schedule, at,
						want[max(0, at-3):min(len(want), at+3)], replayed[max(0, at-3):min(len(replayed), at+3)], said)
				}
				if strings.Contains(said, "detour, use") {
					sites++
				}
				if strings.Contains(said, "time passed") {
					passed++
				}
			}, append(opts, looptest.Observer(original.observe))...)
		}
	})
	t.Logf("%d schedules, %d with 4 deviations or more, %d with a choice in the report, %d with the passing of time", schedules, deviating, sites, passed)
	if deviating < schedules/4 || !testing.Verbose() && sites == 0 {
		t.Errorf("of %d schedules %d have 4 deviations or more, %d a choice, %d the passing of time", schedules, deviating, sites, passed)
	}
}

// Any of the deviations of a schedule may be left out. Then the rest is replayed as far as the program still offers
// it, always in the same way. What has been replayed is a schedule of its own, of which nothing is left out.
func TestReplaysWithoutSomeDeviations(t *testing.T) {
	left, lost := 0, 0
	forEachRandomProgram(t, func(t *testing.T, seed uint64, opts ...looptest.Option) {
		body := randomProgram(seed)
		random := rand.New(rand.NewPCG(seed, 1))
		var told story
		opts = append(opts, looptest.Observer(told.observe))
		looptest.Schedules(t, looptest.Random(seed, 5), body, func(r looptest.Ran) {
			for range 4 {
				some := looptest.LeaveOut(t, r.Schedule, func(int) bool { return random.IntN(4) == 0 })
				followed := looptest.Follow(t, some, body, opts...)
				want := told
				if again := looptest.Follow(t, some, body, opts...); again != followed || !slices.Equal(told, want) {
					t.Fatalf("program %d: two replays of %s differ", seed, some)
				}
				if again := looptest.Follow(t, followed, body, opts...); again != followed || !slices.Equal(told, want) {
					t.Fatalf("program %d: %s follows %s, but itself is followed by %s", seed, followed, some, again)
				}
				left += looptest.Deviations(some)
				lost += looptest.Deviations(some) - looptest.Deviations(followed)
			}
		}, opts...)
	})
	t.Logf("of %d deviations %d did not occur any more", left, lost)
	if left == 0 || lost == 0 {
		t.Error("nothing was left out")
	}
}
