package host_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A program takes the files from its Host. The names are relative to a directory.
func ExampleSystem() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		panic(err)
	}
	defer root.Close()
	h := host.System(host.WithRoot(root))

	_, err = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		starts, err := countStart(ctx, h.FS)
		fmt.Println(starts, err)
		starts, err = countStart(ctx, h.FS)
		fmt.Println(starts, err)
		_, err = host.ReadFile(ctx, h.FS, "../secret")
		fmt.Println(err)
		return 0, nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// openat ../secret: path escapes from parent
}

// countStart counts how many times the program has started. A crash does not spoil the count.
func countStart(ctx context.Context, fsys host.FS) (starts int, err error) {
	text, err := host.ReadFile(ctx, fsys, "starts.json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		if err := json.Unmarshal(text, &starts); err != nil {
			return 0, err
		}
	}
	starts++
	text, err = json.Marshal(starts)
	if err != nil {
		return 0, err
	}
	return starts, host.ReplaceFile(ctx, fsys, "starts.json", text, 0o600)
}

// A File works with the packages of the standard library. Its methods suspend the task, so the other tasks of
// the loop go on.
func ExampleFile() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	name := dir + "/log"

	_, err = task.Run(context.Background(), func(ctx context.Context) (int, error) {
		fsys := host.System().FS
		if err := host.WriteFile(ctx, fsys, name, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
			return 0, err
		}
		f, err := fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			fmt.Println(lines.Text())
		}
		return 0, lines.Err()
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// one
	// two
	// three
}
