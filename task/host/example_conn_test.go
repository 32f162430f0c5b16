package host_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A client and a server talk over a pipe. Both are tasks of one loop.
func ExamplePipe() {
	main := func(ctx context.Context) (string, error) {
		client, server := host.Pipe(ctx)
		task.Go(ctx, task.Void(func(context.Context) error {
			defer server.Close()
			lines := bufio.NewScanner(server)
			for lines.Scan() {
				fmt.Fprintln(server, strings.ToUpper(lines.Text()))
			}
			return lines.Err()
		}))
		fmt.Fprintln(client, "hello")
		fmt.Fprintln(client, "world")
		if err := client.CloseWrite(); err != nil {
			return "", err
		}
		all, err := io.ReadAll(client)
		return string(all), err
	}
	answer, err := task.Run(context.Background(), main)
	fmt.Printf("%q %v\n", answer, err)
	// Output: "HELLO\nWORLD\n" <nil>
}

// Packages that know nothing of tasks use a Conn as any other connection. Here encoding/json waits for the
// second half of a value, while the other task sleeps.
func ExampleConn() {
	type order struct {
		Item  string
		Count int
	}
	main := func(ctx context.Context) (order, error) {
		a, b := host.Pipe(ctx)
		task.Go(ctx, task.Void(func(ctx context.Context) error {
			defer b.Close()
			fmt.Fprint(b, `{"Item": "apples", `)
			if err := task.Sleep(ctx, time.Hour); err != nil {
				return err
			}
			_, err := fmt.Fprint(b, `"Count": 12}`)
			return err
		}))
		var o order
		err := json.NewDecoder(a).Decode(&o)
		return o, err
	}
	fmt.Println(task.Run(context.Background(), main, loop.WithVirtualTime()))
	// Output: {apples 12} <nil>
}

// A deadline ends a Read. It is an instant by the loop's clock, and here that clock is virtual.
func ExampleConn_SetReadDeadline() {
	main := func(ctx context.Context) (struct{}, error) {
		a, _ := host.Pipe(ctx)
		l := task.Current(ctx).Loop()
		if err := a.SetReadDeadline(l.Now().Add(time.Minute)); err != nil {
			return struct{}{}, err
		}
		_, err := a.Read(make([]byte, 100))
		fmt.Println(err)
		fmt.Println(errors.Is(err, os.ErrDeadlineExceeded), "after", l.Elapsed())
		return struct{}{}, nil
	}
	_, _ = task.Run(context.Background(), main, loop.WithVirtualTime())
	// Output:
	// read pipe pipe->pipe: i/o timeout
	// true after 1m0s
}

// A server reads each line under a time limit. The limit expires in the middle of a line, and nothing is lost.
func ExampleReader_ReadLine() {
	main := func(ctx context.Context) (struct{}, error) {
		client, server := host.Pipe(ctx)
		task.Go(ctx, task.Void(func(ctx context.Context) error {
			defer client.Close()
			for _, part := range []string{"hello\nhow ", "are you?\n"} {
				fmt.Fprint(client, part)
				if err := task.Sleep(ctx, 15*time.Second); err != nil {
					return err
				}
			}
			return nil
		}))
		r := host.NewReader(server)
		for {
			line, err := task.Within(ctx, 10*time.Second, r.ReadLine)
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				fmt.Printf("nothing for 10 s, with %d bytes of a line\n", r.Buffered())
			case err != nil:
				fmt.Println(err)
				return struct{}{}, nil
			default:
				fmt.Println(line)
			}
		}
	}
	_, _ = task.Run(context.Background(), main, loop.WithVirtualTime())
	// Output:
	// hello
	// nothing for 10 s, with 4 bytes of a line
	// how are you?
	// nothing for 10 s, with 0 bytes of a line
	// EOF
}

// A protocol has a line with a length, and then as many bytes.
func ExampleReader_ReadFull() {
	main := func(ctx context.Context) (struct{}, error) {
		r := host.NewReader(strings.NewReader("5\nhello11\nhello world"))
		for {
			line, err := r.ReadLine(ctx)
			if err != nil {
				return struct{}{}, err
			}
			var n int
			if _, err := fmt.Sscan(line, &n); err != nil {
				return struct{}{}, err
			}
			body := make([]byte, n)
			if _, err := r.ReadFull(ctx, body); err != nil {
				return struct{}{}, err
			}
			fmt.Printf("%s\n", body)
		}
	}
	_, err := task.Run(context.Background(), main)
	fmt.Println(err)
	// Output:
	// hello
	// hello world
	// EOF
}

// A line that is too long is an error that loses nothing.
func ExampleLimitError() {
	main := func(ctx context.Context) (struct{}, error) {
		r := host.NewReader(strings.NewReader("a line that is too long\n"), host.WithReadLimit(16))
		_, err := r.ReadLine(ctx)
		var long *host.LimitError
		if errors.As(err, &long) {
			fmt.Printf("%s is longer than %d bytes\n", long.What, long.Limit)
		}
		all, err := io.ReadAll(r)
		fmt.Printf("%q %v\n", all, err)
		return struct{}{}, nil
	}
	_, _ = task.Run(context.Background(), main)
	// Output:
	// a line is longer than 16 bytes
	// "a line that is too long\n" <nil>
}
