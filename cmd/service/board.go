package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
)

// patience is how long a request waits for a message.
const patience = 30 * time.Second

// A board has messages, numbered from 1. Only tasks of its loop touch it.
type board struct {
	messages []string
	said     lock.Event
}

// say adds a message, wakes the tasks that wait for it, and returns its number.
func (b *board) say(text string) int {
	b.messages = append(b.messages, text)
	b.said.Set()
	b.said.Clear()
	return len(b.messages)
}

// next returns the message after a number. It waits until there is one.
func (b *board) next(ctx context.Context, after int) (string, error) {
	return task.Within(ctx, patience, func(ctx context.Context) (string, error) {
		for len(b.messages) <= after {
			if err := b.said.Wait(ctx); err != nil {
				return "", err
			}
		}
		return b.messages[after], nil
	})
}

// newBoard makes the handler of a board that belongs to l.
func newBoard(l *loop.Loop) http.Handler {
	b := new(board)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /say", func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1000))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, req, l, func(context.Context) (string, error) { return strconv.Itoa(b.say(string(text))), nil })
	})
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, req *http.Request) {
		after, err := strconv.Atoi(req.FormValue("after"))
		if err != nil || after < 0 {
			http.Error(w, "after is the number of the message before, or 0", http.StatusBadRequest)
			return
		}
		answer(w, req, l, func(ctx context.Context) (string, error) { return b.next(ctx, after) })
	})
	return mux
}

// answer answers a request by what body returns, which runs as a task of l. If the client goes away, the
// task is canceled.
func answer(w http.ResponseWriter, req *http.Request, l *loop.Loop, body func(context.Context) (string, error)) {
	ctx := req.Context()
	text, err := task.Submit(ctx, l, body, task.Named(req.Method+" "+req.URL.Path)).Wait(ctx)
	switch {
	case err == nil:
		fmt.Fprintln(w, text)
	case errors.Is(err, context.DeadlineExceeded):
		w.WriteHeader(http.StatusNoContent)
	default: // the program ends
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}
