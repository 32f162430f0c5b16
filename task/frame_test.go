package task_test

import (
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
)

// A frame costs one allocation, for any number of machines that wait for it.
func TestAFrameAllocatesOnce(t *testing.T) {
	c := newCast(t, "shared", 10_000)
	c.frame() // the list of waiters and the ready queue grow
	c.frame()
	resumed := c.resumed
	const frames = 20
	if !testkit.Race {
		if got := testing.AllocsPerRun(frames, c.frame); got > 1 {
			t.Errorf("a frame of 10,000 machines: %v allocations, want 1", got)
		}
		if got := c.resumed - resumed; got != (frames+1)*10_000 {
			t.Errorf("machines were resumed %d times in %d frames", got, frames+1)
		}
	}
}
