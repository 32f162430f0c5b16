package looptest

import (
	"context"

	"github.com/takt-go/takt/loop/looptest/internal/scene"
)

func init() {
	scene.Of = func(t any) scene.Run {
		r := t.(*T).run
		if r == nil {
			panic("looptest: a T that belongs to no run; use the T that the body is given")
		}
		return r
	}
}

// AtEnd makes the main task call f when the body has returned.
func (r *run) AtEnd(f func(ctx context.Context)) { r.ends = append(r.ends, f) }

// Record returns the function that records what happens in a simulated world.
func (r *run) Record() func(scene.Event) { return r.scene }
