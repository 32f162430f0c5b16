package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// totals are the sums of runs that have passed.
type totals struct {
	mu                    sync.Mutex
	runs, requests, terms int
	virtual               time.Duration
}

// add adds a run. t may be nil.
func (t *totals) add(requests, terms int, virtual time.Duration) {
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.runs, t.requests, t.terms, t.virtual = t.runs+1, t.requests+requests, t.terms+terms, t.virtual+virtual
	}
}

// print prints the totals of runs that took so long.
func (t *totals) print(out io.Writer, took time.Duration) {
	n := float64(max(1, t.runs))
	fmt.Fprintf(out, "%d schedules have passed in %v: %.0f a second, %.0f virtual seconds a second; each has %.0f requests, %.1f terms and %.1f virtual seconds\n",
		t.runs, took.Round(time.Millisecond), n/took.Seconds(), t.virtual.Seconds()/took.Seconds(),
		float64(t.requests)/n, float64(t.terms)/n, t.virtual.Seconds()/n)
}
