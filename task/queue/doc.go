// Package queue has queues between tasks of one loop: first in first out ([New]), last
// in first out ([NewLIFO]) and least first ([NewPriority]), each with a bound or without,
// with the semantics of asyncio's.
//
// A pipeline is a queue with a bound between each two stages: the bound holds the faster
// stage back. A pool of workers is several tasks that range over one queue ([Queue.All]);
// [Queue.Join] waits for their work, [Queue.Shutdown] ends it.
//
// A queue is not safe for use from other goroutines, nor by tasks of two loops: bring
// items in by [loop.Loop.Post], or from a Go channel by task.Recv.
package queue
