// Package scene connects package looptest with the simulated world of package sim. It says what a world needs from the
// run that it belongs to.
package scene

import (
	"context"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
)

// A Run is what a world needs from the run that it belongs to. The T of package looptest has one.
type Run interface {
	// AtEnd makes the main task call f when the body has returned, before the run looks for tasks and timers that
	// are left. The last function is called first.
	AtEnd(f func(ctx context.Context))
	// Record returns the function that records what happens in the world. It is nil if the run keeps no record, as
	// almost every run of an exploration. Then the world need not build the events.
	Record() func(world.Event)
	// Tolerate makes the run ask f about each failure that no code has taken. If f returns true, it is none.
	Tolerate(f func(loop.Failure) bool)
	// Fail fails the run with a text. The text comes from no place in the code of the test.
	Fail(text string)
	// Prompt makes no time pass while a task is ready, until over is called, also with the option TimePasses.
	Prompt() (over func())
	// Property returns the name of a property, such as `Always("one leader")`, while the function of that property
	// runs, and "" otherwise. The function runs between two steps, and must not change the world.
	Property() string
}

// Of returns the Run of t, which is a *looptest.T. Package looptest sets it.
var Of func(t any) Run
