//go:build !race

package looptest_test

const raceEnabled = false
