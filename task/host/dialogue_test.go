package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A dialogueOfTwo has the tasks of tenMessages.
type dialogueOfTwo struct {
	tasks [2]*task.Task[struct{}]
	begun [2]bool
	check func() (canceled int)
}

// cancel cancels a task, unless it has not begun: then its body would never run.
func (d *dialogueOfTwo) cancel(which int) {
	if d.begun[which] {
		d.tasks[which].Cancel(testkit.ErrCause)
	}
}

// tenMessages makes a dialogue of ten messages and answers, in two tasks. The buffers hold less than a message.
func tenMessages(ctx context.Context, t testkit.T) *dialogueOfTwo {
	a, b := host.Pipe(ctx, host.WithPipeBuffer(5))
	return tenMessagesOver(ctx, t, a, b, "")
}

// tenMessagesOver makes the dialogue over a connection. Each message ends with padding. A task that is canceled in the middle of a call takes the request back and calls again. At the end check fails the
// test if the dialogue is not complete, and returns how often a call was canceled.
func tenMessagesOver(ctx context.Context, t testkit.T, a, b *host.Conn, padding string) *dialogueOfTwo {
	d := new(dialogueOfTwo)
	var said strings.Builder
	canceled := 0
	again := func(ctx context.Context, err error) bool {
		var c *loop.CanceledError
		if !errors.As(err, &c) || c.Cause != testkit.ErrCause {
			return false
		}
		canceled++
		task.Current(ctx).Uncancel()
		return true
	}
	say := func(ctx context.Context, c *host.Conn, text string) error {
		rest := []byte(text + padding + "\n")
		for {
			n, err := c.Write(rest)
			if rest = rest[n:]; !again(ctx, err) {
				return err
			}
		}
	}
	hear := func(ctx context.Context, r *host.Reader, want string) error {
		for {
			text, err := r.ReadLine(ctx)
			if again(ctx, err) {
				continue
			}
			text, complete := strings.CutSuffix(text, padding)
			if err == nil && (text != want || !complete) {
				t.Errorf("heard %.100q, want %q; the padding is complete: %t", text, want, complete)
			}
			said.WriteString(text + ".")
			return err
		}
	}
	d.tasks[0] = testkit.Spawn(ctx, "client", func(ctx context.Context) error {
		d.begun[0] = true
		r := host.NewReader(a, host.WithReadLimit(1<<20))
		for i := range 10 {
			if err := say(ctx, a, fmt.Sprintf("message %d", i)); err != nil {
				return err
			}
			if err := hear(ctx, r, fmt.Sprintf("answer %d", i)); err != nil {
				return err
			}
		}
		return a.Close()
	})
	d.tasks[1] = testkit.Spawn(ctx, "server", func(ctx context.Context) error {
		d.begun[1] = true
		r := host.NewReader(b, host.WithReadLimit(1<<20))
		for i := range 10 {
			if err := hear(ctx, r, fmt.Sprintf("message %d", i)); err != nil {
				return err
			}
			if err := say(ctx, b, fmt.Sprintf("answer %d", i)); err != nil {
				return err
			}
		}
		for {
			_, err := r.ReadLine(ctx)
			if again(ctx, err) {
				continue
			}
			if err != io.EOF {
				t.Errorf("after the last message: %v", err)
			}
			return b.Close()
		}
	})
	d.check = func() int {
		for _, one := range d.tasks {
			testkit.NoError(t, one.Err())
		}
		var want strings.Builder
		for i := range 10 {
			fmt.Fprintf(&want, "message %d.answer %d.", i, i)
		}
		testkit.Equal(t, "what was heard", said.String(), want.String())
		return canceled
	}
	return d
}

// A task is canceled at each suspension of the dialogue, and the same task or the other one again soon after that.
func TestDialogueCanceledAtEverySuspension(t *testing.T) {
	// run returns the number of turns and of cancellations that a call has seen.
	run := func(cancel func(turn int, d *dialogueOfTwo)) (turns, canceled int) {
		l := testkit.NewLoop(t)
		defer l.Close()
		d := tenMessages(l.Context(), t)
		for more := true; more; turns++ {
			cancel(turns, d)
			more = l.RunOnce()
		}
		return turns, d.check()
	}
	length, _ := run(func(int, *dialogueOfTwo) {})
	if length < 40 {
		t.Fatalf("the dialogue has only %d turns", length)
	}
	seen := 0
	for first := 1; first < length; first++ {
		for second := first; second < min(first+6, length); second++ {
			for which := range 4 {
				_, canceled := run(func(turn int, d *dialogueOfTwo) {
					if turn == first {
						d.cancel(which % 2)
					}
					if turn == second {
						d.cancel(which / 2)
					}
				})
				seen += canceled
			}
		}
	}
	if seen < 20*length {
		t.Errorf("only %d calls were canceled", seen)
	}
}

// The same in other orders of the tasks, with a third task that cancels them at moments that the schedule chooses.
func TestDialogueInEveryOrder(t *testing.T) {
	body := func(ctx context.Context, t *looptest.T) {
		d := tenMessages(ctx, t)
		canceler := testkit.Spawn(ctx, "canceler", func(ctx context.Context) error {
			for {
				which := t.Choose("cancel", 3)
				if err := task.Yield(ctx); err != nil || d.tasks[0].Done() && d.tasks[1].Done() {
					return err
				}
				if which > 0 {
					d.cancel(which - 1)
				}
			}
		})
		testkit.NoError(t, task.Gather(d.tasks[0], d.tasks[1], canceler).Wait(ctx))
		t.Sometimes("a call is canceled", d.check() > 0)
	}
	n := 1500
	if testkit.Race {
		n = 150
	}
	t.Run("sampled", func(t *testing.T) { looptest.Explore(t, looptest.Sample(1, n), body) })
	t.Run("systematic", func(t *testing.T) { looptest.Explore(t, looptest.DelayBounded(1), body) })
	t.Run("exhaustive", func(t *testing.T) { looptest.Explore(t, looptest.Exhaustive(n), body) })
}
