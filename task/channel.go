package task

import (
	"context"
	"reflect"

	"github.com/takt-go/takt/loop/lowlevel"
)

// Recv receives from a Go channel: the running task is suspended, and the loop goes
// on, until a value is there. ok is false if the channel is closed and drained, as
// with v, ok := <-ch. If a value is there already, Recv does not suspend.
//
// It is the loop that receives, never a goroutine behind its back, so nothing is
// lost: where a value and a cancellation come together, Recv returns the value, and
// the next suspension delivers the cancellation. Tasks that wait for one channel
// receive in the order in which they came; one that finds a value does not wait. Each channel that is waited for costs a
// look at the beginning of every turn. See [lowlevel.AddPort] for virtual clocks.
//
// Recv panics if ch is nil, since nothing would ever come, and if ctx does not
// belong to the running task.
func Recv[T any](ctx context.Context, ch <-chan T) (v T, ok bool, err error) {
	if ch == nil {
		panic("task: Recv from a nil channel, on which nothing ever comes")
	}
	p := &recvPort[T]{ch: ch}
	err = p.wait(ctx, p, "a value from a channel")
	return p.v, p.ok, err
}

// Send sends v on a Go channel: the running task is suspended, and the loop goes on,
// until a receiver or room in the buffer is there; if it is there already, Send does
// not suspend. A nil error says that v was sent; any other, that it was not. Else it
// is as [Recv]. It panics if ch is nil or closed.
func Send[T any](ctx context.Context, ch chan<- T, v T) error {
	if ch == nil {
		panic("task: Send on a nil channel, from which nothing is ever received")
	}
	p := &sendPort[T]{ch: ch, v: v}
	err := p.wait(ctx, p, "room in a channel")
	if p.panicked != nil {
		panic(p.panicked)
	}
	return err
}

// port is what both directions share.
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
	if err != nil && p.done { // canceled with the value in hand
		lowlevel.PutBack(ctx, err)
		return nil
	}
	return err
}

// perform notes that the operation was performed.
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
	if p.done { // but an observer's Goexit kept the loop from hearing so
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
