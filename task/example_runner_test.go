package task_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
)

// The handlers of a server run on many goroutines. They submit bodies to one loop, whose tasks
// alone touch the state of the server. Ctrl-C ends the server first, so that no more requests come,
// and then the loop.
func ExampleStart() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	r := task.Start()
	visits := 0 // no lock: only tasks of the loop touch it
	visit := func(ctx context.Context) (int, error) {
		visits++
		return visits, task.Yield(ctx)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n, err := task.Submit(req.Context(), r.Loop(), visit).Wait(req.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "visit %d", n)
	})}
	network := make(pipes) // stands for net.Listen
	go func() { _ = server.Serve(network) }()

	client := &http.Client{Transport: &http.Transport{DialContext: network.dial}}
	for range 2 {
		answer, err := client.Get("http://counter/")
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		fmt.Println(answer.Status, string(text))
	}

	stop() // stands for Ctrl-C
	<-ctx.Done()
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client.CloseIdleConnections()
	fmt.Println(server.Shutdown(limit))
	fmt.Println(r.Stop(limit))
	// Output:
	// 200 OK visit 1
	// 200 OK visit 2
	// <nil>
	// <nil>
}

// pipes is a network inside of the program.
type pipes chan net.Conn

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours, nil
}

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// The error of Stop names the tasks that have not cleaned up in time.
func ExampleRunner_Stop() {
	r := task.Start()
	began := make(chan struct{})
	task.Submit(context.Background(), r.Loop(), task.Void(func(ctx context.Context) error {
		close(began)
		for !r.Loop().Closed() { // the body ignores the cancellation
			_ = future.New[int](ctx).Wait(ctx)
		}
		return nil
	}), task.Named("stubborn"))
	<-began

	limit, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := r.Stop(limit)
	fmt.Println(err)
	// Output:
	// task: the loop was closed before these tasks had ended:
	// 	stubborn awaits a future
	// context deadline exceeded
}
