package task

import (
	"context"
	"reflect"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Recv receives a value from a Go channel. It suspends the running task until the channel has a
// value or is closed, and the loop goes on meanwhile. If it has a value or is closed already, Recv
// does not suspend. ok is false if the channel is closed and empty, as in v, ok := <-ch.
//
// The driver of the loop receives, and no other goroutine. So no value is lost: if a value and a
// cancellation come together, Recv returns the value, and the next suspension delivers the
// cancellation. Tasks that wait for one channel receive in the order in which they began to wait.
// But a task that calls Recv when the channel has a value does not wait, and so may receive before
// them. In every turn the loop looks once at each channel on which a task waits. [lowlevel.AddPort]
// says what holds with a virtual clock.
//
// Recv panics if ch is nil, since no value would ever come, or if ctx does not belong to the
// running task.
func Recv[T any](ctx context.Context, ch <-chan T) (v T, ok bool, err error) {
	if ch == nil {
		panic("task: Recv from a nil channel would never end; give it a channel")
	}
	p := &recvPort[T]{ch: ch}
	err = p.wait(ctx, p, "a value from a channel")
	return p.v, p.ok, err
}

// Send sends v on a Go channel. It suspends the running task until there is a receiver, or room in
// the channel's buffer, and the loop goes on meanwhile. If there is a receiver or room already,
// Send does not suspend. If the error is nil, v was sent; otherwise v was not sent. In everything
// else Send behaves like [Recv]. It panics if ch is nil or closed, or if ctx does not belong to the
// running task.
func Send[T any](ctx context.Context, ch chan<- T, v T) error {
	if ch == nil {
		panic("task: Send on a nil channel would never end; give it a channel")
	}
	p := &sendPort[T]{ch: ch, v: v}
	err := p.wait(ctx, p, "room in a channel")
	if p.panicked != nil {
		panic(p.panicked)
	}
	return err
}

// port is the part that recvPort and sendPort share.
type port struct {
	done  bool
	ready *signal
}

func (p *port) wait(ctx context.Context, self lowlevel.Port, what string) error {
	l := lowlevel.Current(ctx).Loop()
	if self.Try() {
		return nil
	}
	p.ready = newSignal(ctx, what, nil)
	defer lowlevel.AddPort(l, self).Remove()
	err := p.ready.Wait(ctx)
	if err != nil && p.done { // the task was canceled after the loop had performed the operation
		lowlevel.PutBack(ctx, err)
		return nil
	}
	return err
}

// perform records that the operation was performed, and wakes the task.
func (p *port) perform() bool {
	p.done = true
	if p.ready != nil {
		p.ready.Run()
	}
	return true
}

type recvPort[T any] struct {
	port
	ch <-chan T
	v  T
	ok bool
}

func (p *recvPort[T]) Try() bool {
	if p.done { // the loop performed the operation, and then an observer called Goexit
		return true
	}
	select {
	case p.v, p.ok = <-p.ch:
		return p.perform()
	default:
		return false
	}
}

func (p *recvPort[T]) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.ch)}
}

func (p *recvPort[T]) Selected(v reflect.Value, ok bool) {
	reflect.ValueOf(&p.v).Elem().Set(v)
	p.ok = ok
	p.perform()
}

type sendPort[T any] struct {
	port
	ch       chan<- T
	v        T
	panicked any
}

func (p *sendPort[T]) Try() (sent bool) {
	if p.done { // as in recvPort
		return true
	}
	defer func() {
		if p.panicked = recover(); p.panicked != nil { // the channel is closed
			sent = p.perform()
		}
	}()
	select {
	case p.ch <- p.v:
		return p.perform()
	default:
		return false
	}
}

func (p *sendPort[T]) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(p.ch), Send: reflect.ValueOf(&p.v).Elem()}
}

func (p *sendPort[T]) Selected(reflect.Value, bool) { p.perform() }
