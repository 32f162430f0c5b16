//go:build !race

package waiter_test

// The race detector allocates, so that allocations are not asserted under it.
const underRace = false
