package loop

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-go/takt/loop/internal/testkit"
)

// If the timer fires while the watchdog is being stopped, it does nothing. If it fires in the middle of
// a step, it fires again at the instant at which the step has taken too long.
func TestWatchdogLooks(t *testing.T) {
	testkit.LogTo(t, slog.DiscardHandler)
	synctest.Test(t, func(t *testing.T) {
		d := &watchdog{limit: 100 * time.Millisecond}
		d.timer = time.AfterFunc(time.Hour, d.look)
		defer d.timer.Stop()
		w := &watched{began: time.Now()}
		d.now.Store(w)
		time.Sleep(40 * time.Millisecond)
		awake := func(awake bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.awake = awake
		}
		told := func() time.Time {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.told
		}
		awake(true)
		d.look()
		time.Sleep(61 * time.Millisecond)
		synctest.Wait()
		if told() != w.began {
			t.Error("the watchdog did not report a step of 101 ms with a limit of 100 ms")
		}
		w = &watched{began: time.Now()}
		d.now.Store(w)
		awake(false)
		time.Sleep(time.Second)
		d.look()
		if told() == w.began {
			t.Error("the watchdog reported a step while it was stopped")
		}
	})
}
