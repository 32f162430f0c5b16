package loop_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
)

// Stacks that take turns hang on each other's hooks. Whichever of them then ends by
// a Goexit, the others go on where they stood, and Run ends with it: all as without
// sharing.
func TestAStackEndsWhileOthersHangOnItsHook(t *testing.T) {
	const n = 5
	for goes := range n {
		for turns := range 2 * n {
			t.Run(fmt.Sprintf("%d of %d after %d turns", goes, n, turns), func(t *testing.T) {
				shared := hangAround(t, n, goes, turns)
				shared.Want(t, hangAround(t, n, goes, turns, loop.WithDebug())...)
			})
		}
	}
}

// hangAround runs n bodies, each of which inspects another one in every turn, lets
// one of them Goexit after some turns, and closes the loop later.
func hangAround(t *testing.T, n, goes, turns int, opts ...loop.Option) (log looptest.Journal) {
	l := loop.New(opts...)
	var tasks []*loop.Task
	for i := range n {
		tasks = append(tasks, spawn(l.Context(), "", func(ctx context.Context) error {
			defer log.Callback(fmt.Sprintf("%d is unwound", i))()
			for turn := 0; ; turn++ {
				log.Add("%d in turn %d", i, turn)
				if i == goes && turn == turns {
					runtime.Goexit()
				}
				if err := task.Yield(ctx); err != nil {
					return err
				}
				other := tasks[(i+turn)%n]
				if len(other.Stack()) == 0 && !other.Done() {
					t.Errorf("body %d sees nothing of the stack of %v", i, other)
				}
			}
		}).Task())
	}
	if inGoroutine(func() { _ = l.Run() }) {
		t.Error("Run returned from a Goexit")
	}
	for range 3 {
		l.RunOnce()
	}
	l.Close()
	return log
}
