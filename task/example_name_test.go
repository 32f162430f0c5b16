package task_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
)

// The context of a blocking call belongs to no loop. NameOf returns the name of the task that has
// made the call nevertheless.
func ExampleNameOf() {
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		_, err := task.Blocking(ctx, task.Void(func(ctx context.Context) error {
			fmt.Printf("called by %q\n", task.NameOf(ctx))
			return nil
		}))
		return err
	}), loop.WithVirtualTime())
	fmt.Printf("outside: %q\n", task.NameOf(context.Background()))
	// Output:
	// called by "main"
	// outside: ""
}

// The handler adds the name of the task to each record that a task logs.
func ExampleLogHandler() {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(task.LogHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime})))
	_, _ = task.Run(context.Background(), task.Void(func(ctx context.Context) error {
		log.InfoContext(ctx, "starting")
		return task.Go(ctx, task.Void(func(ctx context.Context) error {
			log.InfoContext(ctx, "connected", "port", 80)
			return nil
		}), task.Named("reader")).Wait(ctx)
	}), loop.WithVirtualTime())
	log.Info("done")
	// Output:
	// level=INFO msg=starting task=main
	// level=INFO msg=connected port=80 task=reader
	// level=INFO msg=done
}
