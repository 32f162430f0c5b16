package loop

import "github.com/takt-go/takt/loop/internal/ready"

// A Runnable is something that the loop can run: it has a method Run(). The ready queue holds
// Runnables, not functions, so an entry for a task is a pointer to the task and needs no closure.
// The loop calls Run on its own goroutine, once for each time that the Runnable was scheduled. Run
// must not block. RemoveWaiter of an [Awaitable] finds a Runnable by ==, so a Runnable that a
// program removes must be a pointer.
type Runnable = ready.Runnable

// function is a plain function as a Runnable.
type function = ready.Func
