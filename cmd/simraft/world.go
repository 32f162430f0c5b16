package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/takt-go/takt/cmd/simraft/kv"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A setting says what a run simulates.
type setting struct {
	nodes int
	bug   kv.Bug
	ran   *totals // if not nil, each run that passes is added
}

const (
	clients = 3
	keys    = 2
	tick    = 150 * time.Millisecond // of a node
	working = 6 * time.Second        // how long the clients work, under faults
	healing = 10 * time.Second       // how long the cluster may take to recover
)

// faults is the plan of a run: all kinds, and disks that are slow at times, and fail.
var faults = sim.Plan{
	For:   working,
	Every: 700 * time.Millisecond,
	Disk:  sim.DiskFaults{Slow: 0.01, SyncFails: 0.001},
}

// A cluster is what a test sees of the nodes.
type cluster struct {
	setting
	world    *sim.World
	machines []*sim.Node
	peers    []string
	servers  []*kv.Server   // of the last incarnations, by node; nil if the node has not recovered
	leaders  map[uint64]int // of each term
	broken   error          // there were two leaders in a term
	history  *history
}

// run simulates a cluster once: clients work while faults happen. Then the faults end, and the cluster must recover.
// What the clients have seen must be linearizable.
func (s setting) run(ctx context.Context, t *looptest.T) {
	w := sim.New(ctx, t)
	c := &cluster{
		setting: s, world: w, servers: make([]*kv.Server, s.nodes), leaders: map[uint64]int{},
		history: sim.NewHistory[request, string](w),
	}
	t.Always("one leader in a term", func() error { return c.broken })
	for i := range s.nodes {
		c.peers = append(c.peers, nodeName(i)+":7000")
	}
	for i := range s.nodes {
		node := w.Node(nodeName(i), func(ctx context.Context, h *host.Host) error { return c.boot(ctx, h, i) })
		c.machines = append(c.machines, node)
	}
	w.Faults(ctx, faults)
	var working []*task.Task[struct{}]
	for i := range clients {
		name := "client" + strconv.Itoa(i+1)
		working = append(working, task.Go(ctx, task.Void(func(ctx context.Context) error {
			return c.client(ctx, i, w.Host(name))
		}), task.Named(name)))
	}
	if err := task.Gather(working...).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	w.Quiet(ctx)
	last := kv.NewClient(w.Host("last"), c.peers)
	defer last.Close()
	n := 0
	w.Eventually(ctx, healing, func() error {
		n++
		return c.do(ctx, clients, last, request{"append", key(0), fmt.Sprintf("<last.%d>", n)})
	})
	w.Eventually(ctx, healing, c.agree)
	for i := range keys {
		w.Eventually(ctx, healing, func() error { return c.do(ctx, clients, last, request{"get", key(i), ""}) })
	}
	if err := linearizable(c.history); err != nil {
		t.Log(err)
		t.Fatal("the history is not linearizable") // the same text for each such failure, which helps to minimise
	}
	s.ran.add(len(c.history.Operations()), len(c.leaders), elapsed(ctx))
}

// elapsed returns the time since the beginning of the run.
func elapsed(ctx context.Context) time.Duration {
	l, _ := loop.FromContext(ctx)
	return l.Elapsed()
}

func nodeName(i int) string { return string(rune('a' + i)) }
func key(i int) string      { return string(rune('x' + i)) }

// boot is the program of a node.
func (c *cluster) boot(ctx context.Context, h *host.Host, node int) error {
	c.servers[node] = nil
	s, err := kv.Open(ctx, h, kv.Config{
		Peers: c.peers, ID: node + 1, Dir: ".", Tick: tick, ElectionTicks: 5, Checkpoint: 16, Bug: c.bug,
		Elected: func(term uint64) { c.elected(node, term) },
	})
	if err != nil {
		return err
	}
	c.servers[node] = s
	return s.Serve(ctx)
}

// elected notes that a node has become the leader of a term.
func (c *cluster) elected(node int, term uint64) {
	if before, ok := c.leaders[term]; ok && before != node {
		c.broken = fmt.Errorf("nodes %q and %q are both leaders of term %d", nodeName(before), nodeName(node), term)
	}
	c.leaders[term] = node
}

// client sends requests until the time is over. When each request begins, and what it asks for, does not depend on how long
// the ones before took. So if a fault is left out, what comes later stays almost the same, and schedules can be minimised.
func (c *cluster) client(ctx context.Context, number int, h *host.Host) error {
	client := kv.NewClient(h, c.peers)
	client.Try = 500 * time.Millisecond
	defer client.Close()
	at := time.Duration(0)
	for n := 0; ; n++ {
		at += time.Duration(50+h.Rand.IntN(700)) * time.Millisecond
		if at > working {
			return nil
		}
		if err := task.Sleep(ctx, at-elapsed(ctx)); err != nil {
			return err
		}
		err := c.do(ctx, number, client, choose(h.Rand, fmt.Sprintf("<%d.%d>", number, n)))
		if err != nil && !errors.Is(err, kv.ErrRefused) && !errors.Is(err, kv.ErrUnknown) {
			return err
		}
	}
}

// choose draws a request.
func choose(r *rand.Rand, value string) request {
	q := request{"get", key(r.IntN(keys)), ""}
	switch r.IntN(5) {
	case 0:
		q.op, q.value = "put", value
	case 1, 2:
		q.op, q.value = "append", value
	}
	return q
}

// do sends a request, and records it in the history.
func (c *cluster) do(ctx context.Context, number int, client *kv.Client, q request) error {
	call := c.history.Begin(ctx, number, q)
	var out string
	var err error
	switch q.op {
	case "put":
		err = client.Put(ctx, q.key, q.value)
	case "append":
		err = client.Append(ctx, q.key, q.value)
	default:
		out, err = client.Get(ctx, q.key)
	}
	switch {
	case err == nil:
		call.Return(out)
	case errors.Is(err, kv.ErrRefused):
		call.LeaveOut()
	default:
		call.Unknown()
	}
	return err
}

// agree returns nil if all nodes have the same state. First it starts the nodes that are down: a disk that failed before
// Quiet may have ended a program after Quiet.
func (c *cluster) agree() error {
	for _, m := range c.machines {
		m.Start()
	}
	for i, s := range c.servers {
		switch {
		case s == nil:
			return fmt.Errorf("node %q has not recovered", nodeName(i))
		case s.Applied() != c.servers[0].Applied():
			return fmt.Errorf("node %q has applied entry %d, and node %q entry %d", nodeName(i), s.Applied(), nodeName(0), c.servers[0].Applied())
		case !s.Agrees(c.servers[0]):
			return fmt.Errorf("after entry %d the states of nodes %q and %q differ", s.Applied(), nodeName(i), nodeName(0))
		}
	}
	return nil
}
