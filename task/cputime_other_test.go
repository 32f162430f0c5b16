//go:build !unix

package task_test

import "time"

const cpuTimeIsKnown = false

var cpuTimeBase = time.Now()

// cpuTime returns the time that has passed, since this platform has no getrusage. It is
// an upper bound of the time of one CPU.
func cpuTime() time.Duration { return time.Since(cpuTimeBase) }
