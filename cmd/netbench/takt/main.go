// Command takt has the servers of the workloads on tasks: see load.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/queue"
)

func main() {
	rooms := chat{}
	handle := map[string]func(context.Context, *host.Conn) error{"echo": echo, "chat": rooms.serve}[os.Args[len(os.Args)-1]]
	if handle == nil {
		os.Exit(3)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	_, err := task.Run(ctx, task.Void(func(ctx context.Context) error {
		ln, err := host.System().Net.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println("port", ln.Addr().(*net.TCPAddr).Port)
		return host.Serve(ctx, ln, handle)
	}))
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func echo(_ context.Context, c *host.Conn) error {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return nil
		}
	}
}

type member struct{ lines *queue.Queue[string] }

// chat has the members of each room, in the order in which they came.
type chat map[string][]*member

func (rooms chat) serve(ctx context.Context, c *host.Conn) error {
	in := host.NewReader(c)
	name, err := in.ReadLine(ctx)
	if err != nil {
		return nil
	}
	me := &member{queue.New[string](64)}
	rooms[name] = append(rooms[name], me)
	defer func() {
		rooms[name] = slices.DeleteFunc(rooms[name], func(m *member) bool { return m == me })
	}()
	return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
		defer me.lines.Shutdown(true) // ends the task that writes
		err := g.Go(func(ctx context.Context) error {
			for line, err := range me.lines.All(ctx) {
				if err != nil {
					return err
				}
				if _, err := io.WriteString(c, line); err != nil {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		_ = me.lines.TryPut("welcome\n")
		for {
			line, err := in.ReadLine(ctx)
			if err != nil {
				return nil
			}
			line += "\n"
			for _, m := range rooms[name] {
				if m != me {
					_ = m.lines.TryPut(line) // a slow reader loses it
				}
			}
		}
	})
}
