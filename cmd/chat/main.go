// Command chat is a chat server. It listens at localhost:6060, or at the address that the option -addr gives.
// A client is any program that sends lines of text, such as nc:
//
//	go run ./cmd/chat &
//	nc localhost 6060
//
// The first line is the client's name. After that each line goes to everybody in the room. A line that begins
// with a slash is a command: /join room, /who or /quit. Ctrl-C tells the clients, and then ends the server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

func main() {
	addr := flag.String("addr", "localhost:6060", "the `address` to listen at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	_, err := task.Run(ctx, task.Void(func(ctx context.Context) error { return serve(ctx, host.System(), *addr) }))
	if !errors.Is(err, context.Canceled) { // not Ctrl-C
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve serves the chat until ctx ends.
func serve(ctx context.Context, h *host.Host, addr string) error {
	ln, err := h.Net.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	h.Log.Info("listening", "addr", ln.Addr().String())
	report := func(err error) { h.Log.Error("failed", "err", err) }
	return host.Serve(ctx, ln, newChat(h.Log).handle, host.WithGrace(5*time.Second), host.WithErrorHandler(report))
}

// newChat makes a chat without rooms.
func newChat(log *slog.Logger) *chat {
	return &chat{log: log, names: map[string]bool{}, rooms: map[string][]*client{}}
}
