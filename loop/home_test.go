package loop_test

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/takt-go/takt/loop"
)

// A Home is one word, and does not lead to the task that stands for the loop: that could be
// canceled, and with it the loop's own context.
func TestHomesAreSealed(t *testing.T) {
	l := newLoop(t)
	h := l.Home()
	if h.Loop() != l || h.Task() != nil {
		t.Error("the loop's home is that of a task, or of another loop")
	}
	if reflect.TypeOf(h).ConvertibleTo(reflect.TypeFor[*loop.Task]()) {
		t.Error("a Home can be converted to a task")
	}
	if unsafe.Sizeof(h) != unsafe.Sizeof(l) {
		t.Errorf("a Home has %d bytes", unsafe.Sizeof(h))
	}
	if zero := (loop.Home{}); zero.Loop() != nil || zero.Task() != nil {
		t.Error("the zero Home is that of something")
	}
}

// A future of no loop has the zero Home, which every goroutine may use.
func TestZeroHomeChecksNothing(t *testing.T) {
	loop.Home{}.CheckGoroutine("the test")
	new(loop.Task).Home().CheckGoroutine("the test")
}
