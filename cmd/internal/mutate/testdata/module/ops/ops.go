// Package ops has code for each operator. Its tests notice every mutant.
package ops

import (
	"fmt"
	"runtime"
)

const limit = 1 << 2 // has no mutant, because a constant must stay constant

var wide = limit >= 4

type box[T any] struct{ items []T }

func (b *box[T]) add(item T) {
	b.items = append(b.items, item)
}

// clear has two statements, so that doing nothing is a mutant of its own.
func (b *box[T]) clear(note *string) {
	b.items = nil
	*note = "cleared"
}

func size(n int) (word string) {
	switch {
	case n < 0:
		panic("ops: a negative size")
	case n == 0:
		return "none"
	case n <= limit:
		word = "few"
	default:
		word = "many"
	}
	return // returns a result, so it cannot be dropped
}

func between(n, low, high int) bool { return n >= low && n < high }

func outside(n, low, high int) bool {
	return n < low || // two lines, which stay two
		n > high
}

func count(words []string) (n int) {
	for i := 0; i < len(words); i++ {
		if words[i] == "" {
			continue
		}
		if words[i] == "end" {
			break
		}
		n++
	}
	return n
}

func finish(log *[]string) {
	defer func() { *log = append(*log, "deferred") }()
	if len(*log) > 0 {
		*log = append(*log, "again")
		return
	}
	*log = append(*log, "first")
}

func find(rows [][]int, want int) (row, at int) {
outer:
	for i := range rows {
		for j, x := range rows[i] {
			row, at = i, j
			if x == want {
				break outer
			}
		}
		row, at = -1, -1
	}
	return row, at
}

func send(to chan<- int) {
	done := make(chan int)
	go func() { done <- 1 }()
	to <- <-done
}

func kind(x any, stop <-chan struct{}) string {
	select {
	case <-stop:
		_ = fmt.Sprint(add(&stopped))
	default:
	}
	switch x := x.(type) {
	case int:
		x++
		return fmt.Sprint(x)
	case interface{ String() string }:
		return x.String()
	}
	same := x == nil
	return fmt.Sprint(same, !(x != nil))
}

var stopped int

func add(n *int) int { *n++; return *n }

func line() int {
	_, _, line, _ := runtime.Caller(0)
	return line
}
