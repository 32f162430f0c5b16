package loop_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/takt-go/takt/factory"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A busy loop lets the other goroutines of its processor run. Without that they would wait until the Go
// scheduler preempts the loop, after 10 ms.
func TestABusyLoopGivesWay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const most = 10_000 // entries or tasks, which take a small part of 10 ms
	for what, busy := range map[string]func(l *loop.Loop, enough func() bool){
		"callbacks": func(l *loop.Loop, enough func() bool) {
			var again func()
			again = func() {
				if !enough() {
					l.CallSoon(again)
				}
			}
			l.CallSoon(again)
			l.RunUntilIdle()
		},
		"eager tasks": func(l *loop.Loop, enough func() bool) {
			l.CallSoon(func() {
				for !enough() {
					task.Go(l.Context(), task.Void(func(context.Context) error { return nil }))
				}
			})
			l.RunUntilIdle()
		},
	} {
		t.Run(what, func(t *testing.T) {
			l := loop.New(loop.WithTaskFactory(factory.Eager))
			defer l.Close()
			began, ran := 0, make(chan struct{})
			enough := func() bool {
				if began++; began == 100 { // all stacks are made: to make one enters the scheduler, too
					go close(ran)
				}
				return isClosed(ran) || began == most
			}
			busy(l, enough)
			if !isClosed(ran) {
				t.Errorf("another goroutine has not run while the loop ran %d entries", most)
			}
			<-ran
		})
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
