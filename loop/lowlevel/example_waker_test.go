package lowlevel_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
)

// A feed hands the lines of a file or connection to one task. A goroutine reads them.
type feed struct {
	waker *lowlevel.Waker

	mu    sync.Mutex
	lines []string
	ended bool

	news *future.Future[struct{}] // the task waits for it; nil if the task does not wait
}

func newFeed(l *loop.Loop, from io.ReadCloser) *feed {
	f := new(feed)
	f.waker = lowlevel.NewWaker(l, f, func() { _ = from.Close() }) // Close ends the goroutine
	f.waker.Go(func() {
		for lines := bufio.NewScanner(from); lines.Scan(); {
			f.add(lines.Text(), false)
		}
		f.add("", true)
	})
	return f
}

// add is called by the goroutine. It stores what is new, and then calls Wake.
func (f *feed) add(line string, end bool) {
	f.mu.Lock()
	if f.ended = end; !end {
		f.lines = append(f.lines, line)
	}
	f.mu.Unlock()
	f.waker.Wake()
}

// Run is called on the loop after a Wake.
func (f *feed) Run() {
	if f.news != nil {
		_ = f.news.SetResult(struct{}{})
		f.news = nil
	}
}

// next returns the next line. ok is false if there are no more.
func (f *feed) next(ctx context.Context) (line string, ok bool, err error) {
	for {
		f.mu.Lock()
		lines, ended := f.lines, f.ended
		if len(lines) > 0 {
			f.lines = lines[1:]
		}
		f.mu.Unlock()
		switch {
		case len(lines) > 0:
			return lines[0], true, nil
		case ended:
			f.waker.Stop()
			return "", false, nil
		}
		f.news = future.New[struct{}](ctx)
		if err := f.news.Wait(ctx); err != nil {
			f.news = nil
			return "", false, err
		}
	}
}

// A goroutine reads lines, and a task gets them one after another. While no line comes, the task costs
// the loop nothing.
func ExampleWaker() {
	from, to := io.Pipe()
	go func() {
		fmt.Fprintln(to, "to be")
		fmt.Fprintln(to, "or not to be")
		_ = to.Close()
	}()
	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		lines := newFeed(lowlevel.LoopOf(ctx), from)
		for n := 1; ; n++ {
			line, ok, err := lines.next(ctx)
			if !ok {
				return 0, err
			}
			fmt.Println(n, line)
		}
	})
	fmt.Println(err)
	// Output:
	// 1 to be
	// 2 or not to be
	// <nil>
}
