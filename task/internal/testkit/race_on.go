//go:build race

package testkit

// Race reports whether the race detector is on. It makes programs some ten times slower,
// and allocate more.
const Race = true
