//go:build !race

package task_test

// See race_on_test.go.
const (
	underRace     = false
	manyStackful  = 100_000
	manyStackless = 1_000_000
)
