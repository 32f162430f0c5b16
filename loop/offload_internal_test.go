package loop

import (
	"slices"
	"testing"

	"github.com/takt-go/takt/timer"
)

// The loop finds nothing to do. Before it waits for the offloaded call, the call posts and returns. The
// posted function runs first, then the functions that it schedules, then done.
func TestOffloadThatEndsWhileTheLoopGoesToSleep(t *testing.T) {
	l := New(WithClock(timer.NewVirtual()))
	defer l.Close()
	var order []string
	l.outside.Doze() // as idle does before its last look for news
	l.offload(func() {
		_ = l.Post(func() {
			order = append(order, "post")
			l.CallSoon(func() { order = append(order, "what follows") })
		})
	}, func() { order = append(order, "end") })
	<-l.outside.Token() // the call has posted, or returned
	l.outside.Wake()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"post", "what follows", "end"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}
