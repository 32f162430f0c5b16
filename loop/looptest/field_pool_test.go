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

// A client sent a command and waited for the reply. The task was canceled in between. The reply came
// later and stayed in the connection. The next command on this connection got the reply of the
// canceled one, and so did each command after it.
func replyOfAnother(ctx context.Context, t *looptest.T, fixed bool) {
	type wire struct{ commands, replies *queue.Queue[string] }
	var servers []*task.Task[none]
	dial := func(ctx context.Context) wire {
		w := wire{queue.New[string](0), queue.New[string](0)}
		servers = append(servers, spawn(ctx, "server", func(ctx context.Context) error {
			for command, err := range w.commands.All(ctx) {
				must(t, err)
				pauses(ctx, 1)
				must(t, w.replies.Put(ctx, "value of "+command))
			}
			return nil
		}))
		return w
	}
	conn := dial(ctx)
	var mu lock.Mutex
	get := func(ctx context.Context, key string) error {
		if err := mu.Lock(ctx); err != nil {
			return err
		}
		defer mu.Unlock()
		must(t, conn.commands.Put(ctx, key))
		reply, err := conn.replies.Get(ctx)
		switch {
		case err != nil && fixed:
			conn.commands.Shutdown(false)
			conn = dial(ctx)
		case err == nil && reply != "value of "+key:
			t.Errorf("the reply to %q is %q", key, reply)
		}
		return err
	}
	page := spawn(ctx, "page", func(ctx context.Context) error {
		for _, key := range []string{"user", "cart"} {
			if err := get(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
	leave := func(context.Context) { page.Cancel(nil) }
	other := func(ctx context.Context) {
		must(t, get(ctx, "news"))
		must(t, get(ctx, "ads"))
	}
	together(ctx, t, after(14, leave), after(3, other))
	_ = page.Wait(ctx)
	conn.commands.Shutdown(false)
	must(t, task.Gather(servers...).Wait(ctx))
}

// A semaphore woke the first task of its line on a release. If that task had been canceled, but had
// not left the line yet, the semaphore woke no task. The canceled task then left the line and woke
// none either. So the next task waited for ever, although a permit was free.
func strandedBehindCanceled(ctx context.Context, t *looptest.T, fixed bool) {
	free := 1
	var line []*future.Future[none]
	var release func()
	acquire := func(ctx context.Context) error {
		if free > 0 && len(line) == 0 {
			free--
			return nil
		}
		turn := future.New[none](ctx)
		line = append(line, turn)
		err := turn.Wait(ctx)
		if at := slices.Index(line, turn); at >= 0 {
			line = slices.Delete(line, at, at+1)
		}
		if err != nil && !turn.Canceled() {
			release() // the permit came together with the cancellation
		}
		return err
	}
	release = func() {
		for len(line) > 0 {
			if first := line[0]; first.SetResult(none{}) == nil {
				line = line[1:]
				return
			}
			if !fixed {
				break
			}
			line = line[1:]
		}
		free++
	}
	upload := func(ctx context.Context) error {
		if err := acquire(ctx); err != nil {
			return err
		}
		defer release()
		pauses(ctx, 4)
		return nil
	}
	first := spawn(ctx, "first", upload)
	second := spawn(ctx, "second", upload)
	third := spawn(ctx, "third", upload)
	together(ctx, t, after(8, func(context.Context) { second.Cancel(nil) }))
	_ = second.Wait(ctx)
	must(t, first.Wait(ctx))
	must(t, third.Wait(ctx))
}
