//go:build !race

package queue_test

// The race detector allocates, so that allocations are not asserted under it.
const underRace = false
