package lowlevel

import "github.com/takt-go/takt/loop"

// A Spare keeps what a closed loop leaves for the next loop: stacks of bodies, with the size to which they
// have grown, and the memory of queues. Use it in a program that makes very many short loops, one after
// another. Such a program spends much of its time on new stacks. The zero Spare is empty and ready to use.
//
// A Spare changes nothing else: the order of events is the same, and only Stats of the new loop counts the
// free stacks. Nothing that belongs to a closed loop reaches the next one: no Post, Handle, task or future.
//
// A stack is a goroutine. It keeps the profiler labels of the goroutine that drove the loop for which it was
// made, and the goroutines that bodies start on it inherit these labels. So drive all loops that use one
// Spare under the same labels, and if a thread is locked, under the same lock (see [loop.Loop.Run]).
// A loop that has set labels in its steps leaves no stacks.
//
// A Spare is for one goroutine at a time, and for one loop at a time.
type Spare struct{ kept interface{ End() } }

// WithSpare makes a new loop use s: the loop takes what s has, and [loop.Loop.Close] leaves stacks and memory
// in s. A loop in debug mode neither takes nor leaves anything. WithSpare panics if s is nil.
// [loop.New] panics if another loop uses s and is not closed.
func WithSpare(s *Spare) loop.Option {
	if s == nil {
		panic("loop: WithSpare(nil); leave the option out for none")
	}
	if s.kept == nil {
		s.kept = loop.Internals.NewSpare()
	}
	return loop.Internals.WithSpare(s.kept)
}

// End ends the stacks in s. Call it when no more loops will use s: otherwise the goroutines of the stacks
// stay. If another loop uses s later, call End again. End panics if a loop uses s and is not closed.
func (s *Spare) End() {
	if s.kept != nil {
		s.kept.End()
	}
}
