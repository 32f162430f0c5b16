package lowlevel_test

import (
	"testing"
	"unsafe"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/lowlevel"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A Home takes one word. Its Task does not return the root task of the loop: code could cancel that,
// and so end the loop's own context.
func TestHome(t *testing.T) {
	l := loop.New()
	defer l.Close()
	h := lowlevel.HomeOfLoop(l)
	if h.Loop() != l || h.Task() != nil {
		t.Errorf("the home of the loop has loop %p and task %v, want %p and no task", h.Loop(), h.Task(), l)
	}
	if unsafe.Sizeof(h) != unsafe.Sizeof(l) {
		t.Errorf("a Home takes %d bytes, want one word", unsafe.Sizeof(h))
	}
	if zero := (lowlevel.Home{}); zero.Loop() != nil || zero.Task() != nil {
		t.Error("the zero Home has a loop or a task")
	}
	lowlevel.Home{}.CheckGoroutine("nothing") // does not panic
}

// Free returns the loop only if neither Check nor CheckGoroutine can find anything wrong. (While the loop sleeps
// they can: a test of package loop has that.)
func TestHomeIsFree(t *testing.T) {
	l, debug, closed := loop.New(), loop.New(loop.WithDebug()), loop.New()
	defer l.Close()
	defer debug.Close()
	closed.Close()
	for what, c := range map[string]struct {
		home lowlevel.Home
		want *loop.Loop
	}{
		"an open loop":                  {lowlevel.HomeOfLoop(l), l},
		"a loop in debug mode":          {lowlevel.HomeOfLoop(debug), nil},
		"a closed loop":                 {lowlevel.HomeOfLoop(closed), nil},
		"no loop":                       {lowlevel.Home{}, nil},
		"a loop that New has not made":  {lowlevel.HomeOfLoop(new(loop.Loop)), nil},
		"a task that was never spawned": {lowlevel.HomeOfTask(new(loop.Task)), nil},
	} {
		if got := c.home.Free(); got != c.want {
			t.Errorf("%s: Free returns %p, want %p", what, got, c.want)
		}
	}
}

// The constants have the same values in package loop.
func TestKindsAndStarts(t *testing.T) {
	if lowlevel.Stackful != 0 || lowlevel.Stackless != 1 {
		t.Errorf("the kinds are %d and %d", lowlevel.Stackful, lowlevel.Stackless)
	}
	if lowlevel.AsAsked != 0 || lowlevel.Queued != 1 || lowlevel.AtOnce != 2 {
		t.Errorf("the starts are %d, %d and %d", lowlevel.AsAsked, lowlevel.Queued, lowlevel.AtOnce)
	}
}
