// Package factory has what decides when a new task takes its first step.
//
// A task factory is a function that a loop calls with every new task
// ([loop.WithTaskFactory]). It starts the task, once, in one of two ways:
//
//   - [Lazy] queues it, behind what is ready. It is the default.
//   - [Eager] steps it at once, inside the call that makes it. A task that ends in
//     that step never touches the ready queue, and is done when task.Go returns; one
//     that suspends there goes on like any other. It saves a turn and a switch where
//     most tasks end without waiting, caches for example.
//
// Eager changes the order of events. The body of the new task runs before its
// maker has the task in hand, and before what the maker does next; it may cancel
// its maker, or complete what others wait for. A body that relies on its maker's
// next lines wants Lazy. What goes wrong in the first step, a panic included, goes
// into the new task and not to its maker.
//
// While the loop is not running, Eager queues: so the main task of task.Run takes
// its first step in the first turn.
//
// The options task.Lazy and task.Eager choose for one task. The factory is called all the
// same, with its hook, and the task starts as the option says.
//
// [NewLazy] and [NewEager] add a [Hook], which sees every task before its first
// step: to name it, to watch its end, or to wrap its body. A factory of one's own
// can choose for each task:
//
//	func(t *loop.Task) {
//		if strings.HasPrefix(t.Name(), "eager") {
//			factory.Eager(t)
//		} else {
//			factory.Lazy(t)
//		}
//	}
//
// A task that a factory does not start never runs; a deadlock report says so.
package factory
