//go:build race

package waiter_test

// See race_off_test.go.
const underRace = true
