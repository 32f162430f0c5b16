package lowlevel_test

import (
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// To remove a port that has gone changes nothing, so debug mode has nothing to say about it.
func TestRemoveOfAPortThatHasGone(t *testing.T) {
	l := loop.New(loop.WithDebug())
	defer l.Close()
	h := lowlevel.AddPort(l, &receiving{from: make(chan string)})
	l.CallSoon(func() {
		if !h.Remove() {
			t.Error("the port was not waiting")
		}
		said := make(chan any)
		go func() {
			defer func() { said <- recover() }()
			if h.Remove() {
				t.Error("the port was waiting still")
			}
		}()
		if got := <-said; got != nil {
			t.Errorf("it panics: %v", got)
		}
	})
	l.RunUntilIdle()
}
