package loop

import "github.com/takt-go/takt/loop/internal/ready"

// A Runnable is something the loop can run: it has a method Run(). The ready queue holds Runnables, so
// that waking a task costs one pointer and no closure. Run is called once for
// each time that the Runnable was scheduled, on the loop's goroutine, and must
// not block. One that is to be removed again is found by ==, so it is a pointer.
type Runnable = ready.Runnable

// function is a plain function as a Runnable.
type function = ready.Func
