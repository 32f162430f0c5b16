package sim_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/lock"
)

// The flaws of the lock service, and of the store that it protects.
const (
	noFencing     flaw = "the store takes writes of any token"
	tokenUnlogged flaw = "the tokens begin again after a restart"
	tokenKept     flaw = "a worker goes on with its token when it does not know whether a write was done"
)

const (
	leaseTime   = 500 * time.Millisecond
	leaseMargin = 50 * time.Millisecond // in which a worker does not begin a call
	leaseCall   = 40 * time.Millisecond // what a call may take
)

// A locksmith gives one worker at a time a lease, by its own clock. Each lease has a token, which is larger than all before it.
type locksmith struct {
	h      *host.Host
	flaw   flaw
	one    lock.Mutex
	log    *wal
	token  int
	holder string
	until  time.Time
}

func runLocksmith(f flaw) program {
	return func(ctx context.Context, h *host.Host) error {
		log, tokens, err := openWAL(ctx, h.FS, "log", "")
		if err != nil {
			return err
		}
		l := &locksmith{h: h, flaw: f, log: log}
		if n := len(tokens); n > 0 {
			l.token, _ = strconv.Atoi(tokens[n-1])
		}
		l.until = h.Now().Add(leaseTime) // of a lease that was given before a crash
		return answers(ctx, h, l.answer)
	}
}

func (l *locksmith) answer(ctx context.Context, _ string, args []string) (string, error) {
	if err := l.one.Lock(ctx); err != nil {
		return "", err
	}
	defer l.one.Unlock()
	if now := l.h.Now(); l.holder != args[0] && now.Before(l.until) {
		return "held", nil
	}
	if l.flaw != tokenUnlogged {
		if err := l.log.add(ctx, strconv.Itoa(l.token+1)); err != nil {
			return "", err
		}
	}
	l.token++
	l.holder, l.until = args[0], l.h.Now().Add(leaseTime)
	return strconv.Itoa(l.token), nil
}

// A fencedStore has one number. It refuses reads and writes with a smaller token than it has seen.
type fencedStore struct {
	flaw          flaw
	one           lock.Mutex
	log           *wal
	token, number int
}

func runFencedStore(f flaw) program {
	return func(ctx context.Context, h *host.Host) error {
		log, texts, err := openWAL(ctx, h.FS, "log", "")
		if err != nil {
			return err
		}
		s := &fencedStore{flaw: f, log: log}
		for _, text := range texts {
			if _, err := fmt.Sscan(text, &s.token, &s.number); err != nil {
				return err
			}
		}
		return answers(ctx, h, s.answer)
	}
}

func (s *fencedStore) answer(ctx context.Context, command string, args []string) (string, error) {
	if err := s.one.Lock(ctx); err != nil {
		return "", err
	}
	defer s.one.Unlock()
	token, _ := strconv.Atoi(args[0])
	if token < s.token && s.flaw != noFencing {
		return "stale", nil
	}
	number := s.number
	if command == "write" {
		number, _ = strconv.Atoi(args[1])
	}
	if command == "write" || token > s.token {
		if err := s.log.add(ctx, fmt.Sprint(token, " ", number)); err != nil {
			return "", err
		}
	}
	s.token, s.number = token, number
	return strconv.Itoa(number), nil
}

// An account has what workers have done.
type account struct {
	t           *looptest.T
	given       map[int]string // the holders of all tokens
	begun, done int            // how often a worker has begun to add 1 to the number of the store, and was told that this is done
}

// give notes that a worker has a token, which nobody may have had before.
func (a *account) give(token int, to string) {
	if of := a.given[token]; of != "" {
		a.t.Fatalf("twice: %s has got the token %d, which %s had", to, token, of)
	}
	a.given[token] = to
}

// runWorker adds 1 to the number of the store, again and again, while it has a lease.
func runWorker(f flaw, a *account) program {
	return func(ctx context.Context, h *host.Host) error {
		for {
			asked := h.Now() // the lease begins later
			answer, err := call(ctx, h, "locks:7000", leaseCall, "acquire %s", h.Name)
			if token, e := strconv.Atoi(answer); err == nil && e == nil {
				a.give(token, h.Name)
				until := asked.Add(leaseTime - leaseMargin)
				for err == nil || f == tokenKept && err != errOver && !loop.IsCanceled(err) {
					err = addOne(ctx, h, until, token, a)
				}
			}
			if err := task.Sleep(ctx, time.Duration(30+h.Rand.IntN(100))*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// errOver says that the lease of a worker is over, by its own clock or by that of the locksmith.
var errOver = errors.New("the lease is over")

// addOne reads the number, works, and writes it back with 1 more.
func addOne(ctx context.Context, h *host.Host, until time.Time, token int, a *account) error {
	ask := func(format string, args ...any) (int, error) {
		if !h.Now().Before(until) {
			return 0, errOver
		}
		answer, err := call(ctx, h, "store:7000", leaseCall, format, args...)
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(answer)
		if err != nil {
			return 0, errOver
		}
		return n, nil
	}
	number, err := ask("read %d", token)
	if err != nil {
		return err
	}
	work := time.Duration(h.Rand.IntN(50)) * time.Millisecond
	if h.Rand.IntN(4) == 0 {
		work += 200 * time.Millisecond
	}
	if err := task.Sleep(ctx, work); err != nil {
		return err
	}
	a.begun++
	switch _, err = ask("write %d %d", token, number+1); err {
	case errOver:
		a.begun--
	case nil:
		a.done++
	}
	return err
}

// testLeases tests the service under a plan of faults. rate is that of the clock of x.
func testLeases(plan sim.Plan, rate float64) func(ctx context.Context, t *looptest.T, w *sim.World, f flaw) {
	return func(ctx context.Context, t *looptest.T, w *sim.World, f flaw) {
		a := account{t: t, given: map[int]string{}}
		w.Node("locks", runLocksmith(f))
		w.Node("store", runFencedStore(f))
		for _, name := range []string{"x", "y", "z"} {
			if n := w.Node(name, runWorker(f, &a)); name == "x" {
				n.SetClock(0, rate)
			}
		}
		w.Faults(ctx, plan)
		_ = task.Sleep(ctx, plan.For+500*time.Millisecond)
		w.Quiet(ctx)
		before := a.done
		w.Eventually(ctx, 10*time.Second, func() error {
			if a.done < before+10 {
				return fmt.Errorf("only %d times something was added since the faults ended", a.done-before)
			}
			return nil
		})
		w.Eventually(ctx, 10*time.Second, func() error {
			done := a.done
			answer, err := call(ctx, w.Host("reader"), "store:7000", time.Second, "read 1000000")
			if err != nil {
				return err
			}
			if number, _ := strconv.Atoi(answer); number < done || number > a.begun {
				t.Fatalf("lost: the number is %s, and 1 was added %d times, and perhaps %d times more", answer, done, a.begun-done)
			}
			return nil
		})
	}
}

func TestLeasesWithFencing(t *testing.T) {
	plan := sim.Plan{
		For: 2 * time.Second, Every: 100 * time.Millisecond, Down: 100 * time.Millisecond,
		Crash: 1, Pause: 1, Partition: 1, Cut: 1, Hold: 1, Clock: 1, Net: sim.NetFaults{Loss: 0.01},
	}
	huntAll(t, 300, testLeases(plan, 0.5),
		hunt{noFencing, "lost: "},
		hunt{tokenUnlogged, "twice: "},
		hunt{tokenKept, "lost: "},
	)
}

// Without fencing, leases are enough as long as clocks are right, no machine is paused, and no message comes late.
func TestLeasesWithoutFencing(t *testing.T) {
	plan := sim.Plan{For: 2 * time.Second, Every: 100 * time.Millisecond, Down: 100 * time.Millisecond, Crash: 1}
	looptest.Explore(t, looptest.Sample(1, many(300)), func(ctx context.Context, t *looptest.T) {
		testLeases(plan, 1)(ctx, t, sim.New(ctx, t), noFencing)
	})
}
