package kv_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/takt-go/takt/cmd/simraft/kv"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A cluster on the real network and disk of this machine: it elects a leader, takes requests, and goes on from its disks when
// it is started again.
func TestRealMachine(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for id := 1; id <= 3; id++ {
		if err := root.Mkdir(dir(id), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h := host.System(host.WithRoot(root))
	h.Log = slog.New(slog.DiscardHandler)
	peers := freeAddresses(t, 3)
	_, err = task.Run(t.Context(), task.Void(func(ctx context.Context) error {
		want := ""
		for round := range 3 {
			err := task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
				for id := 1; id <= len(peers); id++ {
					err := g.Go(func(ctx context.Context) error {
						s, err := kv.Open(ctx, h, kv.Config{
							Peers: peers, ID: id, Dir: dir(id), Tick: 10 * time.Millisecond, Checkpoint: 8,
						})
						if err != nil {
							return err
						}
						return s.Serve(ctx)
					})
					if err != nil {
						return err
					}
				}
				c := kv.NewClient(h, peers)
				c.Tries = 1000 // so no outcome is unknown, also on a machine that is busy
				defer c.Close()
				for i := range 20 {
					text := fmt.Sprint(round, ".", i, " ")
					if err := try(ctx, func() error { return c.Append(ctx, "log", text) }); err != nil {
						return err
					}
					want += text
				}
				err := try(ctx, func() error {
					got, err := c.Get(ctx, "log")
					if err == nil && got != want {
						t.Errorf("round %d: the value is %q, want %q", round, got, want)
					}
					return err
				})
				g.Cancel()
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func dir(id int) string { return fmt.Sprint("node", id) }

// try calls do again while the cluster refuses: it has no leader.
func try(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, kv.ErrRefused) {
			return err
		}
		if err := task.Sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// freeAddresses returns addresses of this machine at which nothing listens.
func freeAddresses(t *testing.T, n int) (all []string) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		all = append(all, ln.Addr().String())
	}
	return all
}
