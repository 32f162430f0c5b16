// Package lock has what tasks of one loop coordinate by: [Mutex], [Event], [Cond],
// [Semaphore] and [Barrier], with the semantics of asyncio's.
//
// Since one task runs at a time, what a task does between two awaits needs no lock.
// These are for what spans an await: a Mutex for an invariant that must hold across
// one, a Semaphore to limit how many do something at once, an Event or a Cond to wait
// for a change.
//
// All are fair: first come, first served. A task that waits has a waiter of its own, so
// that one that is canceled takes nobody's turn with it: even if its turn came in the
// same turn of the loop, it passes that on. Waking never runs anybody inline.
//
// What is misused panics, as in package sync: unlocking what is not locked, releasing a
// bounded semaphore too often, signaling without the mutex. Nothing here is safe for use
// from other goroutines, nor by tasks of two loops.
//
// Each has SetName: deadlock reports and [loop.Loop.WriteGraph] then tell which one a
// task waits for, and who holds it.
package lock
