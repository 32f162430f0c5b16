package host_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// An endless transport always has bytes and packets, and always has room, but not for ever.
type endless struct{ moved, calls int }

func (e *endless) Start(func(), func())          {}
func (e *endless) Receive(p []byte) (int, error) { return e.Send(p) }
func (e *endless) Send(p []byte) (int, error) {
	if e.calls++; e.calls > 100_000 {
		return 0, errors.New("the task was never suspended")
	}
	e.moved += len(p)
	return len(p), nil
}
func (e *endless) CloseWrite() error    { return nil }
func (e *endless) Close() error         { return nil }
func (e *endless) LocalAddr() net.Addr  { return nil }
func (e *endless) RemoteAddr() net.Addr { return nil }
func (e *endless) SendTo(p []byte, _ net.Addr) (bool, error) {
	_, err := e.Send(p)
	return true, err
}
func (e *endless) ReceiveFrom(p []byte) (int, net.Addr, bool, error) {
	n, err := e.Send(p)
	return n, nil, true, err
}

// A peer that is as fast as the task does not keep the other tasks waiting. In each turn the task moves a bounded number
// of bytes, and makes a bounded number of calls.
func TestEndlessPeer(t *testing.T) {
	for name, use := range map[string]func(ctx context.Context, e *endless, size int) func() error{
		"read": func(ctx context.Context, e *endless, size int) func() error {
			c := host.NewConn(ctx, "test", e)
			return func() error { _, err := c.Read(make([]byte, size)); return err }
		},
		"write": func(ctx context.Context, e *endless, size int) func() error {
			c := host.NewConn(ctx, "test", e)
			return func() error { _, err := c.Write(make([]byte, size)); return err }
		},
		"one large write": func(ctx context.Context, e *endless, size int) func() error {
			c := host.NewConn(ctx, "test", e)
			return func() error { _, err := c.Write(make([]byte, 100<<20)); return err }
		},
		"copy": func(ctx context.Context, e *endless, size int) func() error {
			c := host.NewConn(ctx, "test", e)
			return func() error { _, err := io.Copy(io.Discard, c); return err }
		},
		"packets in": func(ctx context.Context, e *endless, size int) func() error {
			p := host.NewPacketConn(ctx, "test", e)
			return func() error { _, _, err := p.ReadFrom(make([]byte, size)); return err }
		},
		"packets out": func(ctx context.Context, e *endless, size int) func() error {
			p := host.NewPacketConn(ctx, "test", e)
			return func() error { _, err := p.WriteTo(make([]byte, size), nil); return err }
		},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Run(t, func(ctx context.Context) {
				for _, size := range []int{1, 10_000} {
					e := new(endless)
					calls := 0
					busy := testkit.Spawn(ctx, "busy", func(ctx context.Context) error {
						for call := use(ctx, e, size); ; {
							if err := call(); err != nil {
								return err
							}
							calls++
						}
					})
					for range 20 {
						movedBefore, callsBefore := e.moved, calls
						testkit.NoError(t, task.Yield(ctx))
						if moved := e.moved - movedBefore; moved > 1<<20 || calls-callsBefore > 200 {
							t.Fatalf("in one turn the task has moved %d bytes in %d calls", moved, calls-callsBefore)
						}
						if busy.Done() {
							break // the large write
						}
					}
					if e.moved < 20 || busy.Done() {
						t.Errorf("the task has moved %d bytes; it has ended: %t", e.moved, busy.Done())
					}
					busy.Cancel(nil)
					_ = busy.Wait(ctx)
				}
			})
		})
	}
}

// A message is not cut, however long it is. The next call rests.
func TestLongMessageIsNotCut(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for _, network := range []string{"udp", "udp4", "udp6", "ip", "ip4:icmp", "ip6:58", "unixgram", "unixpacket"} {
			e := new(endless)
			c := host.NewConn(ctx, network, e)
			for calls := range 2 {
				n, err := c.Write(make([]byte, 1<<20))
				testkit.NoError(t, err)
				testkit.Equal(t, network+": bytes", n, 1<<20)
				testkit.Equal(t, network+": calls of Send", e.calls, calls+1)
			}
		}
		for _, network := range []string{"tcp", "unix", "test"} {
			e := new(endless)
			_, err := host.NewConn(ctx, network, e).Write(make([]byte, 1<<20))
			testkit.NoError(t, err)
			testkit.Equal(t, network+": calls of Send", e.calls, 4)
		}
	})
}

// A task that moves less in each turn is not suspended, however long it lives.
func TestNoRestBetweenTurns(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		c := host.NewConn(ctx, "test", new(endless))
		done := 0
		testkit.Spawn(ctx, "steady", func(ctx context.Context) error {
			for range 200 {
				for range 10 {
					if _, err := c.Write(make([]byte, 10_000)); err != nil {
						return err
					}
				}
				done++
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		for turn := range 200 {
			testkit.NoError(t, task.Yield(ctx))
			testkit.Equal(t, "rounds", done, turn+1)
		}
	})
}
