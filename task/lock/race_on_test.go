//go:build race

package lock_test

// See race_off_test.go.
const underRace = true
