//go:build unix

package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// The benchmarks run the clients in another process. So the CPU time of this process is that of the server.

func init() { parts["clients"] = runClients }

// runClients runs the clients. Its arguments are an address, a number of connections, and a number of
// messages. It connects, says "ready" on its output, waits for a byte of its input, and then sends
// messages on every connection, each after the answer to the last one.
func runClients(arguments string) error {
	var address string
	var connections, messages int
	if _, err := fmt.Sscan(arguments, &address, &connections, &messages); err != nil {
		return err
	}
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		conns[i] = c
	}
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	var all sync.WaitGroup
	errs := make(chan error, connections)
	for _, c := range conns {
		all.Go(func() {
			var b [64]byte
			for range messages {
				if _, err := c.Write(b[:]); err != nil {
					errs <- err
					return
				}
				if _, err := io.ReadFull(c, b[:]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	fmt.Println("done")
	_, _ = os.Stdin.Read(make([]byte, 1))
	close(errs)
	return errors.Join(<-errs)
}

type clients struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func startClients(b *testing.B, address string, connections, messages int) *clients {
	cmd := otherProcess(b, "clients", fmt.Sprint(address, " ", connections, " ", messages))
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return &clients{cmd, in, out}
}

func (c *clients) expect(b *testing.B, word string) {
	var got string
	if _, err := fmt.Fscanln(c.out, &got); got != word {
		b.Fatalf("the clients say %q, not %q: %v", got, word, err)
	}
}

func (c *clients) next() { _, _ = c.in.Write([]byte{1}) }

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A server serves echo until stop is called.
type server func(ready chan<- string, stopped <-chan struct{}, accepted *sync.WaitGroup)

func goroutines(ready chan<- string, stopped <-chan struct{}, accepted *sync.WaitGroup) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ready <- ln.Addr().String()
	go func() { <-stopped; ln.Close() }()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			accepted.Done()
			defer c.Close()
			_ = echoAll(c)
		}()
	}
}

func tasks(ready chan<- string, stopped <-chan struct{}, accepted *sync.WaitGroup) {
	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		ln, err := host.System().Net.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		ready <- ln.Addr().String()
		l, _ := loop.FromContext(ctx)
		go func() { <-stopped; _ = l.Post(func() { ln.Close() }) }()
		for {
			c, err := ln.Accept(ctx)
			if err != nil {
				return 0, nil
			}
			task.Go(ctx, func(ctx context.Context) (int, error) {
				accepted.Done()
				defer c.Close()
				_ = echoAll(c)
				return 0, nil
			})
		}
	})
	if err != nil {
		panic(err)
	}
}

func echoAll(c io.ReadWriter) error {
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	for _, connections := range []int{100, 5000} {
		for name, serve := range map[string]server{"goroutines": goroutines, "tasks": tasks} {
			b.Run(fmt.Sprintf("%s/%d", name, connections), func(b *testing.B) { benchServer(b, serve, connections, max(1, b.N/connections)) })
		}
	}
}

func benchServer(b *testing.B, serve server, connections, messages int) {
	ready, stopped := make(chan string), make(chan struct{})
	var accepted, done sync.WaitGroup
	accepted.Add(connections)
	before := memory()
	done.Go(func() { serve(ready, stopped, &accepted) })
	c := startClients(b, <-ready, connections, messages)
	c.expect(b, "ready")
	accepted.Wait()
	idle := memory()
	start, used := time.Now(), cpu()
	c.next()
	c.expect(b, "done")
	used = cpu() - used
	n := float64(connections * messages)
	b.ReportMetric(float64(used)/n, "cpu-ns/msg")
	b.ReportMetric(float64(time.Since(start))/n, "ns/msg")
	b.ReportMetric(float64(idle-before)/float64(connections), "B/conn")
	b.ReportMetric(0, "ns/op")
	_ = c.in.Close()
	_ = c.cmd.Wait()
	close(stopped)
	done.Wait()
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// A turn costs the same with many idle connections as with none.
func BenchmarkTurn(b *testing.B) {
	for _, idle := range []int{0, 5000} {
		b.Run(fmt.Sprintf("idle=%d", idle), func(b *testing.B) {
			onMachine(b, func(ctx context.Context) {
				connect := pairOf(b, "tcp")
				for range idle {
					one, other, err := connect(ctx)
					if err != nil {
						b.Fatal(err)
					}
					defer one.Close()
					defer other.Close()
					task.Go(ctx, func(context.Context) (int, error) { _, _ = one.Read(make([]byte, 1)); return 0, nil })
				}
				neighbour := task.Go(ctx, func(ctx context.Context) (struct{}, error) { // otherwise a Yield need not switch
					for {
						if err := task.Yield(ctx); err != nil {
							return struct{}{}, nil
						}
					}
				})
				for b.Loop() {
					_ = task.Yield(ctx)
				}
				neighbour.Cancel(nil)
			})
		})
	}
}
