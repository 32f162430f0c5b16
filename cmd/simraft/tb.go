package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A console is the testing.TB of an exploration outside of go test. It prints what the exploration tells. It has the
// methods that package looptest calls on the TB of a test; the others are those of a nil TB.
type console struct {
	testing.TB
	name string
	out  io.Writer
	here *strings.Replacer // if not nil, changes what is printed

	mu     sync.Mutex
	failed bool
	report string // the texts of Error and Errorf
}

// run runs f on a goroutine of its own, which FailNow may end.
func (c *console) run(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

func (c *console) Name() string { return c.name }
func (c *console) Helper()      {}

func (c *console) Log(args ...any)                 { c.print(fmt.Sprintln(args...)) }
func (c *console) Logf(format string, args ...any) { c.print(fmt.Sprintf(format, args...)) }

func (c *console) Error(args ...any) {
	text := fmt.Sprintln(args...)
	c.print(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report += text
	c.failed = true
}

func (c *console) Errorf(format string, args ...any) { c.Error(fmt.Sprintf(format, args...)) }

func (c *console) Fatal(args ...any) {
	c.Error(args...)
	c.FailNow()
}

func (c *console) Fatalf(format string, args ...any) { c.Fatal(fmt.Sprintf(format, args...)) }

func (c *console) Fail() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = true
}

func (c *console) FailNow() {
	c.Fail()
	runtime.Goexit()
}

func (c *console) Failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.here != nil {
		text = c.here.Replace(text)
	}
	fmt.Fprintln(c.out, strings.TrimRight(text, "\n"))
}
