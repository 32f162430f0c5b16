package loop

import "testing"

// Package lowlevel hands these over as numbers, and has the same names for them.
func TestKindsAndStartsAreThoseOfLowlevel(t *testing.T) {
	if stackful != 0 || stackless != 1 {
		t.Errorf("the kinds are %d and %d", stackful, stackless)
	}
	if asAsked != 0 || queuedStart != 1 || atOnce != 2 {
		t.Errorf("the starts are %d, %d and %d", asAsked, queuedStart, atOnce)
	}
}
