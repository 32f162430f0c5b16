package task_test

import (
	"fmt"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// A host that drives its own loop, and takes results from it one by one.
func ExampleRunUntilDone() {
	l := loop.New(loop.WithVirtualTime())
	defer l.Close()

	soup, bread := task.Go(l.Context(), fetch(2)), task.Go(l.Context(), fetch(1))
	v, err := task.RunUntilDone(l, bread)
	fmt.Println(v, err, l.Elapsed().Round(time.Second))
	v, err = task.RunUntilDone(l, soup)
	fmt.Println(v, err, l.Elapsed().Round(time.Second))
	// Output:
	// page 1 <nil> 1s
	// page 2 <nil> 2s
}
