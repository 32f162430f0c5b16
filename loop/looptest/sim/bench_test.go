package sim_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// gossip is a program that sends 16 bytes to each peer every 10 ms, and counts what it gets.
func gossip(peers []string, got *int) func(ctx context.Context, h *host.Host) error {
	return func(ctx context.Context, h *host.Host) error {
		ln, err := h.Net.Listen(ctx, "tcp", ":7000")
		if err != nil {
			return err
		}
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			for _, peer := range peers {
				if peer != h.Name {
					_ = g.Go(func(ctx context.Context) error { return tell(ctx, h, peer+":7000") })
				}
			}
			for {
				c, err := ln.Accept(ctx)
				if err != nil {
					return err
				}
				_ = g.Go(func(context.Context) error {
					defer c.Close()
					for p := make([]byte, 16); ; *got++ {
						if _, err := io.ReadFull(c, p); err != nil {
							return nil
						}
					}
				})
			}
		})
	}
}

func tell(ctx context.Context, h *host.Host, peer string) error {
	for message := make([]byte, 16); ; {
		c, err := h.Net.Dial(ctx, "tcp", peer)
		for err == nil {
			if _, err = c.Write(message); err == nil {
				err = task.Sleep(ctx, 10*time.Millisecond)
			}
		}
		if c != nil {
			_ = c.Close()
		}
		if err := task.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// BenchmarkGossip runs three nodes for 8 virtual seconds. One of them crashes after 3 s, and starts again after 4 s.
func BenchmarkGossip(b *testing.B) {
	b.ReportAllocs()
	got := 0
	looptest.Explore(b, looptest.Sample(1, b.N), func(ctx context.Context, t *looptest.T) {
		w := sim.New(ctx, t)
		w.SetLink("", "", sim.Link{Latency: time.Millisecond})
		names := []string{"a", "b", "c"}
		var nodes []*sim.Node
		for _, name := range names {
			nodes = append(nodes, w.Node(name, gossip(names, &got)))
		}
		_ = task.Sleep(ctx, 3*time.Second)
		nodes[1].Crash()
		_ = task.Sleep(ctx, time.Second)
		nodes[1].Start()
		_ = task.Sleep(ctx, 4*time.Second)
	}, looptest.MaxSteps(1<<20))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(float64(got)/float64(b.N), "messages/run")
}
