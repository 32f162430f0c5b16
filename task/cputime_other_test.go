//go:build !unix

package task_test

import "time"

var cpuTimeBase = time.Now()

// cpuTime stands in, where there is no getrusage, with the time that has passed:
// an upper bound for one CPU.
func cpuTime() time.Duration { return time.Since(cpuTimeBase) }
