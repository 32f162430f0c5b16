package looptest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// Bugs of shutting down and of connecting again.

// A server that shut down waited until no connection was active. A connection that it had accepted
// became active a little later. In between the server saw no active connection, and its shutdown
// returned. Then the handler of that connection ran, without the database.
func acceptedDuringShutdown(ctx context.Context, t *looptest.T, fixed bool) {
	listener := queue.New[string](0)
	var handlers []*task.Task[none]
	active, databaseOpen, shuttingDown := 0, true, false
	var quiet lock.Event
	accept := spawn(ctx, "accept", func(ctx context.Context) error {
		for name, err := range listener.All(ctx) {
			must(t, err)
			if shuttingDown {
				break
			}
			if fixed {
				active++
			}
			handlers = append(handlers, spawn(ctx, "handler of "+name, func(ctx context.Context) error {
				if !fixed {
					active++
				}
				for range 2 {
					if !databaseOpen {
						t.Errorf("%s is handled after the shutdown", name)
					}
					pauses(ctx, 1)
				}
				if active--; active == 0 {
					quiet.Set()
				}
				return nil
			}))
		}
		return nil
	})
	client := func(ctx context.Context) {
		for _, name := range []string{"a", "b", "c"} {
			_ = listener.Put(ctx, name) // fails after the shutdown
			pauses(ctx, 5)
		}
	}
	shutDown := func(ctx context.Context) {
		shuttingDown = true
		listener.Shutdown(true)
		for active > 0 {
			quiet.Clear()
			must(t, quiet.Wait(ctx))
		}
		databaseOpen = false
	}
	together(ctx, t, client, after(18, shutDown))
	must(t, accept.Wait(ctx))
	for _, h := range handlers {
		must(t, h.Wait(ctx))
	}
}

// A worker waited for a message or for the end, whichever came first, in a loop. It began to wait for
// the end anew in each round. The program announced the end to all waiting workers. A worker that was
// handling a message did not wait just then, and never ended.
func endAnnouncedDuringWork(ctx context.Context, t *looptest.T, fixed bool) {
	var waiting []*future.Future[none]
	notified := func(ctx context.Context) *future.Future[none] {
		f := future.New[none](ctx)
		waiting = append(waiting, f)
		return f
	}
	announce := func(context.Context) {
		for _, f := range waiting {
			_ = f.SetResult(none{}) // the worker may have given it up
		}
		waiting = nil
	}
	messages := queue.New[int](0)
	worker := func() part {
		end := notified(ctx)
		return func(ctx context.Context) {
			for ended := false; !ended; {
				if !fixed {
					end = notified(ctx)
				}
				message := messages.Getting(ctx)
				_, _, err := task.Wait[future.Any](ctx, task.NoLimit, task.FirstCompleted, message, end)
				must(t, err)
				if ended = end.Done(); !ended && !fixed {
					end.Cancel(nil)
				}
				if message.Done() || !message.Cancel(nil) {
					pauses(ctx, 2) // handles it
				}
			}
		}
	}
	program := func(ctx context.Context) {
		for message := range 4 {
			must(t, messages.Put(ctx, message))
			pauses(ctx, 4)
		}
	}
	together(ctx, t, worker(), worker(), program, after(20, announce))
}

// A client queued commands while it was offline. When it was online again, it emptied the queue, and
// sent the commands one by one. The connection was lost again in the middle. The rest of the commands
// was neither sent nor in the queue.
func lostBetweenTwoConnections(ctx context.Context, t *looptest.T, fixed bool) {
	var offline, received []int
	online := false
	generation := 0 // of the connection
	send := func(ctx context.Context, command int) error {
		sentBy := generation
		pauses(ctx, 1) // the network
		if !online || sentBy != generation {
			return errors.New("connection lost")
		}
		received = append(received, command)
		return nil
	}
	flushing := false
	flush := func(ctx context.Context) {
		if flushing {
			return
		}
		flushing = true
		defer func() { flushing = false }()
		for online && len(offline) > 0 {
			commands := offline
			offline = nil
			for at, command := range commands {
				if send(ctx, command) == nil {
					continue
				}
				if fixed {
					offline = append(commands[at:len(commands):len(commands)], offline...)
					break
				}
			}
		}
	}
	program := func(ctx context.Context) {
		for command := range 5 {
			offline = append(offline, command)
			flush(ctx)
			pauses(ctx, 2)
		}
	}
	connect := func(ctx context.Context) {
		online = true
		generation++
		flush(ctx)
	}
	network := func(ctx context.Context) {
		pauses(ctx, 7)
		connect(ctx)
		pauses(ctx, 9)
		online = false
		pauses(ctx, 1)
		connect(ctx)
	}
	together(ctx, t, program, network)
	flush(ctx)
	if !slices.Equal(received, []int{0, 1, 2, 3, 4}) {
		t.Errorf("the server received %v", received)
	}
}

// A page opened a socket to another address, and closed the one it had. The handler of the closing ran
// late. It set the state of the page to closed, and forgot the socket: the new one, which was open.
func oldSocketForgetsNew(ctx context.Context, t *looptest.T, fixed bool) {
	type socket struct {
		address string
		closing lock.Event
	}
	var current, last *socket
	var handlers []*task.Task[none]
	open := func(ctx context.Context, address string) {
		if current != nil {
			current.closing.Set()
		}
		s := &socket{address: address}
		current, last = s, s
		handlers = append(handlers, spawn(ctx, address, func(ctx context.Context) error {
			must(t, s.closing.Wait(ctx))
			must(t, task.Sleep(ctx, 100*time.Millisecond)) // the server answers the goodbye
			if !fixed || current == s {
				current = nil
			}
			return nil
		}))
		must(t, task.Sleep(ctx, 200*time.Millisecond)) // the server answers the hello
		current = s                                    // the state is open now
	}
	page := func(ctx context.Context) {
		for _, address := range []string{"/news", "/sports", "/weather"} {
			open(ctx, address)
			must(t, task.Sleep(ctx, time.Second))
			if current == nil || current.address != address {
				t.Errorf("the page has lost its socket to %s", address)
			}
		}
	}
	together(ctx, t, page)
	last.closing.Set()
	for _, h := range handlers {
		must(t, h.Wait(ctx))
	}
}
