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

// Bugs of pools of connections.

// A connector counts the connections in use. A request that finds no free connection waits in line.
type connector struct {
	used, limit int
	line        []*future.Future[none]
	barging     bool // a request may take a free connection although others wait
	recheck     bool // a request that was woken looks again for a free connection
	passOn      bool // a request that was woken and gives up wakes the next one
}

func (c *connector) acquire(ctx context.Context) error {
	for wait := c.used >= c.limit || !c.barging && len(c.line) > 0; wait; wait = c.recheck && c.used >= c.limit {
		turn := future.New[none](ctx)
		c.line = append(c.line, turn)
		if err := turn.Wait(ctx); err != nil {
			if at := slices.Index(c.line, turn); at >= 0 {
				c.line = slices.Delete(c.line, at, at+1)
			} else if c.passOn && c.used < c.limit {
				c.wake()
			}
			return err
		}
	}
	c.used++
	return nil
}

func (c *connector) release() {
	c.used--
	c.wake()
}

func (c *connector) wake() {
	for len(c.line) > 0 {
		first := c.line[0]
		c.line = c.line[1:]
		if first.SetResult(none{}) == nil {
			return
		}
	}
}

// A pool of connections had a limit. A connection was released, and this woke the first waiting
// request. That request reached its time limit before it went on. It failed, and no code woke the
// next request. So the other requests waited for ever beside a free connection.
func wokenAndTimedOut(ctx context.Context, t *looptest.T, fixed bool) {
	c := connector{limit: 1, recheck: true, passOn: fixed}
	request := func(ctx context.Context, limit time.Duration) error {
		if err := task.Timeout(ctx, limit, func(ctx context.Context, _ *task.Deadline) error { return c.acquire(ctx) }); err != nil {
			return err
		}
		defer c.release()
		return task.Sleep(ctx, 2*time.Second) // the server answers
	}
	patient := func(ctx context.Context) { must(t, request(ctx, task.NoLimit)) }
	hasty := func(ctx context.Context) { _ = request(ctx, 3*time.Second) }
	together(ctx, t, patient, hasty, patient)
}

// A pool had a limit. A released connection woke a waiting request. Before that request went on, a
// new request found the connection free and took it. The woken request did not look again, and
// opened one connection more than the limit allows.
func oneConnectionTooMany(ctx context.Context, t *looptest.T, fixed bool) {
	c := connector{limit: 2, barging: true, recheck: fixed}
	requests := func(start int, lengths ...int) part {
		return func(ctx context.Context) {
			pauses(ctx, start)
			for _, length := range lengths {
				must(t, c.acquire(ctx))
				if c.used > c.limit {
					t.Errorf("%d connections, and the limit is %d", c.used, c.limit)
				}
				pauses(ctx, length)
				c.release()
				pauses(ctx, 2)
			}
		}
	}
	together(ctx, t, requests(0, 4, 3), requests(0, 3, 4), requests(1, 2, 2), requests(8, 2))
}

// A pool kept a list of requests that waited. It took the first one from the list, tested a
// connection for it, and handed the connection over. If the request had reached its time limit during
// the test, nothing took the connection, and it was gone for good.
func connectionForNobody(ctx context.Context, t *looptest.T, fixed bool) {
	var line []*future.Future[int]
	idle := queue.New[int](0)
	var arrived, closed lock.Event
	serve := spawn(ctx, "pool", func(ctx context.Context) error {
		for {
			for len(line) == 0 {
				if closed.IsSet() {
					return nil
				}
				arrived.Clear()
				must(t, arrived.Wait(ctx))
			}
			request := line[0]
			line = line[1:]
			conn, err := idle.Get(ctx)
			must(t, err)
			must(t, task.Sleep(ctx, time.Second)) // tests the connection
			if request.SetResult(conn) != nil && fixed {
				must(t, idle.Put(ctx, conn))
			}
		}
	})
	query := func(ctx context.Context) {
		request := future.New[int](ctx)
		line = append(line, request)
		arrived.Set()
		conn, err := task.Within(ctx, 5*time.Second, request.Await)
		if err == nil {
			must(t, task.Sleep(ctx, time.Second)) // uses it
		} else if late, none := request.Result(); none == nil {
			conn = late
		} else {
			return
		}
		must(t, idle.Put(ctx, conn))
	}
	must(t, idle.Put(ctx, 1))
	together(ctx, t, query, query)
	closed.Set()
	arrived.Set()
	must(t, serve.Wait(ctx))
	if idle.Len() != 1 {
		t.Errorf("%d connections in the pool, want 1", idle.Len())
	}
}

// A pool closed connections that were idle for long. The cleanup task found such a connection, and
// closed it a little later. In between a request took the same connection from the list, because the
// connection was still in it.
func reapedInUse(ctx context.Context, t *looptest.T, fixed bool) {
	type connection struct {
		idleSince time.Duration
		closed    bool
	}
	now := func() time.Duration { return elapsed(ctx) }
	idle := []*connection{{idleSince: now()}}
	request := func(ctx context.Context) {
		conn := &connection{}
		if last := len(idle) - 1; last >= 0 {
			conn, idle = idle[last], idle[:last]
		}
		for range 2 {
			pauses(ctx, 1) // sends, receives
			if conn.closed {
				t.Error("the connection was closed while a request used it")
			}
		}
		conn.idleSince = now()
		idle = append(idle, conn)
	}
	client := func(ctx context.Context) {
		for range 3 {
			must(t, task.Sleep(ctx, 7*time.Second))
			request(ctx)
		}
	}
	reap := func(ctx context.Context) {
		for range 4 {
			must(t, task.Sleep(ctx, 5*time.Second))
			for _, conn := range slices.Clone(idle) {
				if now()-conn.idleSince < 5*time.Second || !slices.Contains(idle, conn) {
					continue
				}
				remove := func() { idle = slices.DeleteFunc(idle, func(c *connection) bool { return c == conn }) }
				if fixed {
					remove()
				}
				pauses(ctx, 1) // says goodbye to the server
				conn.closed = true
				remove()
			}
		}
	}
	together(ctx, t, client, reap)
}
