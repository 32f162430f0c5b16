package lowlevel_test

import (
	"errors"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Removing a port twice changes nothing. So it does not panic on another goroutine, even in debug mode.
func TestRemoveOfAPortThatHasGone(t *testing.T) {
	l := loop.New(loop.WithDebug())
	defer l.Close()
	h := lowlevel.AddPort(l, &receiving{from: make(chan string)})
	l.CallSoon(func() {
		if !h.Remove() {
			t.Error("the first Remove reports false, want true")
		}
		said := make(chan any)
		go func() {
			defer func() { said <- recover() }()
			if h.Remove() {
				t.Error("the second Remove reports true, want false")
			}
		}()
		if got := <-said; got != nil {
			t.Errorf("the second Remove panics: %v", got)
		}
	})
	l.RunUntilIdle()
}

func TestDeliverBeyondThePostLimit(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	l.SetPostLimit(1)
	ran := ""
	if err := l.Post(func() { ran += "a" }); err != nil {
		t.Fatal(err)
	}
	if !lowlevel.Deliver(l, func() { ran += "b" }) {
		t.Error("Deliver was refused by a full loop")
	}
	if err := l.Post(func() { ran += "c" }); !errors.Is(err, loop.ErrFull) {
		t.Errorf("the error of Post is %v, want ErrFull", err)
	}
	if l.RunUntilIdle(); ran != "ab" {
		t.Errorf("ran %q, want ab", ran)
	}
	l.Close()
	if lowlevel.Deliver(l, func() {}) {
		t.Error("a closed loop has taken a function")
	}
}
