package looptest_test

import (
	"context"
	"slices"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// Bugs of subscriptions, and of writers that wait for room.

// A client showed a list that a server kept. It asked for the list, and then subscribed to changes. A
// change between the two was in neither, and the list of the client stayed wrong.
func changedBeforeSubscribed(ctx context.Context, t *looptest.T, fixed bool) {
	type change struct{ version, item int }
	var items []int
	version := 0
	var subscribers []*queue.Queue[change]
	server := func(ctx context.Context) {
		for _, item := range []int{5, 8, 9} {
			items = append(items, item)
			version++
			for _, s := range subscribers {
				must(t, s.Put(ctx, change{version, item}))
			}
			pauses(ctx, 9)
		}
		for _, s := range subscribers {
			s.Shutdown(false)
		}
	}
	subscribe := func(ctx context.Context) *queue.Queue[change] {
		pauses(ctx, 1)
		s := queue.New[change](0)
		subscribers = append(subscribers, s)
		pauses(ctx, 1)
		return s
	}
	list := func(ctx context.Context) (shown []int, at int) {
		pauses(ctx, 1)
		shown, at = slices.Clone(items), version
		pauses(ctx, 1)
		return shown, at
	}
	client := func(ctx context.Context) {
		var changes *queue.Queue[change]
		if fixed {
			changes = subscribe(ctx)
		}
		shown, at := list(ctx)
		if !fixed {
			changes = subscribe(ctx)
		}
		if version == 3 { // the server adds nothing more
			changes.Shutdown(false)
		}
		for c, err := range changes.All(ctx) {
			must(t, err)
			if c.version > at {
				shown = append(shown, c.item)
			}
		}
		if !slices.Equal(shown, items) {
			t.Errorf("the list is %v, and the client shows %v", items, shown)
		}
	}
	together(ctx, t, server, after(3, client), after(12, client))
}

// A registry sent messages to the channels of its subscribers, and got commands by a channel of its own.
// A subscriber stopped reading, and asked the registry to be removed. The registry was just waiting
// for room in the channel of this subscriber, and so never read the command.
func unsubscribedWhileFull(ctx context.Context, t *looptest.T, fixed bool) {
	type command struct {
		message string
		remove  *queue.Queue[string]
	}
	commands := queue.New[command](1)
	var subscribers []*queue.Queue[string]
	registry := spawn(ctx, "registry", func(ctx context.Context) error {
		for c, err := range commands.All(ctx) {
			must(t, err)
			if at := slices.Index(subscribers, c.remove); at >= 0 {
				subscribers = slices.Delete(subscribers, at, at+1)
				c.remove.Shutdown(false)
			}
			for _, s := range subscribers {
				if c.remove == nil {
					must(t, s.Put(ctx, c.message))
				}
			}
		}
		return nil
	})
	subscriber := func(messages int) part {
		own := queue.New[string](1)
		subscribers = append(subscribers, own)
		return func(ctx context.Context) {
			for range messages {
				_, err := own.Get(ctx)
				must(t, err)
				pauses(ctx, 1)
			}
			if fixed {
				defer spawn(ctx, "drain", func(ctx context.Context) error {
					for _, err := range own.All(ctx) {
						must(t, err)
					}
					return nil
				}).Wait(ctx)
			}
			must(t, commands.Put(ctx, command{remove: own}))
		}
	}
	publisher := func(ctx context.Context) {
		for _, m := range []string{"a", "b", "c", "d"} {
			must(t, commands.Put(ctx, command{message: m}))
			pauses(ctx, 4)
		}
	}
	together(ctx, t, subscriber(1), subscriber(3), publisher)
	commands.Shutdown(false)
	must(t, registry.Wait(ctx))
}

// A stream let its writers wait while the buffer was full. It had room for one waiting writer only. When
// two tasks wrote at the same time, the second one failed.
func twoWritersWait(ctx context.Context, t *looptest.T, fixed bool) {
	buffered, full := 0, 5
	var waiting []*future.Future[none]
	closed := false
	var filled lock.Event
	write := func(ctx context.Context, size int) {
		buffered += size
		filled.Set()
		if buffered < full {
			return
		}
		if len(waiting) > 0 && !fixed {
			t.Error("another task is already waiting for room")
		}
		room := future.New[none](ctx)
		waiting = append(waiting, room)
		must(t, room.Wait(ctx))
	}
	transport := spawn(ctx, "transport", func(ctx context.Context) error {
		for !closed || buffered > 0 {
			must(t, filled.Wait(ctx))
			filled.Clear()
			for buffered > 0 {
				must(t, task.Sleep(ctx, time.Millisecond))
				if buffered = max(0, buffered-4); buffered < full {
					for _, room := range waiting {
						must(t, room.SetResult(none{}))
					}
					waiting = nil
				}
			}
		}
		return nil
	})
	send := func(sizes ...int) part {
		return func(ctx context.Context) {
			for _, size := range sizes {
				write(ctx, size)
				must(t, task.Sleep(ctx, 10*time.Millisecond))
			}
		}
	}
	start := func(d time.Duration, body part) part {
		return func(ctx context.Context) {
			must(t, task.Sleep(ctx, d))
			body(ctx)
		}
	}
	together(ctx, t, send(3, 6, 2), start(5*time.Millisecond, send(2, 7)))
	closed = true
	filled.Set()
	must(t, transport.Wait(ctx))
}
