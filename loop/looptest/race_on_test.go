//go:build race

package looptest_test

const raceEnabled = true
