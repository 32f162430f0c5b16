// Command service is a board of messages, served by HTTP. It shows how a loop lives inside of a program
// of goroutines: net/http makes a goroutine for each request, errgroup runs what the program is made of,
// and Ctrl-C ends all of it. The messages belong to a loop, so they need no mutex, and a request that
// waits for the next message is a task that is suspended.
//
//	go run . &
//	curl -d 'hello' localhost:8080/say
//	curl 'localhost:8080/next?after=0'
//
// It is a module of its own, since errgroup is a module that takt does not need.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/takt-go/takt/task"
)

// grace is how long requests and tasks may take to end.
const grace = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	listener, err := net.Listen("tcp", "localhost:8080")
	if err == nil {
		fmt.Println("serving on", listener.Addr())
		err = serve(ctx, listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve serves the board on a listener until ctx ends, or something fails.
func serve(ctx context.Context, listener net.Listener) error {
	runner := task.Start()
	server := &http.Server{Handler: newBoard(runner.Loop())}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(runner.Wait) // which fails if a task ends the loop

	// When ctx ends, the server takes no more connections, and the tasks are canceled, so that requests
	// that wait are answered. Each has the same time for that.
	atTheEnd := func(end func(context.Context) error) {
		group.Go(func() error {
			<-ctx.Done()
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			return end(limit)
		})
	}
	atTheEnd(server.Shutdown)
	atTheEnd(runner.Stop)
	return group.Wait()
}
