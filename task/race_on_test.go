//go:build race

package task_test

// The race detector allows 8128 goroutines to be alive at the same time, and a
// suspended stackful task is one; what runs under it is besides some ten times
// slower, and allocates more. So there are fewer tasks here, and no assertions
// about allocations.
const (
	underRace     = true
	manyStackful  = 4000
	manyStackless = 100_000
)
