package lowlevel_test

import (
	"testing"
	"unsafe"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/testkit"
	"github.com/takt-go/takt/loop/lowlevel"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A Home is one word, and does not lead to the task that stands for the loop: that could be
// canceled, and with it the loop's own context.
func TestHome(t *testing.T) {
	l := loop.New()
	defer l.Close()
	h := lowlevel.HomeOfLoop(l)
	if h.Loop() != l || h.Task() != nil {
		t.Error("the loop's home is that of a task, or of another loop")
	}
	if unsafe.Sizeof(h) != unsafe.Sizeof(l) {
		t.Errorf("a Home has %d bytes", unsafe.Sizeof(h))
	}
	if zero := (lowlevel.Home{}); zero.Loop() != nil || zero.Task() != nil {
		t.Error("the zero Home is that of something")
	}
	lowlevel.Home{}.CheckGoroutine("nothing") // which every goroutine may do
}

// Package loop counts these in the same way.
func TestKindsAndStarts(t *testing.T) {
	if lowlevel.Stackful != 0 || lowlevel.Stackless != 1 {
		t.Errorf("the kinds are %d and %d", lowlevel.Stackful, lowlevel.Stackless)
	}
	if lowlevel.AsAsked != 0 || lowlevel.Queued != 1 || lowlevel.AtOnce != 2 {
		t.Errorf("the starts are %d, %d and %d", lowlevel.AsAsked, lowlevel.Queued, lowlevel.AtOnce)
	}
}
