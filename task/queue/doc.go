// Package queue has queues. Tasks put items into a queue, and other tasks of the same loop take
// them.
//
// One task puts lines into a queue, and another prints them:
//
//	lines := queue.New[string](2) // room for 2 items
//	printer := task.Go(ctx, func(ctx context.Context) (int, error) {
//		n := 0
//		for line, err := range lines.All(ctx) { // waits while the queue is empty
//			if err != nil {
//				return n, err
//			}
//			fmt.Println(line)
//			n++
//		}
//		return n, nil
//	})
//	for _, line := range []string{"one", "two", "three"} {
//		if err := lines.Put(ctx, line); err != nil { // waits while the queue is full
//			return 0, err
//		}
//	}
//	lines.Shutdown(false) // ends the loop of the printer
//	return printer.Await(ctx)
//
// # Kinds
//
// [New] makes a queue that is first in, first out. [NewLIFO] makes a stack: last in, first out.
// [NewPriority] makes a queue from which tasks take the least item first. Each of these functions
// has the parameter max, the bound: the queue holds at most max items, or any number if max is 0.
// The queues have the semantics of asyncio's queues.
//
// # Patterns
//
//   - A pipeline is a series of tasks, its stages, with a queue between each stage and the next.
//     The bound of the queue makes the faster stage wait for the slower one. See the example
//     BoundedPipeline.
//   - An inbox: a task ranges over its queue with [Queue.All]. Shutdown ends that task, and a later
//     Put returns [ErrShutdown], so that senders learn that the task has left.
//   - A pool of workers is several tasks that range over one queue with [Queue.All]. Each worker
//     calls [Queue.Done] after each item. [Queue.Join] waits until all the work is done, and
//     [Queue.Shutdown] ends the workers. See the example WorkerPool.
//
// # Awaitables
//
// [Queue.Getting], [Queue.Putting] and [Queue.Joining] return futures, for machines and for code
// that waits for the first of several events. The section Awaitables of package lock says what the
// caller of these methods must do if it does not want the item any more.
//
// # Goroutines
//
// A queue is not safe for use from other goroutines. Tasks of two loops must not use the same
// queue. To put an item, another goroutine posts a function that calls TryPut: see
// [loop.Loop.Post]. Or a task receives items from a Go channel by task.Recv, and puts them into the
// queue.
package queue
