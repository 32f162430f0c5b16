//go:build !race

package testkit

// Race is true if the race detector is on. With it, programs are about ten times slower, and allocate
// more.
const Race = false
