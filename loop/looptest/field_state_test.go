package looptest_test

import (
	"context"
	"errors"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// Bugs of states that change with time.

// An editor saved a text some time after the last change. When the server had answered, the editor
// marked the text as saved. A change that was made during the request was marked, too, and was never
// saved.
func changedWhileSaving(ctx context.Context, t *looptest.T, fixed bool) {
	text, saved, dirty, version := "", "", false, 0
	var saving *task.Task[none]
	var timer *task.Task[none]
	save := func(ctx context.Context) error {
		sent, at := text, version
		if err := task.Sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
		saved = sent
		if !fixed || at == version {
			dirty = false
		}
		return nil
	}
	change := func(ctx context.Context, more string) {
		text += more
		version++
		dirty = true
		if timer != nil {
			timer.Cancel(nil)
			_ = timer.Wait(ctx)
		}
		timer = spawn(ctx, "timer", func(ctx context.Context) error {
			if err := task.Sleep(ctx, time.Second); err != nil {
				return err
			}
			if saving == nil || saving.Done() {
				saving = spawn(ctx, "save", save)
			}
			return nil
		})
	}
	user := func(ctx context.Context) {
		for _, word := range []string{"Dear ", "Ann, ", "hello"} {
			change(ctx, word)
			must(t, task.Sleep(ctx, 1500*time.Millisecond))
		}
	}
	together(ctx, t, user)
	if timer.Cancel(nil) { // leaves the page
		_ = timer.Wait(ctx)
	}
	for saving != nil && !saving.Done() {
		must(t, saving.Wait(ctx))
	}
	if dirty {
		must(t, save(ctx)) // the page asks first
	}
	if saved != text {
		t.Errorf("the text is %q, and %q is saved", text, saved)
	}
}

// A circuit breaker let no request through after failures. After some time it was half open: one request
// was to test the server. The breaker noticed only at the end of this request that it was tested. Until
// then it let all requests through.
func probedByAll(ctx context.Context, t *looptest.T, fixed bool) {
	type state int
	const (
		closed state = iota
		open
		halfOpen
	)
	breaker, failures, retryAt, probing := closed, 0, time.Duration(0), false
	probes := 0
	request := func(ctx context.Context) error {
		if breaker == open && elapsed(ctx) >= retryAt {
			breaker = halfOpen
		}
		if breaker == open || fixed && breaker == halfOpen && probing {
			return errors.New("the circuit breaker is open")
		}
		if breaker == halfOpen {
			probing = true
			if probes++; probes > 1 {
				t.Errorf("%d requests test the server at the same time", probes)
			}
			defer func() { probing, probes = false, probes-1 }()
		}
		must(t, task.Sleep(ctx, 200*time.Millisecond))
		if elapsed(ctx) > 4*time.Second { // the server works again
			breaker, failures = closed, 0
			return nil
		}
		if failures++; failures >= 2 {
			breaker, retryAt = open, elapsed(ctx)+3*time.Second
		}
		return errors.New("status 503")
	}
	client := func(start time.Duration) part {
		return func(ctx context.Context) {
			for range 5 {
				must(t, task.Sleep(ctx, start))
				_ = request(ctx)
			}
		}
	}
	together(ctx, t, client(time.Second), client(1350*time.Millisecond), client(1900*time.Millisecond))
}

// A limiter allowed a number of requests in each second. A request that had to wait computed for how
// long, slept, and then counted on a free place. If two requests slept at the same time, they took the
// same place.
func sleptForTheSamePlace(ctx context.Context, t *looptest.T, fixed bool) {
	const limit = 2
	var taken []time.Duration // when the last places were taken
	oldest := func() time.Duration { return taken[max(0, len(taken)-limit)] }
	wait := func(ctx context.Context) time.Duration {
		if len(taken) < limit {
			return 0
		}
		return oldest() + time.Second - elapsed(ctx)
	}
	acquire := func(ctx context.Context) {
		for d := wait(ctx); d > 0; d = wait(ctx) {
			must(t, task.Sleep(ctx, d))
			if !fixed {
				break
			}
		}
		if d := wait(ctx); d > 0 {
			t.Errorf("a place is taken %v too early", d)
		}
		taken = append(taken, elapsed(ctx))
	}
	client := func(gaps ...time.Duration) part {
		return func(ctx context.Context) {
			for _, gap := range gaps {
				must(t, task.Sleep(ctx, gap*time.Millisecond))
				acquire(ctx)
			}
		}
	}
	together(ctx, t, client(0, 100, 2400, 100), client(400, 2300, 900))
}

// A client sent a ping in regular intervals. If the answer had not come when the next ping was due, the
// client connected again. It did not close the old connection. But the answer was only late, and so the
// client had two connections that worked.
func twoConnectionsAfterAPing(ctx context.Context, t *looptest.T, fixed bool) {
	type connection struct {
		pings *future.Future[none] // done when the server gets a ping
		open  bool
	}
	const interval = 5 * time.Second
	var current *connection
	var servers []*task.Task[none]
	var answers []loop.Handle
	open := 0
	answered := false
	closeNow := func(c *connection) {
		if c.open {
			c.open = false
			open--
			_ = c.pings.SetResult(none{})
		}
	}
	connect := func(ctx context.Context) {
		c := &connection{pings: future.New[none](ctx), open: true}
		current = c
		if open++; open > 1 {
			t.Errorf("%d connections are open", open)
		}
		servers = append(servers, task.GoMachine(ctx, serverMachine(func(ctx context.Context) (more bool, on *future.Future[none]) {
			if c.pings.Done() && c.open {
				c.pings = future.New[none](ctx)
				answers = append(answers, lowlevel.LoopOf(ctx).CallLater(4*time.Second, func() { answered = answered || c == current }))
			}
			return c.open, c.pings
		}), task.Named("server")))
	}
	client := func(ctx context.Context) {
		connect(ctx)
		for range 3 {
			answered = false
			_ = current.pings.SetResult(none{})
			must(t, task.Sleep(ctx, interval))
			if !answered {
				if fixed {
					closeNow(current)
				}
				connect(ctx)
			}
		}
		must(t, task.Sleep(ctx, interval)) // the last answers come
		closeNow(current)
	}
	together(ctx, t, client)
	must(t, task.Gather(servers...).Wait(ctx))
	for _, a := range answers {
		a.Cancel()
	}
}

// A serverMachine is a stackless task that waits for the future which the function returns, again and
// again, until the function returns false.
type serverMachine func(ctx context.Context) (more bool, on *future.Future[none])

func (m serverMachine) Resume(ctx context.Context, err error) (none, task.Suspension, error) {
	if err != nil {
		return none{}, task.End(), err
	}
	more, on := m(ctx)
	if !more {
		return none{}, task.End(), nil
	}
	return none{}, task.On(on), nil
}
