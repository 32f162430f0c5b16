package loop_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"pgregory.net/rapid"
)

// A realmProgram is a random program of tasks in three realms and outside. Each task does its actions, one
// after another. It checks the rules of realms while it runs.
type realmProgram struct {
	t       interface{ Errorf(string, ...any) }
	l       *loop.Loop
	realms  []lowlevel.Realm
	futures []*future.Future[int]
	mutex   lock.Mutex
	scripts [][]realmAction
	live    []*realmMember // of realms, not done
	log     []string
	made    int
	panics  bool // some deferred calls panic
	spent   bool // the host is closing the loop
}

type realmAction struct {
	do    string
	with  int
	other int
}

type realmMember struct {
	id    int
	realm lowlevel.Realm // nil: outside
	of    *loop.Task
}

var realmActions = []string{
	"yield", "sleep", "set", "await", "lock", "group", "gather", "limit", "spawn", "spawn eagerly", "spawn a machine",
	"end", "end", "pause", "resume", "rate", "cancel", "blocking", "callback ends",
}

func (p *realmProgram) over(m *realmMember) bool { return m.realm != nil && m.realm.Ended() }

// note is called wherever m goes on. err is the result of its last await.
func (p *realmProgram) note(m *realmMember, what string, err error) {
	p.log = append(p.log, fmt.Sprintf("%v %d %s %v", p.l.Elapsed(), m.id, what, err))
}

// awaited checks the result of an await of m that has suspended.
func (p *realmProgram) awaited(m *realmMember, what string, err error) error {
	p.note(m, what, err)
	switch over := p.over(m); {
	case p.spent:
	case over && err == nil && what != "blocking": // a call that has returned gives its result
		p.t.Errorf("task %d goes on after the end of its realm", m.id)
	case !over && causeOf(err) == lowlevel.ErrRealmEnded && what != "gather" && what != "await" && what != "group":
		p.t.Errorf("task %d is unwound, and its realm has not ended", m.id)
	case !over && m.realm != nil && m.realm.Paused():
		p.t.Errorf("task %d begins a step in a pause", m.id)
	}
	return err
}

// begin checks that no task of an ended realm is left when a task takes a step.
func (p *realmProgram) begin(m *realmMember) {
	p.note(m, "begins", nil)
	if p.over(m) {
		p.t.Errorf("task %d begins after the end of its realm", m.id)
	}
}

// between checks that the tasks of ended realms are done. It is called where a task that is not being unwound goes on
// after a suspension.
func (p *realmProgram) between(m *realmMember) {
	if p.spent || p.over(m) || lowlevel.Unwinding(m.of) {
		return
	}
	p.live = slices.DeleteFunc(p.live, func(o *realmMember) bool { return o.of.Done() })
	for _, o := range p.live {
		if p.over(o) && o.of.Status() != "is running" && !lowlevel.Unwinding(o.of) {
			p.t.Errorf("task %d takes a step, and task %d of an ended realm %s", m.id, o.id, o.of.Status())
		}
	}
}

func (p *realmProgram) member(realm lowlevel.Realm) (*realmMember, context.Context) {
	m := &realmMember{id: p.made, realm: realm}
	p.made++
	if realm == nil {
		return m, p.l.Context()
	}
	return m, realm.Context()
}

// start makes a task of the realm with the number in, which does the actions of script.
func (p *realmProgram) start(in int, script int, opts ...task.Option) *task.Task[none] {
	if p.made >= 60 {
		return nil
	}
	var realm lowlevel.Realm
	if in %= len(p.realms) + 1; in > 0 {
		realm = p.realms[in-1]
	}
	m, ctx := p.member(realm)
	return task.Go(ctx, func(ctx context.Context) (_ none, err error) {
		m.of = lowlevel.Current(ctx)
		p.live = append(p.live, m)
		p.begin(m)
		p.between(m)
		defer func() {
			p.note(m, "deferred", nil)
			if m.id%3 == 0 {
				p.start(m.id, m.id)
				_ = p.awaited(m, "deferred yield", task.Yield(ctx))
			}
			if p.panics && m.id%7 == 0 {
				panic("oh")
			}
		}()
		for _, a := range p.scripts[script%len(p.scripts)] {
			if err := p.act(ctx, m, in, a); err != nil {
				return none{}, err
			}
			if p.over(m) && !lowlevel.Unwinding(m.of) {
				p.t.Errorf("task %d is not being unwound", m.id)
			}
		}
		return none{}, nil
	}, opts...)
}

func (p *realmProgram) act(ctx context.Context, m *realmMember, in int, a realmAction) (err error) {
	f := p.futures[a.with%len(p.futures)]
	r := p.realms[a.with%len(p.realms)]
	suspended := func(err error) error {
		err = p.awaited(m, a.do, err)
		p.between(m)
		return err
	}
	switch a.do {
	case "yield":
		return suspended(task.Yield(ctx))
	case "sleep":
		return suspended(task.Sleep(ctx, time.Duration(a.with%5)*time.Second))
	case "set":
		_ = f.SetResult(1)
	case "await":
		if !f.Done() {
			return suspended(f.Wait(ctx))
		}
	case "lock":
		if err := p.mutex.Lock(ctx); err != nil {
			return err
		}
		defer p.mutex.Unlock()
		return suspended(task.Yield(ctx))
	case "group":
		err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			return g.Go(func(ctx context.Context) error { return task.Sleep(ctx, time.Duration(1+a.with%3)*time.Second) })
		})
		return suspended(err)
	case "gather":
		if x, y := p.start(a.with, a.other), p.start(a.other, a.with); x != nil && y != nil {
			_, err := task.Gather(x, y).Await(ctx)
			p.note(m, a.do, err)
			return nil
		}
	case "limit":
		err := task.Timeout(ctx, 2*time.Second, func(ctx context.Context, _ *task.Deadline) error {
			return task.Sleep(ctx, time.Duration(a.with%5)*time.Second)
		})
		p.note(m, a.do, err)
	case "spawn":
		p.start(a.with, a.other)
	case "spawn eagerly":
		p.start(a.with, a.other, task.Eager())
	case "spawn a machine":
		m, ctx := p.member(r)
		script(ctx, "machine", func(ctx context.Context, _ error) (task.Suspension, error) {
			p.begin(m)
			return task.For(time.Second), nil
		}, func(_ context.Context, err error) (task.Suspension, error) {
			return task.Turn(), p.awaited(m, "machine", err)
		}, func(_ context.Context, err error) (task.Suspension, error) {
			return task.End(), p.awaited(m, "machine", err)
		})
	case "end":
		if a.other%3 == 0 {
			r.End()
		}
	case "callback ends":
		p.l.CallSoon(func() {
			if a.other%3 == 0 {
				r.End()
			}
		})
	case "pause":
		r.Pause()
		p.l.CallLater(time.Duration(a.other%4)*time.Second, r.Resume)
	case "resume":
		r.Resume()
	case "rate":
		r.SetClock(time.Duration(a.other)*time.Second, float64(1+a.other%5)/2)
	case "cancel":
		for _, o := range p.live {
			if o.id == a.other {
				o.of.Cancel(nil)
			}
		}
	case "blocking":
		_, err := task.Blocking(ctx, func(ctx context.Context) (none, error) { return none{}, nil })
		return suspended(err)
	}
	return nil
}

// run runs the program, and returns its log.
func (p *realmProgram) run(opts ...loop.Option) []string {
	p.l = loop.New(append([]loop.Option{loop.WithVirtualTime(), loop.WithErrorHandler(func(f loop.Failure) {
		if f.Kind != loop.ErrorUnretrieved && f.Kind != loop.SlowStep { // a busy machine is no news
			p.t.Errorf("%v: %v", f.Kind, f.Err)
		}
	})}, opts...)...)
	defer func() {
		p.spent = true
		p.l.Close()
	}()
	p.begins()
	_ = p.l.Run()
	p.ends()
	_ = p.l.Run()
	p.leavesNothing()
	return p.log
}

func (p *realmProgram) begins() {
	for range 3 {
		around := p.l.Context()
		if len(p.realms) == 1 { // the second realm is a part of the first one
			around = p.realms[0].Context()
		}
		p.realms = append(p.realms, lowlevel.NewRealm(around))
		p.futures = append(p.futures, future.New[int](p.l.Context()))
	}
	for at := range p.scripts {
		p.start(at, at)
	}
}

func (p *realmProgram) ends() {
	for at := range p.realms {
		p.realms[at].Resume()
		p.realms[at].End()
	}
}

func (p *realmProgram) leavesNothing() {
	for _, m := range p.live {
		if p.over(m) && !m.of.Done() {
			p.t.Errorf("task %d is left", m.id)
		}
	}
}

func drawScripts(t *rapid.T) [][]realmAction {
	action := rapid.Custom(func(t *rapid.T) realmAction {
		return realmAction{rapid.SampledFrom(realmActions).Draw(t, "do"), rapid.IntRange(0, 20).Draw(t, "with"), rapid.IntRange(0, 20).Draw(t, "other")}
	})
	return rapid.SliceOfN(rapid.SliceOfN(action, 1, 6), 2, 6).Draw(t, "scripts")
}

// randomPolicy picks with a rule that is the same in each run.
type randomPolicy struct {
	endFollower
	seed uint64
}

func (p *randomPolicy) Pick(ready []*loop.Task, timePasses bool) int {
	p.endFollower.Pick(ready, timePasses)
	p.seed = p.seed*6364136223846793005 + 1442695040888963407
	return int(p.seed >> 33 % uint64(len(ready)))
}

// Random programs keep the rules of realms, and do the same again, with and without an observer, debug mode and a policy.
func TestRandomRealms(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		scripts := drawScripts(rt)
		program := func(opts ...loop.Option) []string {
			p := realmProgram{t: rt, scripts: scripts, panics: true}
			return p.run(opts...)
		}
		plain := program()
		for name, opts := range map[string][]loop.Option{
			"again":    nil,
			"observed": {loop.WithObserver(func(loop.Event) {})},
			"debug":    {loop.WithDebug()},
			"policy":   {lowlevel.WithPolicy(endFollower{t}, false), lowlevel.WithFollower(endFollower{t})},
		} {
			if log := program(opts...); !slices.Equal(log, plain) {
				rt.Fatalf("%s:\n%q\n%q", name, log, plain)
			}
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		var spare lowlevel.Spare
		defer spare.End()
		policy := func() []loop.Option {
			return []loop.Option{lowlevel.WithPolicy(&randomPolicy{endFollower{t}, seed}, false), lowlevel.WithFollower(endFollower{t}), lowlevel.WithSpare(&spare)}
		}
		if log, again := program(policy()...), program(policy()...); !slices.Equal(log, again) {
			rt.Fatalf("with a policy:\n%q\n%q", log, again)
		}
	})
}

// Random programs keep the rules of realms in every schedule.
func TestRealmsInEverySchedule(t *testing.T) {
	for seed := range 4 {
		scripts := rapid.Custom(drawScripts).Example(seed)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			looptest.Explore(t, looptest.Sample(1, 60), func(ctx context.Context, t *looptest.T) {
				p := &realmProgram{t: t, l: lowlevel.LoopOf(ctx), scripts: scripts}
				p.begins()
				_ = task.Sleep(ctx, time.Minute)
				p.ends()
				_ = task.Yield(ctx)
				p.leavesNothing()
				for _, f := range p.futures {
					if !f.Done() {
						_ = f.SetResult(1)
					}
				}
				_ = task.Sleep(ctx, time.Minute)
			}, looptest.BothFactories())
		})
	}
}

// All schedules of a task that ends a realm and of one that counts its own steps: after the end there is no
// further step.
func TestEndOfARealmInAllSchedules(t *testing.T) {
	seen := map[int]bool{}
	looptest.Explore(t, looptest.Exhaustive(1000), func(ctx context.Context, t *looptest.T) {
		realm := lowlevel.NewRealm(ctx)
		steps, unwound := 0, false
		x := spawn(realm.Context(), "x", func(ctx context.Context) error {
			defer func() { unwound = true }()
			for range 3 {
				if steps++; realm.Ended() {
					t.Error("a step after the end")
				}
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		ends := spawn(ctx, "ends", func(ctx context.Context) error {
			realm.End()
			return task.Yield(ctx)
		})
		if err := ends.Wait(ctx); err != nil || !x.Done() || unwound != (steps > 0) {
			t.Errorf("%v, done %v, unwound %v after %d steps", err, x.Done(), unwound, steps)
		}
		seen[steps] = true
	})
	if len(seen) != 4 {
		t.Errorf("the realm ended after these numbers of steps: %v", seen)
	}
}
