package loop

import "github.com/takt-go/takt/loop/internal/source"

// addWaker adds w: see NewWaker in package lowlevel.
func (l *Loop) addWaker(w *source.Waker, woken Runnable, closed func()) {
	l.check("NewWaker")
	if l.in(closing) && l.current == nil { // otherwise the new Waker would be too late for its closed
		panic("loop: NewWaker on a loop that is being closed; only the body of a task may call it then")
	}
	if woken == nil {
		panic("loop: NewWaker without a Runnable that Wake wakes; give it one, such as a lowlevel.Func")
	}
	if closed == nil {
		panic("loop: NewWaker without a function for Close; give it one that makes the goroutines of the Waker end, or an empty one if there are none")
	}
	l.wakers.Add(w, woken, closed)
}
