// Package queue hands items from tasks to tasks of the same loop.
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
// [New] makes a queue that is first in, first out. [NewLIFO] makes a stack: last in, first
// out. [NewPriority] makes a queue that gives the least item first. Each takes the largest
// number of items that the queue may hold, or 0 for no bound. The queues have the semantics
// of asyncio's queues.
//
// # Patterns
//
//   - A pipeline has a queue between each two stages. The bound of the queue makes the
//     faster stage wait for the slower one. See the example BoundedPipeline.
//   - A pool of workers is several tasks that range over one queue with [Queue.All]. Each
//     worker calls [Queue.Done] after each item. [Queue.Join] waits until all the work is
//     done, and [Queue.Shutdown] ends the workers. See the example WorkerPool.
//
// # Awaitables
//
// [Queue.Getting], [Queue.Putting] and [Queue.Joining] return futures, for machines and for code
// that waits for several things. Package lock's documentation says what their holder has to do.
//
// # Goroutines
//
// A queue is not safe for use from other goroutines, and must not be used by tasks of two
// loops. A goroutine hands an item to a queue by [loop.Loop.Post]. A task can take items
// from a Go channel by task.Recv and put them into a queue.
package queue
