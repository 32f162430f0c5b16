package task_test

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// Goroutines do the same work as tasks, as far as they can, so that `make bench` shows how takt
// stands beside them.

// besideGoroutines measures do, which makes n operations with goroutines.
func besideGoroutines(b *testing.B, do func(n int)) {
	b.Run("goroutine", func(b *testing.B) { measure(b, func() { do(b.N) }) })
}

// goroutinesYield yields n times, in each of several goroutines in turn.
func goroutinesYield(n, goroutines int) {
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range n/goroutines + 1 {
				runtime.Gosched()
			}
		})
	}
	all.Wait()
}

// goroutinesJoined makes n goroutines that call do, and waits for their results, in batches of 1000.
func goroutinesJoined(n int, do func()) {
	var results [1000]int
	for n := range inBatches(n, len(results)) {
		var all sync.WaitGroup
		all.Add(n)
		for i := range n {
			go func() {
				do()
				results[i] = i
				all.Done()
			}()
		}
		all.Wait()
	}
}

// goroutinesPingPong sends n messages between two goroutines, by two channels without a buffer.
func goroutinesPingPong(n int) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
		close(pong)
	}()
	for i := range n / 2 {
		ping <- i
		<-pong
	}
	close(ping)
	<-pong
}

// goroutinesAfterFunc arms and fires n timers, as timersFired does.
func goroutinesAfterFunc(n int) {
	var all sync.WaitGroup
	for n := range inBatches(n, timersAtATime) {
		all.Add(n)
		for i := range n {
			time.AfterFunc(mixedDelay(i, n), all.Done)
		}
		all.Wait()
	}
}

// goroutinesStopTimers arms and stops n timers, as BenchmarkTimerCanceled does.
func goroutinesStopTimers(n int) {
	timers := make([]*time.Timer, 10_000)
	for n := range inBatches(n, len(timers)) {
		for i := range n {
			timers[i] = time.AfterFunc(time.Minute, doNothing)
		}
		for i := range n {
			if !timers[i].Stop() {
				panic("a timer was not armed")
			}
		}
	}
}

// goroutinesSendFuncs sends n functions to a goroutine that calls them, by a channel with a buffer.
func goroutinesSendFuncs(n int) {
	funcs := make(chan func(), 1024)
	go func() {
		for range n {
			funcs <- doNothing
		}
		close(funcs)
	}()
	for f := range funcs {
		f()
	}
}

// parkGoroutines makes n goroutines and lets them run until they wait for release.
func parkGoroutines(n int) (release func()) {
	gate := make(chan struct{})
	var started, ended sync.WaitGroup
	started.Add(n)
	for range n {
		ended.Go(func() {
			started.Done()
			<-gate
		})
	}
	started.Wait()
	return func() {
		close(gate)
		ended.Wait()
	}
}
