package sim_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/lock"
)

// The flaws of the commit.
const (
	sentBeforeLogged flaw = "the decision is sent before it is logged"
	decisionUnsynced flaw = "the decision is sent before the log is synced"
	voteUnsynced     flaw = "a vote is sent before the log is synced"
	impatient        flaw = "a participant that has voted yes gives up when the coordinator does not answer"
	silenceIsYes     flaw = "a participant that does not answer counts as a yes"
	forgetsAborts    flaw = "the coordinator says abort of what is not decided yet"
)

// A coordinator decides transactions. All participants vote. A commit is logged before anybody hears of it. A
// transaction that is neither open nor in the log was aborted.
type coordinator struct {
	h      *host.Host
	flaw   flaw
	one    lock.Mutex // one record at a time
	log    *wal
	open   map[string]bool
	commit map[string]bool
}

var participants = []string{"p:7000", "q:7000"}

func runCoordinator(f flaw) program {
	return func(ctx context.Context, h *host.Host) error {
		c := &coordinator{h: h, flaw: f, open: map[string]bool{}, commit: map[string]bool{}}
		log, ids, err := openWAL(ctx, h.FS, "log", "")
		if err != nil {
			return err
		}
		if f == decisionUnsynced {
			log.flaw = ackEarly
		}
		c.log = log
		for _, id := range ids {
			c.commit[id] = true
		}
		return answers(ctx, h, c.answer)
	}
}

func (c *coordinator) answer(ctx context.Context, command string, args []string) (string, error) {
	id := args[0]
	if command == "begin" {
		return c.decide(ctx, id)
	}
	switch { // a participant asks for the outcome
	case c.commit[id]:
		return "commit", nil
	case c.open[id] && c.flaw != forgetsAborts:
		return "wait", nil
	}
	return "abort", nil
}

func (c *coordinator) decide(ctx context.Context, id string) (string, error) {
	c.open[id] = true
	yes := 0
	for _, answer := range c.tell(ctx, "prepare", id) {
		if answer == "yes" || answer == "" && c.flaw == silenceIsYes {
			yes++
		}
	}
	if yes < len(participants) {
		delete(c.open, id)
		c.tell(ctx, "abort", id)
		return "abort", nil
	}
	if c.flaw == sentBeforeLogged {
		c.tell(ctx, "commit", id)
	}
	if err := c.one.Lock(ctx); err != nil {
		return "", err
	}
	defer c.one.Unlock()
	if err := c.log.add(ctx, id); err != nil {
		return "", err
	}
	c.commit[id] = true
	delete(c.open, id)
	c.tell(ctx, "commit", id)
	return "commit", nil
}

// tell tells all participants, and returns their answers. The answer of a participant that does not answer in time is "".
func (c *coordinator) tell(ctx context.Context, what, id string) []string {
	answers := make([]string, len(participants))
	_ = task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
		for i, addr := range participants {
			_ = g.Go(func(ctx context.Context) (err error) {
				answers[i], err = call(ctx, c.h, addr, 200*time.Millisecond, "%s %s", what, id)
				if loop.IsCanceled(err) {
					return err
				}
				return nil
			})
		}
		return nil
	})
	return answers
}

// A participant votes. When it has voted yes, it can do what is decided, also after a crash.
type participant struct {
	h     *host.Host
	flaw  flaw
	one   lock.Mutex // one record at a time
	log   *wal
	state map[string]string // prepared, commit or abort
}

func runParticipant(f flaw) program {
	return func(ctx context.Context, h *host.Host) error {
		log, texts, err := openWAL(ctx, h.FS, "log", "")
		if err != nil {
			return err
		}
		if f == voteUnsynced {
			log.flaw = ackEarly
		}
		p := &participant{h: h, flaw: f, log: log, state: map[string]string{}}
		for _, text := range texts {
			state, id, _ := strings.Cut(text, " ")
			p.state[id] = state
		}
		task.Go(ctx, task.Void(p.resolve), task.Named(h.Name+" resolves"))
		return answers(ctx, h, p.answer)
	}
}

func (p *participant) answer(ctx context.Context, command string, args []string) (string, error) {
	if command == "outcomes" {
		var all []string
		for _, id := range slices.Sorted(maps.Keys(p.state)) {
			all = append(all, id+"="+p.state[id])
		}
		return strings.Join(all, " "), nil
	}
	id := args[0]
	if command != "prepare" {
		return "done", p.finish(ctx, id, command)
	}
	if p.state[id] == "" && p.h.Rand.IntN(5) > 0 {
		if err := p.note(ctx, id, "", "prepared"); err != nil {
			return "", err
		}
	}
	if p.state[id] == "prepared" {
		return "yes", nil
	}
	return "no", nil
}

// finish does what was decided. It can commit only what is prepared.
func (p *participant) finish(ctx context.Context, id, outcome string) error {
	return p.note(ctx, id, "prepared", outcome)
}

// note changes the state of a transaction, if it is from.
func (p *participant) note(ctx context.Context, id, from, to string) error {
	if err := p.one.Lock(ctx); err != nil {
		return err
	}
	defer p.one.Unlock()
	if p.state[id] != from {
		return nil
	}
	if err := p.log.add(ctx, to+" "+id); err != nil {
		return err
	}
	p.state[id] = to
	return nil
}

// resolve asks the coordinator again and again what has become of the prepared transactions.
func (p *participant) resolve(ctx context.Context) error {
	for {
		if err := task.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(p.state)) {
			if p.state[id] != "prepared" {
				continue
			}
			outcome, err := call(ctx, p.h, "c:7000", 200*time.Millisecond, "ask %s", id)
			switch {
			case loop.IsCanceled(err):
				return err
			case err != nil && p.flaw == impatient:
				outcome = "abort"
			case err != nil || outcome == "wait":
				continue
			}
			if err := p.finish(ctx, id, outcome); err != nil {
				return err
			}
		}
	}
}

func testCommit(ctx context.Context, t *looptest.T, w *sim.World, f flaw) {
	w.Node("c", runCoordinator(f))
	w.Node("p", runParticipant(f))
	w.Node("q", runParticipant(f))
	w.Faults(ctx, sim.Plan{
		For: 500 * time.Millisecond, Every: 50 * time.Millisecond, Down: 100 * time.Millisecond,
		Crash: 2, Partition: 1, Cut: 1, Net: sim.NetFaults{Loss: 0.01},
	})
	told := map[string]string{} // what clients were told
	var clients []*task.Task[none]
	for i := range 2 {
		h := w.Host("client")
		clients = append(clients, spawn(ctx, fmt.Sprint("client ", i), func(ctx context.Context) error {
			for n := range 15 {
				id := fmt.Sprintf("%d-%02d", i, n)
				told[id], _ = call(ctx, h, "c:7000", 500*time.Millisecond, "begin %s", id)
				if err := task.Sleep(ctx, 10*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	if err := task.Gather(clients...).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	w.Quiet(ctx)
	var outcomes [2]map[string]string
	w.Eventually(ctx, 10*time.Second, func() error {
		for i, addr := range participants {
			line, err := call(ctx, w.Host("client"), addr, time.Second, "outcomes")
			if err != nil {
				return err
			}
			outcomes[i] = map[string]string{}
			for _, one := range strings.Fields(line) {
				id, outcome, _ := strings.Cut(one, "=")
				if outcomes[i][id] = outcome; outcome == "prepared" {
					return fmt.Errorf("transaction %s is not decided at %s", id, addr)
				}
			}
		}
		return nil
	})
	committed := 0
	for _, id := range slices.Sorted(maps.Keys(told)) {
		p, q := outcomes[0][id] == "commit", outcomes[1][id] == "commit"
		if p != q || p && told[id] == "abort" || !p && told[id] == "commit" {
			t.Fatalf("split: transaction %s: p has %q, q has %q, the client was told %q", id, outcomes[0][id], outcomes[1][id], told[id])
		}
		if p {
			committed++
		}
	}
	t.Sometimes("five transactions are committed", committed >= 5)
	t.Sometimes("a client is told nothing", slices.Contains(slices.Collect(maps.Values(told)), ""))
}

func TestTwoPhaseCommit(t *testing.T) {
	huntAll(t, 300, testCommit,
		hunt{sentBeforeLogged, "split: "},
		hunt{decisionUnsynced, "split: "},
		hunt{voteUnsynced, "split: "},
		hunt{impatient, "split: "},
		hunt{silenceIsYes, "split: "},
		hunt{forgetsAborts, "split: "},
	)
}
