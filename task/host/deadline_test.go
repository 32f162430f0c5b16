package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// timed is a pipe, with the loop's clock. One end of the pipe reads or writes under deadlines.
type timed struct {
	t    *testing.T
	l    *loop.Loop
	a, b *host.Conn
}

// eachSide runs test for both directions. call waits until the deadline, or until let is called.
func eachSide(t *testing.T, test func(d timed, set func(when time.Time) error, call func() error, let func())) {
	t.Run("read", func(t *testing.T) {
		testkit.Run(t, func(ctx context.Context) {
			a, b := host.Pipe(ctx, host.WithPipeBuffer(2))
			test(timed{t, task.Current(ctx).Loop(), a, b}, a.SetReadDeadline,
				func() error { return got(a, 1).err },
				func() { write(t, b, "x") })
		})
	})
	t.Run("write", func(t *testing.T) {
		testkit.Run(t, func(ctx context.Context) {
			a, b := host.Pipe(ctx, host.WithPipeBuffer(2))
			write(t, a, "12")
			test(timed{t, task.Current(ctx).Loop(), a, b}, a.SetWriteDeadline,
				func() error { _, err := a.Write([]byte("3")); return err },
				func() { got(b, 1) })
		})
	})
}

func (d timed) expired(err error) {
	d.t.Helper()
	var e net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &e) || !e.Timeout() {
		d.t.Errorf("the error is %v, want an expired deadline", err)
	}
}

func TestDeadlineExpires(t *testing.T) {
	eachSide(t, func(d timed, set func(time.Time) error, call func() error, let func()) {
		start := d.l.Now()
		testkit.NoError(t, set(start.Add(time.Second)))
		d.expired(call())
		testkit.Equal(t, "it waited", d.l.Now().Sub(start), time.Second)
		let()
		d.expired(call()) // also when it need not wait
		testkit.NoError(t, set(time.Time{}))
		testkit.NoError(t, call())
		testkit.NoError(t, set(d.l.Now().Add(time.Second)))
		let()
		testkit.NoError(t, call()) // in time
		testkit.NoError(t, set(d.l.Now()))
		d.expired(call())
		testkit.NoError(t, set(time.Unix(1, 0)))
		d.expired(call())
		testkit.Equal(t, "it waited in all", d.l.Now().Sub(start), time.Second)
	})
}

// A deadline that is changed while tasks wait takes effect.
func TestDeadlineChanged(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []time.Duration // one each second, as the time from the start; 0: none
		want    time.Duration
	}{
		{"sooner", []time.Duration{10 * time.Second, 3 * time.Second}, 3 * time.Second},
		{"later", []time.Duration{2 * time.Second, 10 * time.Second}, 10 * time.Second},
		{"into the past", []time.Duration{10 * time.Second, -time.Second}, time.Second},
		{"set", []time.Duration{0, 4 * time.Second}, 4 * time.Second},
		{"removed and set", []time.Duration{2 * time.Second, 0, 7 * time.Second}, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachSide(t, func(d timed, set func(time.Time) error, call func() error, let func()) {
				start := d.l.Now()
				for i, change := range c.changes {
					d.l.CallLater(time.Duration(i)*time.Second, func() {
						when := start.Add(change)
						if change == 0 {
							when = time.Time{}
						}
						testkit.NoError(t, set(when))
					})
				}
				var others []*task.Task[struct{}]
				for range 2 {
					others = append(others, testkit.Spawn(d.l.Context(), "other", func(context.Context) error { d.expired(call()); return nil }))
				}
				d.expired(call())
				testkit.Equal(t, "it waited", d.l.Now().Sub(start), c.want)
				testkit.NoError(t, testkit.Yield(d.l.Current().Context(), 2))
				for _, other := range others {
					testkit.Equal(t, "the others have ended", other.Task().Done(), true)
				}
			})
		})
	}
}

// A deadline that was in the past, and is moved on before the tasks go on, has not happened. package net does
// the same.
func TestDeadlineMovedOnInTime(t *testing.T) {
	eachSide(t, func(d timed, set func(time.Time) error, call func() error, let func()) {
		start := d.l.Now()
		d.l.CallLater(time.Second, func() {
			testkit.NoError(t, set(start))
			testkit.NoError(t, set(start.Add(5*time.Second)))
		})
		d.expired(call())
		testkit.Equal(t, "it waited", d.l.Now().Sub(start), 5*time.Second)
	})
}

// Then the tasks still have their turns, whatever the order in which they go on: the bytes of a Write stay together.
func TestDeadlineMovedOnKeepsTheTurns(t *testing.T) {
	looptest.Explore(t, looptest.DelayBounded(2), func(ctx context.Context, t *looptest.T) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(4))
		left, expired := 2, false
		for _, text := range []string{"aaaaaa", "bbbbbb"} {
			testkit.Spawn(ctx, text, func(context.Context) error {
				_, err := a.Write([]byte(text))
				expired = expired || err != nil // in some orders
				if left--; left == 0 {
					return a.CloseWrite()
				}
				return nil
			})
		}
		testkit.NoError(t, testkit.Yield(ctx, 2))
		testkit.NoError(t, a.SetWriteDeadline(time.Unix(1, 0)))
		testkit.NoError(t, testkit.Yield(ctx, 2)) // the timer wakes both
		testkit.NoError(t, a.SetWriteDeadline(time.Time{}))
		all, err := io.ReadAll(b)
		testkit.NoError(t, err)
		if text := string(all); !expired && text != "aaaaaabbbbbb" && text != "bbbbbbaaaaaa" {
			t.Errorf("read %q", text)
		}
		t.Sometimes("the deadline is moved in time", !expired)
	})
}

// The deadline of one direction does not hold for the other, and SetDeadline sets both.
func TestDeadlinesOfBothDirections(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx)
		past := time.Unix(1, 0)
		testkit.NoError(t, a.SetReadDeadline(past))
		write(t, a, "x")
		testkit.NoError(t, a.SetDeadline(past))
		_, err := a.Write([]byte("x"))
		wantOpError(t, err, "write", os.ErrDeadlineExceeded)
		wantOpError(t, got(a, 1).err, "read", os.ErrDeadlineExceeded)
		testkit.NoError(t, a.SetDeadline(time.Time{}))
		write(t, a, "y")
		testkit.Equal(t, "read", got(b, 9), read{"xy", nil})
	})
}

// A Write that fails by a deadline says how much it has accepted.
func TestDeadlineInTheMiddleOfAWrite(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(4))
		l := task.Current(ctx).Loop()
		testkit.NoError(t, a.SetWriteDeadline(l.Now().Add(2*time.Second)))
		l.CallLater(time.Second, func() {
			testkit.Spawn(l.Context(), "reader", func(context.Context) error { testkit.Equal(t, "read", got(b, 3), read{"123", nil}); return nil })
		})
		n, err := a.Write([]byte("1234567890"))
		testkit.Equal(t, "written", n, 7)
		wantOpError(t, err, "write", os.ErrDeadlineExceeded)
		testkit.Equal(t, "the rest", got(b, 9), read{"4567", nil})
	})
}

// A deadline on which no task waits does not keep the loop going.
func TestIdleDeadline(t *testing.T) {
	l := testkit.NewLoop(t)
	a, b := host.Pipe(l.Context())
	testkit.Spawn(l.Context(), "A", func(context.Context) error {
		testkit.NoError(t, a.SetDeadline(l.Now().Add(time.Hour)))
		write(t, b, "x")
		return got(a, 1).err
	})
	testkit.Spawn(l.Context(), "B", func(ctx context.Context) error {
		testkit.NoError(t, b.SetDeadline(l.Now().Add(time.Hour)))
		defer got(b, 1)
		_, err := task.Within(ctx, time.Second, func(context.Context) (read, error) { r := got(b, 1); return r, r.err })
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		return b.Close()
	})
	testkit.NoError(t, l.Run())
	testkit.Equal(t, "time that has passed", l.Elapsed(), time.Second)
}

// A deadline that was removed has no timer.
func TestDeadlineRemovedWhileATaskWaits(t *testing.T) {
	eachSide(t, func(d timed, set func(time.Time) error, call func() error, let func()) {
		testkit.NoError(t, set(d.l.Now().Add(time.Hour)))
		d.l.CallLater(time.Second, func() {
			testkit.NoError(t, set(time.Time{}))
			_, armed := d.l.NextDeadline()
			testkit.Equal(t, "a timer is armed", armed, false)
			testkit.Spawn(d.l.Context(), "let", func(context.Context) error { let(); return nil })
		})
		testkit.NoError(t, call())
	})
}

// With a virtual clock, a deadline that was made by time.Now stands for a duration.
func TestDeadlineByTheMachinesClock(t *testing.T) {
	eachSide(t, func(d timed, set func(time.Time) error, call func() error, let func()) {
		start := d.l.Now()
		testkit.NoError(t, set(time.Now().Add(time.Minute)))
		d.expired(call())
		testkit.Equal(t, "it waited", d.l.Now().Sub(start).Round(10*time.Second), time.Minute)
		testkit.NoError(t, set(time.Now().Add(-time.Minute)))
		d.expired(call())
		testkit.NoError(t, set(time.Now().Add(math.MaxInt64)))
		let()
		testkit.NoError(t, call())
	})
}

// With a real clock, deadlines are those of the machine's clock.
func TestDeadlineWithARealClock(t *testing.T) {
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		a, _ := host.Pipe(ctx)
		start := time.Now()
		testkit.NoError(t, a.SetReadDeadline(start.Add(time.Millisecond)))
		wantOpError(t, got(a, 1).err, "read", os.ErrDeadlineExceeded)
		if took := time.Since(start); took < time.Millisecond {
			t.Errorf("the deadline has expired after %v", took)
		}
		testkit.NoError(t, a.SetReadDeadline(task.Current(ctx).Loop().Now()))
		wantOpError(t, got(a, 1).err, "read", os.ErrDeadlineExceeded)
		return struct{}{}, nil
	})
	testkit.NoError(t, err)
}

// Deadlines that are set again and again allocate nothing, also where a task waits.
func TestDeadlineAllocates(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		l := task.Current(ctx).Loop()
		a, b := host.Pipe(ctx)
		testkit.Spawn(ctx, "server", func(context.Context) error { return echo(b) })
		p := make([]byte, 8)
		testkit.Allocs(t, "a dialogue under deadlines", 0, func() {
			_ = a.SetDeadline(l.Now().Add(time.Second))
			_, _ = a.Write(p)
			if n, err := a.Read(p); n != len(p) || err != nil {
				panic(fmt.Sprint(n, err))
			}
		})
		testkit.NoError(t, a.Close())
	})
}
