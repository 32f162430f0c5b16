//go:build race

package queue_test

// See race_off_test.go.
const underRace = true
