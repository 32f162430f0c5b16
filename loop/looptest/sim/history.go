package sim

import (
	"context"
	"fmt"
	"math"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A History records the calls of clients, with what came of them, for a check when the run is over: is the history
// linearizable, is no acknowledged write lost? In is what a call asks, and Out is the answer.
//
// A call that began has one of three ends:
//
//	returned  Call.Return: its answer is known.
//	unknown   Call.Unknown, or none: nobody knows whether it had an effect, or will have one. So a call is
//	          unknown if its time limit has expired, or its connection was lost.
//	left out  Call.LeaveOut: it had no effect, and will have none. The server has refused it, for example.
//
// If a task of a node makes the call, and the machine crashes or the program ends before the call returns, the call is
// unknown. What the tasks of that program do while they are unwound does not reach the History.
//
// The tasks of one run use a History. The cost of a call is a word or two, besides In and Out.
type History[In, Out any] struct {
	loop  *loop.Loop
	stamp int64
	calls []*Call[In, Out]
}

// An Operation is a call of a [History]. It has the fields of an Operation of the package
// github.com/anishathalye/porcupine. Its Output is the whole Operation, because a model must look at Known:
//
//	for _, o := range history.Operations() {
//		ops = append(ops, porcupine.Operation{ClientId: o.Client, Input: o.In, Output: o, Call: o.Call, Return: o.Return})
//	}
type Operation[In, Out any] struct {
	Client int
	In     In
	Out    Out   // the zero value if the outcome is unknown
	Known  bool  // the call has returned
	Call   int64 // see History.Operations
	Return int64 // math.MaxInt64 if the outcome is unknown
}

// NewHistory returns an empty History for one run of a world.
func NewHistory[In, Out any](w *World) *History[In, Out] {
	return &History[In, Out]{loop: w.loop}
}

// A Call is a call that has begun.
type Call[In, Out any] struct {
	history *History[In, Out]
	by      *machine // nil if a task of the test calls
	op      Operation[In, Out]
	end     callEnd
}

type callEnd uint8

const (
	open callEnd = iota
	returned
	unknown
	leftOut
)

func (e callEnd) String() string { return [...]string{"", "Return", "Unknown", "LeaveOut"}[e] }

// Begin records that client makes a call, before the call is made. ctx is the context of the task that makes it. A
// client is a number that the test gives. A client may make a call while another one of its calls is open or
// unknown. Begin panics if ctx belongs to no loop.
func (h *History[In, Out]) Begin(ctx context.Context, client int, in In) *Call[In, Out] {
	lowlevel.LoopOf(ctx)
	c := &Call[In, Out]{history: h, by: machineOf(ctx)}
	if c.live() {
		h.stamp++
		c.op = Operation[In, Out]{Client: client, In: in, Call: h.stamp, Return: math.MaxInt64}
		h.calls = append(h.calls, c)
	}
	return c
}

// live reports whether what the task of the call does counts.
func (c *Call[In, Out]) live() bool {
	return (c.by == nil || c.by.up()) && !c.history.loop.Closed()
}

// Return records that the call has returned out. It panics if Return, Unknown or LeaveOut was called before.
func (c *Call[In, Out]) Return(out Out) {
	if c.finish(returned) {
		c.history.stamp++
		c.op.Out, c.op.Known, c.op.Return = out, true, c.history.stamp
	}
}

// Unknown records that nobody knows whether the call had an effect, or will have one. A call without an end is
// unknown too. It panics if Return, Unknown or LeaveOut was called before.
func (c *Call[In, Out]) Unknown() { c.finish(unknown) }

// LeaveOut takes the call out of the history: it had no effect, and will have none. It panics if Return, Unknown or
// LeaveOut was called before.
func (c *Call[In, Out]) LeaveOut() { c.finish(leftOut) }

// finish ends the call, and reports whether that counts.
func (c *Call[In, Out]) finish(how callEnd) bool {
	if !c.live() {
		return false
	}
	if c.end != open {
		panic(fmt.Sprintf("sim: %v of a call of client %d after %v; a call ends once", how, c.op.Client, c.end))
	}
	c.end = how
	return true
}

// Operations returns the calls that were not left out, in the order in which they began.
//
// The stamps Call and Return order all beginnings and returns of the run totally, also those at one instant
// of the world's time: they are 1, 2, 3 and so on. A call whose outcome is unknown has not returned: its effect may
// come at any time after Call, or never.
func (h *History[In, Out]) Operations() []Operation[In, Out] {
	ops := make([]Operation[In, Out], 0, len(h.calls))
	for _, c := range h.calls {
		if c.end != leftOut {
			ops = append(ops, c.op)
		}
	}
	return ops
}
