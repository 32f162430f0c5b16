package host

import (
	"sync"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// waker stands in for lowlevel.Waker.
type waker struct {
	l     *loop.Loop
	woken func()
	mu    sync.Mutex
	set   bool
	off   bool
	rel   func()
}

func newWaker(l *loop.Loop, woken loop.Runnable, closed func()) *waker {
	w := &waker{l: l, rel: l.Hold()}
	w.woken = func() {
		w.mu.Lock()
		w.set = false
		off := w.off
		w.mu.Unlock()
		if !off {
			woken.Run()
		}
	}
	return w
}

func (w *waker) Wake() {
	w.mu.Lock()
	set := w.set || w.off
	w.set = true
	w.mu.Unlock()
	if !set {
		lowlevel.Deliver(w.l, w.woken)
	}
}
func (w *waker) Go(f func()) { go f() }
func (w *waker) Stop() {
	w.mu.Lock()
	w.off = true
	w.mu.Unlock()
	w.rel()
}
