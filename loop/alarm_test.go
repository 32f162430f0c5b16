package loop_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/looptest"
)

// A loop with the system's clock wakes at the instant of its earliest timer, although other timers came and went
// while it slept, and although its alarm stays armed for them.
func TestSleepUntilTheEarliestTimer(t *testing.T) {
	for name, c := range map[string]struct {
		script func(post func(at time.Duration, fn func()), call func(at time.Duration) loop.Handle)
		want   []string
	}{
		"an earlier one": {func(post func(time.Duration, func()), call func(time.Duration) loop.Handle) {
			call(time.Hour)
			post(time.Second, func() { call(time.Minute) })
			post(2*time.Second, func() { call(30 * time.Second) })
		}, []string{"30s", "1m0s", "1h0m0s"}},
		"a later one": {func(post func(time.Duration, func()), call func(time.Duration) loop.Handle) {
			first := call(time.Minute)
			post(time.Second, func() { first.Cancel(); call(time.Hour) })
			post(30*time.Minute, func() { call(31 * time.Minute) })
		}, []string{"31m0s", "1h0m0s"}},
		"none": {func(post func(time.Duration, func()), call func(time.Duration) loop.Handle) {
			first := call(time.Minute)
			post(time.Second, func() { first.Cancel() })
			post(time.Hour, func() { call(2 * time.Hour) })
		}, []string{"2h0m0s"}},
		"one after another": {func(post func(time.Duration, func()), call func(time.Duration) loop.Handle) {
			for at := range 5 {
				call(time.Duration(at+1) * time.Second)
			}
		}, []string{"1s", "2s", "3s", "4s", "5s"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := loop.New()
				defer l.Close()
				var log looptest.Journal
				for range 2 { // a second Run has an alarm of its own
					began := time.Now()
					ended := make(chan error)
					l.CallSoon(func() {
						c.script(func(at time.Duration, fn func()) {
							time.AfterFunc(at, func() { _ = l.Post(fn) })
						}, func(at time.Duration) loop.Handle {
							return l.CallLater(at-time.Since(began), func() { log.Add("%v", time.Since(began)) })
						})
						time.AfterFunc(3*time.Hour, func() { _ = l.Post(l.Stop) })
					})
					go func() { ended <- l.Run() }()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}
				log.Want(t, append(c.want, c.want...)...)
			})
		})
	}
}
