package loop

import (
	"slices"
	"testing"

	"github.com/takt-go/takt/timer"
)

// The loop finds nothing to do, and before it waits for the call, that posts and returns:
// the post comes first, and what that makes ready.
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
	<-l.outside.Token() // it has posted, or returned
	l.outside.Wake()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"post", "what follows", "end"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}
