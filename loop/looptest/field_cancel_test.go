package looptest_test

import (
	"context"
	"slices"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/lock"
	"github.com/takt-go/takt/task/queue"
)

// Bugs that a cancellation shows.

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
