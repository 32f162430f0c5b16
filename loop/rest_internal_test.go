package loop

import (
	"testing"

	"github.com/takt-go/takt/timer"
)

// A loop that comes to rest gives back the room for very much.
func TestReadyShrinksInALoopAtRest(t *testing.T) {
	l := New()
	defer l.Close()
	for range 4 * 8192 {
		l.CallSoon(func() {})
	}
	l.RunUntilIdle()
	if room := l.ready.Cap(); room > 8192 {
		t.Errorf("there is room for %d", room)
	}
}

// A loop remembers the timers that it has fired only until they have run.
func TestTimersThatHaveRunAreForgotten(t *testing.T) {
	l := New(WithClock(timer.NewVirtual()))
	defer l.Close()
	for range 100 {
		l.CallLater(1, func() {})
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.due) > 1 {
		t.Errorf("%d are remembered", len(l.due))
	}
}
