// Package lock coordinates the tasks of one loop with a [Mutex], an [Event], a [Cond], a
// [Semaphore] or a [Barrier].
//
// In this program a task reads a balance, waits for the bank, and writes the new balance. A mutex
// keeps other tasks from reading and writing the balance in the meantime:
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
// The package example runs three withdrawals at the same time, and the balance is right afterwards.
//
// # When to use a lock
//
// Only one task of a loop runs at a time. So the code between two suspensions needs no lock. Use
// this package if tasks must wait for each other, or if other tasks must not interfere while a task
// is suspended:
//
//   - a Mutex: only one task at a time is in a part of the code, as in the program above;
//   - a Semaphore: at most n tasks at a time are in a part of the code;
//   - an Event: tasks wait until something has happened;
//   - a Cond: tasks wait until the data that a mutex guards has changed;
//   - a Barrier: tasks wait for each other.
//
// The types have the semantics of asyncio's types of the same names; Cond is asyncio's Condition.
// The zero Mutex, Event and Cond are ready to use.
//
// # Order
//
// All types are fair: tasks are served in the order in which they began to wait. The call that
// wakes a task, such as Unlock, never runs the task: the task goes on in a later turn of the loop,
// usually the next one.
//
// # Cancellation
//
// Each method that takes a context may suspend the task; the methods of the section Awaitables
// below do not. If the task is canceled meanwhile, the method returns an error. The other waiting
// tasks are not affected. A task may be canceled after it was given a lock, but before it goes on.
// Then it passes the lock on to the next waiting task.
//
// # Awaitables
//
// A machine (task.Machine) cannot call a method that waits, and an ordinary body cannot call two
// such methods at the same time. So some of these methods have a counterpart that returns a future:
// [Mutex.Locking] for Lock, [Semaphore.Acquiring] for Acquire, [Event.Waiting] and [Cond.Waiting]
// for Wait. Package queue has such methods, too. A machine waits for the future by task.On, and
// task.Wait waits for the first of several futures.
//
// The call that makes the future also asks for the lock (or the permit, the event, the signal): the
// future waits in the same line as the tasks that call Lock. The future belongs to no task. It goes
// on waiting when the task that made it has ended, and it gets the lock even if no code awaits it.
// So the code that has made the future has two duties:
//
//   - If you do not want the lock any more, cancel the future. Then it leaves the line. (If a task
//     is canceled while it awaits the future, this cancels the future, too.) If Cancel returns
//     false, the future is done already, and you may have the lock.
//   - If an await of the future returns an error, the future may be done nevertheless: a task may
//     be canceled just after the future has got the lock. Then the await returns the cancellation,
//     and you have the lock. Unlock it.
//
// These lines give up the lock, or the wait for the lock, whatever the state of the future is:
//
//	if !locking.Cancel(nil) && locking.Err() == nil {
//		mu.Unlock()
//	}
//
// [Cond.Waiting] is different: its future locks the mutex in any case, even if it is canceled.
//
// A canceled future leaves the line at once. A canceled task leaves the line when it takes its next
// step. So after a cancellation the others in the line may be served a turn earlier or later than if
// all of them were tasks. Without cancellations there is no difference.
//
// When the loop begins to close, pending futures get nothing any more: they stay pending for ever.
//
// # Misuse
//
// Misuse panics, as in package sync. It is misuse to unlock a mutex that is not locked, to release
// more permits of a bounded semaphore than were acquired, or to signal a Cond whose mutex is not
// locked.
//
// The types are not safe for use from other goroutines. Tasks of two loops must not use the same
// value.
//
// # Names
//
// Each type has a method SetName. Deadlock reports and [loop.Loop.WriteGraph] show the name of the
// lock that a task waits for, and the task that holds a mutex.
package lock
