package task_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/internal/testkit"
)

// recv is Recv for tests in which it must not fail.
func recv[T any](t *testing.T, ctx context.Context, ch <-chan T) T {
	t.Helper()
	v, ok, err := task.Recv(ctx, ch)
	if (!ok || err != nil) && !lowlevel.Unwinding(task.Current(ctx)) { // an error that ended the loop is reported elsewhere
		t.Errorf("Recv: %v, %v", ok, err)
	}
	return v
}

func TestRecvWhatIsThereDoesNotSuspend(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 2)
		ch <- 1
		ch <- 2
		turns := countTurns(ctx)
		testkit.Equal(t, "the first value", recv(t, ctx, ch), 1)
		testkit.Equal(t, "the second value", recv(t, ctx, ch), 2)
		testkit.Equal(t, "turns that passed", turns(), 0)
	})
}

func TestRecvSuspendsUntilAValueIsThere(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan string, 1)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { ch <- "v" })
		testkit.Equal(t, "the value", recv(t, ctx, ch), "v")
		wantTime(t, ctx, time.Second)
	})
}

func TestRecvFromAClosedChannel(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		ch <- 4
		close(ch)
		testkit.Equal(t, "the value that is left in it", recv(t, ctx, ch), 4)
		for range 2 {
			if v, ok, err := task.Recv(ctx, ch); v != 0 || ok || err != nil {
				t.Errorf("Recv from a closed and empty channel: %v, %v, %v", v, ok, err)
			}
		}
	})
}

func TestRecvEndsWhenTheChannelIsClosed(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { close(ch) })
		if v, ok, err := task.Recv(ctx, ch); v != 0 || ok || err != nil {
			t.Errorf("Recv: %v, %v, %v", v, ok, err)
		}
		wantTime(t, ctx, time.Second)
	})
}

func TestSendWhereThereIsRoomDoesNotSuspend(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		turns := countTurns(ctx)
		if err := task.Send(ctx, ch, 1); err != nil {
			t.Error(err)
		}
		testkit.Equal(t, "turns that passed", turns(), 0)
		testkit.Equal(t, "the sent value", <-ch, 1)
	})
}

func TestSendSuspendsUntilThereIsRoom(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		ch <- 1
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { <-ch })
		if err := task.Send(ctx, ch, 2); err != nil {
			t.Error(err)
		}
		wantTime(t, ctx, time.Second)
		testkit.Equal(t, "the sent value", <-ch, 2)
	})
}

func TestSendOnAClosedChannelPanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		closed := make(chan int)
		close(closed)
		testkit.Panics(t, "send on closed channel", func() { _ = task.Send(ctx, closed, 1) })
		yields(t, ctx, 1) // the task can still suspend

		later := make(chan int)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { close(later) })
		testkit.Panics(t, "send on closed channel", func() { _ = task.Send(ctx, later, 1) })
		wantTime(t, ctx, time.Second)
	})
}

func TestChannelMisusePanics(t *testing.T) {
	play(t, func(ctx context.Context) {
		var none chan int
		testkit.Panics(t, "task: Recv from a nil channel", func() { _, _, _ = task.Recv(ctx, none) })
		testkit.Panics(t, "task: Send on a nil channel", func() { _ = task.Send(ctx, none, 1) })
	})
	l := virtual(t)
	ch := make(chan int, 1)
	ch <- 1
	testkit.Panics(t, "belongs to no loop", func() { _, _, _ = task.Recv(context.Background(), ch) })
	testkit.Panics(t, "outside every task", func() { _, _, _ = task.Recv(l.Context(), ch) })
	testkit.Panics(t, "outside every task", func() { _ = task.Send(l.Context(), ch, 1) })
	testkit.Equal(t, "values that are left in the channel", len(ch), 1)
}

func TestRecvInOrderOfComing(t *testing.T) {
	play(t, func(ctx context.Context) {
		var j looptest.Journal
		ch := make(chan int, 3)
		for _, name := range []string{"a", "b", "c"} {
			task.Go(ctx, func(ctx context.Context) (int, error) {
				j.Add("%s %d", name, recv(t, ctx, ch))
				return 0, nil
			})
		}
		yields(t, ctx, 1)
		ch <- 1
		ch <- 2
		ch <- 3
		yields(t, ctx, 3)
		j.Want(t, "a 1", "b 2", "c 3")
	})
}

func TestSendInOrderOfComing(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		for v := range 5 {
			task.Go(ctx, func(ctx context.Context) (int, error) { return 0, task.Send(ctx, ch, v) })
		}
		yields(t, ctx, 1)
		for want := range 5 {
			testkit.Equal(t, "received", <-ch, want)
			yields(t, ctx, 1)
		}
	})
}

// The order is the same if the loop sleeps, and a goroutine outside sends.
func TestRecvInOrderOfComingFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 30
		ch := make(chan int)
		go func() {
			for v := range n {
				synctest.Wait() // the loop sleeps, and the tasks that are left wait
				ch <- v
			}
		}()
		got := runReal(t, func(ctx context.Context) ([]int, error) {
			var receivers []*task.Task[int]
			for range n {
				receivers = append(receivers, task.Go(ctx, func(ctx context.Context) (int, error) {
					return recv(t, ctx, ch), nil
				}))
			}
			return task.Gather(receivers...).Await(ctx)
		})
		if !slices.IsSorted(got) {
			t.Errorf("in the order in which they began to wait, the tasks received %v", got)
		}
	})
}

// runReal runs body as the main task of a loop with the system's clock.
func runReal[T any](t *testing.T, body func(ctx context.Context) (T, error), opts ...loop.Option) T {
	t.Helper()
	var told failures
	defer func() {
		t.Helper()
		if p := recover(); p != nil {
			t.Errorf("Run panicked: %v\n%s", p, panicStack(p))
		}
	}()
	v, err := task.Run(context.Background(), body, append([]loop.Option{told.option()}, opts...)...)
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	told.want(t)
	return v
}

func TestRecvIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			v, ok, err := task.Recv(ctx, ch)
			if v != 0 || ok {
				t.Errorf("Recv returned %v, %v together with an error", v, ok)
			}
			return v, err
		})
		yields(t, ctx, 1)
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		testkit.ErrorIs(t, causeOf(t, err), errCause)
		ch <- 1
		yields(t, ctx, 2)
		testkit.Equal(t, "values that are left in the channel", len(ch), 1) // no task receives it any more
	})
}

func TestSendIsCanceled(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		ch <- 1
		a := task.Go(ctx, func(ctx context.Context) (int, error) { return 0, task.Send(ctx, ch, 2) })
		yields(t, ctx, 1)
		a.Cancel(nil)
		if _, err := a.Await(ctx); !loop.IsCanceled(err) {
			t.Errorf("Send: %v", err)
		}
		<-ch
		yields(t, ctx, 2)
		testkit.Equal(t, "values in the channel", len(ch), 0)
	})
}

func TestRecvWithTheValueInHandIsCanceledAtTheNextSuspension(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		var j looptest.Journal
		// When a turn begins and the value is in the channel, the loop receives it. This task runs
		// in that turn before the receiver does, and cancels the receiver.
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			v, ok, err := task.Recv(ctx, ch)
			j.Add("received %d %v %v, requests %d", v, ok, err, task.Current(ctx).CancelRequests())
			err = task.Yield(ctx)
			j.Add("then %v", err)
			return v, err
		})
		yields(t, ctx, 1)
		ch <- 7
		if err := task.Yield(ctx); err != nil { // this task is in the ready queue before the receiver
			t.Error(err)
		}
		a.Cancel(errCause)
		_, err := a.Await(ctx)
		j.Want(t, "received 7 true <nil>, requests 1", "then canceled: the cause")
		testkit.ErrorIs(t, causeOf(t, err), errCause)
	})
}

func TestSendThatWasMadeIsCanceledAtTheNextSuspension(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		ch <- 1
		var j looptest.Journal
		a := task.Go(ctx, func(ctx context.Context) (int, error) {
			j.Add("sent: %v", task.Send(ctx, ch, 2))
			return 0, task.Yield(ctx)
		})
		yields(t, ctx, 1)
		testkit.Equal(t, "the first value in the channel", <-ch, 1)
		yields(t, ctx, 1)
		a.Cancel(nil)
		if _, err := a.Await(ctx); !loop.IsCanceled(err) {
			t.Errorf("the error of the task is %v, want a cancellation", err)
		}
		j.Want(t, "sent: <nil>")
		testkit.Equal(t, "the sent value", <-ch, 2)
	})
}

// If a limit expires after the loop has received the value, the value is not lost either.
func TestRecvUnderATimeoutWithTheValueInHand(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		// In one turn the value is sent and the limit expires. At the beginning of the next turn
		// the loop receives the value. In that turn the task gets the value, although the limit has
		// expired.
		sender := task.Go(ctx, func(ctx context.Context) (int, error) {
			ch <- 5
			return 0, task.Yield(ctx)
		})
		err := task.Timeout(ctx, 0, func(ctx context.Context, scope *task.Deadline) error {
			testkit.Equal(t, "the value", recv(t, ctx, ch), 5)
			testkit.Equal(t, "expired", scope.Expired(), true)
			return task.Yield(ctx)
		})
		if _, ok := err.(*task.TimeoutError); !ok {
			t.Errorf("Timeout: %v", err)
		}
		_, _ = sender.Await(ctx)
	})
}

func TestRecvUnderADerivedContext(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int, 1)
		derived, cancel := context.WithCancelCause(ctx)
		lowlevel.LoopOf(ctx).CallLater(time.Second, func() { cancel(errCause) })
		if _, _, err := task.Recv(derived, ch); err != errCause {
			t.Errorf("Recv: %v", err)
		}
		ch <- 1
		testkit.Equal(t, "the value", recv(t, ctx, ch), 1)
	})
}

func TestManyPortsAtOnce(t *testing.T) {
	const n = 3000
	play(t, func(ctx context.Context) {
		chans := make([]chan int, n)
		receivers := make([]*task.Task[int], n)
		for i := range n {
			chans[i] = make(chan int, 1)
			receivers[i] = task.Go(ctx, func(ctx context.Context) (int, error) {
				return recv(t, ctx, chans[i]), nil
			})
		}
		yields(t, ctx, 1)
		for i, ch := range chans {
			ch <- i
		}
		got, err := task.Gather(receivers...).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if v != i {
				t.Fatalf("task %d received %d", i, v)
			}
		}
	})
}

func TestManyPortsWhileTheLoopSleeps(t *testing.T) {
	const n = 3000
	synctest.Test(t, func(t *testing.T) {
		chans := make([]chan int, n)
		for i := range chans {
			chans[i] = make(chan int)
		}
		outside := make(chan struct{})
		go func() {
			defer close(outside)
			for _, i := range []int{n - 1, 0, 1500, 1023, 1024, 2048} {
				synctest.Wait()
				chans[i] <- i
			}
			for _, ch := range chans {
				close(ch)
			}
		}()
		sum := runReal(t, func(ctx context.Context) (int, error) {
			sum := 0
			receivers := make([]*task.Task[int], n)
			for i := range n {
				receivers[i] = task.Go(ctx, func(ctx context.Context) (int, error) {
					v, _, err := task.Recv(ctx, chans[i])
					sum += v
					return v, err
				})
			}
			_, err := task.Gather(receivers...).Await(ctx)
			return sum, err
		})
		testkit.Equal(t, "the sum of the received values", sum, n-1+1500+1023+1024+2048)
		<-outside
	})
}

func TestChannelsWithGoroutinesOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests, answers := make(chan int), make(chan string)
		go func() {
			defer close(answers)
			for v := range requests {
				time.Sleep(time.Second) // in the fake time of synctest
				answers <- fmt.Sprint(v * v)
			}
		}()
		runReal(t, func(ctx context.Context) (int, error) {
			for v := 1; v <= 3; v++ {
				if err := task.Send(ctx, requests, v); err != nil {
					return 0, err
				}
				testkit.Equal(t, "the answer", recv(t, ctx, answers), fmt.Sprint(v*v))
			}
			close(requests)
			_, ok, err := task.Recv(ctx, answers)
			testkit.Equal(t, "the channel has another answer", ok, false)
			return 0, err
		})
	})
}

// While a task waits for a channel, timers fire as usual.
func TestChannelWaitDoesNotHoldUpTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		go func() {
			time.Sleep(3500 * time.Millisecond)
			ch <- 1
		}()
		ticks := runReal(t, func(ctx context.Context) (int, error) {
			ticks := 0
			ticker := task.Go(ctx, func(ctx context.Context) (int, error) {
				for {
					if err := task.Sleep(ctx, time.Second); err != nil {
						return 0, err
					}
					ticks++
				}
			})
			recv(t, ctx, ch)
			ticker.Cancel(nil)
			return ticks, nil
		})
		testkit.Equal(t, "ticks", ticks, 3)
	})
}

// Hold announces a goroutine, and keeps a virtual clock from jumping.
func TestRecvUnderAVirtualClockWithHold(t *testing.T) {
	play(t, func(ctx context.Context) {
		ch := make(chan int)
		release := lowlevel.LoopOf(ctx).Hold()
		go func() {
			for range 1000 {
				runtime.Gosched()
			}
			ch <- 1
			release()
		}()
		limit := task.Go(ctx, gives(time.Hour, 0))
		testkit.Equal(t, "the value", recv(t, ctx, ch), 1)
		wantTime(t, ctx, 0)
		limit.Cancel(nil)
	})
}

// If no goroutine is announced, a loop with a virtual clock reports a deadlock.
func TestRecvUnderAVirtualClockOfWhatNeverComes(t *testing.T) {
	err := playToEnd(t, func(ctx context.Context) {
		_, _, _ = task.Recv(ctx, make(chan int))
	})
	wantText(t, err, "loop: deadlock: nothing can wake the task that is left\n\tmain awaits a value from a channel\n\tif another goroutine will send or receive, announce it by Loop.Hold")
	err = playToEnd(t, func(ctx context.Context) {
		_ = task.Send(ctx, make(chan int), 1)
	})
	wantText(t, err, "loop: deadlock: nothing can wake the task that is left\n\tmain awaits room in a channel\n\tif another goroutine will send or receive, announce it by Loop.Hold")
}

// pingPong lets two tasks talk over unbuffered channels. Each operation needs both tasks to wait.
func pingPong(t *testing.T, ctx context.Context) error {
	ping, pong := make(chan int), make(chan int)
	other := task.Go(ctx, func(ctx context.Context) (int, error) {
		for {
			v, ok, err := task.Recv(ctx, ping)
			if !ok || err != nil {
				return 0, err
			}
			if err := task.Send(ctx, pong, v*10); err != nil {
				return 0, err
			}
		}
	})
	for v := range 3 {
		if err := task.Send(ctx, ping, v); err != nil {
			return err
		}
		testkit.Equal(t, "the answer", recv(t, ctx, pong), v*10)
	}
	close(ping)
	_, err := other.Await(ctx)
	return err
}

func TestTwoTasksTalkOverUnbufferedChannels(t *testing.T) {
	t.Run("by a virtual clock", func(t *testing.T) {
		play(t, func(ctx context.Context) {
			if err := pingPong(t, ctx); err != nil {
				t.Error(err)
			}
			wantTime(t, ctx, 0)
		})
	})
	t.Run("by the system's clock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			runReal(t, func(ctx context.Context) (int, error) {
				// The limit, in the fake time of synctest, ends a test that would hang.
				return 0, task.Timeout(ctx, time.Hour, func(ctx context.Context, _ *task.Deadline) error {
					return pingPong(t, ctx)
				})
			})
		})
	})
}

// Close unwinds a task that waits for a channel.
func TestRecvIsUnwoundByClose(t *testing.T) {
	l := virtual(t)
	ch := make(chan int, 1)
	a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
		v, _, err := task.Recv(ctx, ch)
		return v, err
	})
	l.RunUntilIdle()
	l.Close()
	ch <- 1
	_, err := a.Result()
	testkit.ErrorIs(t, causeOf(t, err), loop.ErrClosed)
	testkit.ErrorIs(t, err, future.ErrCanceled)
}

// After a Goexit has ended a task, its Recv or Send is not performed any more.
func TestPortsLeftByGoexit(t *testing.T) {
	l := virtual(t)
	in, out := make(chan int, 1), make(chan int, 1)
	out <- 1
	for _, body := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, _, err := task.Recv(ctx, in); return err },
		func(ctx context.Context) error { return task.Send(ctx, out, 2) },
	} {
		a := task.Go(l.Context(), func(ctx context.Context) (int, error) {
			l.CallSoon(runtime.Goexit) // runs on the stack of this body
			return 0, body(ctx)
		})
		testkit.Equal(t, "Run ended by the Goexit", testkit.Goexits(func() { _ = l.Run() }), true)
		testkit.ErrorIs(t, a.Err(), loop.ErrGoexit)
	}
	in <- 1
	<-out
	l.RunUntilIdle()
	testkit.Equal(t, "values that were not received", len(in), 1)
	testkit.Equal(t, "values that were sent", len(out), 0)
}
