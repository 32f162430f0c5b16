// Package factory decides when a new task takes its first step: later, or at once.
//
// A task looks a key up in a cache. With the eager factory, a task that finds its key is
// done when task.Go returns:
//
//	cache := map[string]int{"one": 1}
//	lookup := func(key string) func(ctx context.Context) (int, error) {
//		return func(ctx context.Context) (int, error) {
//			if v, ok := cache[key]; ok {
//				return v, nil // the task ends in its first step
//			}
//			return 2, task.Sleep(ctx, time.Second) // fetch the value
//		}
//	}
//	task.Run(context.Background(), func(ctx context.Context) (int, error) {
//		hit, miss := task.Go(ctx, lookup("one")), task.Go(ctx, lookup("two"))
//		fmt.Println(hit.Done(), miss.Done()) // true false; with the default: false false
//		return miss.Await(ctx)
//	}, loop.WithTaskFactory(factory.Eager))
//
// # Factories
//
// A task factory is a function. The loop calls it with every new task
// ([loop.WithTaskFactory]), and the factory starts the task, once, in one of two ways:
//
//   - [Lazy] puts the task at the end of the ready queue. It is the default.
//   - [Eager] runs the first step of the task at once, inside the call that makes the task.
//     A task that ends in that step never enters the ready queue. A task that suspends in
//     that step goes on like any other task. Eager saves a turn and a switch where most
//     tasks end without waiting.
//
// While the loop is not running, Eager queues the task, as Lazy does. So the main task of
// task.Run takes its first step in the first turn.
//
// # Order of events
//
// Eager changes the order of events. The body of the new task runs before task.Go returns the
// task to the code that spawns it. The body may cancel the task that
// spawned it, or complete futures that other tasks await. If a body depends on code that
// comes after task.Go, use Lazy. An error or panic in the first step is the outcome of the
// new task, and does not reach the code that spawned it.
//
// The options task.Lazy and task.Eager choose the start of one task. The loop still calls the
// factory, and the hook of the factory runs, but the task starts as the option says.
//
// # Hooks and your own factories
//
// [NewLazy] and [NewEager] make a factory with a [Hook]. A hook sees every task before its
// first step: it can name the task, observe its end, or wrap its body. Your own factory can
// choose for each task:
//
//	func(t *loop.Task) {
//		if strings.HasPrefix(t.Name(), "eager") {
//			factory.Eager(t)
//		} else {
//			factory.Lazy(t)
//		}
//	}
//
// If a factory does not start a task, the task never runs. A deadlock report then says so.
package factory
