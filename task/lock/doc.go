// Package lock coordinates the tasks of one loop with a [Mutex], an [Event], a [Cond], a
// [Semaphore] or a [Barrier].
//
// A task reads a balance, waits for the bank, and writes the new balance. A mutex keeps
// other tasks from doing the same in the meantime:
//
//	var mu lock.Mutex
//	balance := 100
//	withdraw := func(ctx context.Context, amount int) error {
//		if err := mu.Lock(ctx); err != nil {
//			return err // the task was canceled while it waited for the mutex
//		}
//		defer mu.Unlock()
//		before := balance
//		if err := task.Sleep(ctx, time.Second); err != nil { // ask the bank
//			return err
//		}
//		balance = before - amount
//		return nil
//	}
//
// The package example runs three withdrawals at the same time, and each counts.
//
// # When to use a lock
//
// Only one task of a loop runs at a time. So the code between two suspensions needs no
// lock. Use this package where something must hold across a suspension:
//
//   - a Mutex: only one task at a time does something, as in the program above;
//   - a Semaphore: at most n tasks do something at the same time;
//   - an Event: tasks wait until something has happened;
//   - a Cond: tasks wait until the data that a mutex guards has changed;
//   - a Barrier: tasks wait for each other.
//
// The types have the semantics of asyncio's types of these names; Cond is asyncio's
// Condition. The zero Mutex, Event and Cond are ready to use.
//
// # Order
//
// All types are fair: tasks are served in the order in which they began to wait. Waking a
// task never runs it inside the call: the task goes on in a later turn of the loop, usually
// the next one.
//
// # Cancellation
//
// Each method that takes a context may suspend the task. If the task is canceled
// meanwhile, the method returns an error. The other waiting tasks are not affected, because
// each task waits with its own waiter, and canceling the task cancels only that waiter. A
// task may be canceled in the same turn in which its turn came. It then passes the turn on to
// the next waiting task.
//
// # Awaitables
//
// A machine cannot call a method that waits, and a task cannot call two at once. So each method that
// waits has one beside it that returns a future: Lock has [Mutex.Locking], Acquire has
// [Semaphore.Acquiring], Wait has [Event.Waiting] and [Cond.Waiting]. Package queue has the same.
// A machine waits for task.On of the future; task.Wait waits for the first of several.
//
// The call that makes the future also asks for the lock: the future stands in the same line as the
// tasks that call the method. It belongs to no task: it goes on waiting when the task that made it has
// ended, and it gets the lock even if no code awaits it. Its holder has two duties:
//
//   - Cancel the future if you do not want it any more. Cancel gives its place in the line back. (A
//     task that is canceled while it awaits the future does this by itself.) If Cancel reports false,
//     the future is done, and its holder may have what it asked for.
//   - When an await fails, ask whether the future is done all the same. A task that is canceled just
//     after the future was done is told of the cancellation, and has the lock.
//
// One line does both where a wait has failed or is given up:
//
//	if !locking.Cancel(nil) && locking.Err() == nil {
//		mu.Unlock()
//	}
//
// A loop that is being closed, or is closed, gives nothing to futures: those that wait stay pending for
// ever.
//
// # Misuse
//
// Misuse panics, as in package sync: to unlock a mutex that is not locked, to release more
// permits of a bounded semaphore than were acquired, to signal a Cond without its mutex.
//
// The types are not safe for use from other goroutines, and a value must not be used by
// tasks of two loops.
//
// # Names
//
// Each type has a method SetName. Deadlock reports and [loop.Loop.WriteGraph] then tell
// by that name which lock a task waits for, and which task holds it.
package lock
