package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/queue"
)

// A chat with one room, in which each client hears the lines of the others. cmd/chat is a larger one.
func ExampleServe() {
	var room []*queue.Queue[string] // the lines to write, a queue for each client
	chat := func(ctx context.Context, c *host.Conn) error {
		mine := queue.New[string](100)
		room = append(room, mine)
		defer func() { room = slices.DeleteFunc(room, func(q *queue.Queue[string]) bool { return q == mine }) }()
		write := func(ctx context.Context) error {
			for line, err := range mine.All(ctx) {
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintln(c, line); err != nil {
					return err
				}
			}
			return nil
		}
		return task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			if err := g.Go(write); err != nil {
				return err
			}
			_ = mine.TryPut("welcome")
			r := host.NewReader(c)
			for {
				line, err := task.Within(ctx, time.Hour, r.ReadLine) // a silent client has to leave
				if err != nil {
					return err // io.EOF when the client leaves
				}
				for _, other := range room {
					if other != mine {
						_ = other.TryPut(line) // a client that reads too slowly misses lines
					}
				}
			}
		})
	}

	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		network := host.System().Net
		ln, err := network.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		server := task.Go(ctx, task.Void(func(ctx context.Context) error { return host.Serve(ctx, ln, chat, host.WithGrace(0)) }))
		join := func() *bufio.ReadWriter {
			c, err := network.Dial(ctx, "tcp", ln.Addr().String())
			if err != nil {
				panic(err)
			}
			r := bufio.NewReader(c)
			_, _ = r.ReadString('\n') // welcome
			return bufio.NewReadWriter(r, bufio.NewWriter(c))
		}
		ann, bob := join(), join()
		_, _ = ann.WriteString("hello\n")
		_ = ann.Flush()
		line, err := bob.ReadString('\n')
		fmt.Printf("bob hears %q, %v\n", line, err)

		server.Cancel(nil) // in a program, the context of Run ends: see cmd/chat
		fmt.Println("the server was canceled:", errors.Is(server.Wait(ctx), future.ErrCanceled))
		return 0, nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// bob hears "hello\n", <nil>
	// the server was canceled: true
}

// A server whose connections stay open between requests ends the idle ones when it shuts down, and lets the others
// answer their last request.
func ExampleIdle() {
	handle := func(ctx context.Context, c *host.Conn) error {
		r := host.NewReader(c)
		for {
			err := host.Idle(ctx, func(ctx context.Context) error {
				_, err := r.Peek(ctx, 1)
				return err
			})
			if err != nil {
				return err // host.ErrDraining, or io.EOF: Serve reports neither
			}
			request, err := r.ReadLine(ctx)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(c, "answer to", request); err != nil {
				return err
			}
		}
	}
	_ = handle // for host.Serve
}
