//go:build unix

package task_test

import (
	"syscall"
	"time"
)

// cpuTime returns the time that the process has spent on its CPUs.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
