package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	idleFor = 2 * time.Second // tests that do nothing for so long never go on
	looks   = 20              // how often the process is looked at in that time
)

// untilStalled returns true when the process has done nothing for a while: at every look all of
// its threads sleep, and it has no child. On a slow machine, threads wait for a processor and do
// not sleep, so that is not taken for a deadlock. untilStalled returns false when ctx ends. It
// never returns true on systems without a /proc like that of Linux.
func untilStalled(ctx context.Context, pid int) bool {
	tick := time.NewTicker(idleFor / looks)
	defer tick.Stop()
	for idle := 0; idle < looks; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if sleeps(pid) {
			idle++
		} else {
			idle = 0
		}
	}
	return true
}

// sleeps reports whether all threads of a process sleep, and it has no child.
func sleeps(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		children, err := os.ReadFile(filepath.Join(thread, "children"))
		if err != nil || len(children) > 0 {
			return false
		}
		stat, err := os.ReadFile(filepath.Join(thread, "stat"))
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(stat), ") ") // the state comes after the name
		if !strings.HasPrefix(state, "S") {
			return false
		}
	}
	return len(threads) > 0
}
