// Command load starts a server, connects to it, and measures what it costs.
//
//	load PEER WORKLOAD CONNECTIONS N SERVER [ARGUMENTS]
//
// SERVER is a program that is called with the name of the workload as its last argument. It listens on
// 127.0.0.1, prints "port 12345", and serves until its input ends. The workloads are:
//
//	echo      each connection sends 64 bytes, waits until they come back, and begins again; an operation
//	          is a message
//	paced     the same, but all connections together send 10,000 messages in a second, in turn
//	chat      rooms of ten connections: in each room one member after the other sends a line, and all
//	          others get it; an operation is a line that one member gets
//	idle_mem  the connections say nothing; bytes is the growth of the server's resident memory for one
//
// The output is one line: the peer, the workload, N, the seconds, the CPU time of the server for an operation in
// nanoseconds, and the median and the 99th percentile of the time that a message takes. It counts what comes
// back, and ends with the status 1 if bytes are missing or wrong.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 5 {
		return errors.New("usage: load PEER WORKLOAD CONNECTIONS N SERVER [ARGUMENTS]")
	}
	peer, workload := args[0], args[1]
	connections, err1 := strconv.Atoi(args[2])
	n, err2 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if connections < 1 || n < 1 {
		return errors.New("the numbers of connections and of operations must be positive")
	}
	s, err := start(workload, args[4:])
	if err != nil {
		return err
	}
	defer s.stop()
	w := &work{server: s, n: n}
	measure := map[string]func() error{"echo": w.echo, "paced": w.paced, "chat": w.chat, "idle_mem": w.idle}[workload]
	if measure == nil {
		return fmt.Errorf("workload %q; there are echo, paced, chat and idle_mem", workload)
	}
	if workload == "idle_mem" {
		w.before, err = s.resident()
		if err != nil {
			return err
		}
	}
	if err := w.connect(connections); err != nil {
		return err
	}
	defer w.close()
	if err := measure(); err != nil {
		return err
	}
	fmt.Printf("%s %s/%d %d %.3f %.0f", peer, workload, connections, w.ops, w.took.Seconds(), float64(w.cpu)/float64(w.ops))
	if len(w.times) > 0 {
		slices.Sort(w.times)
		at := func(q float64) float64 { return float64(w.times[int(q*float64(len(w.times)-1))]) / 1e3 }
		fmt.Printf(" p50_us=%.0f p99_us=%.0f", at(.5), at(.99))
	}
	if workload == "idle_mem" {
		fmt.Printf(" bytes=%d", (w.after-w.before)/int64(connections))
	}
	fmt.Println()
	return nil
}

// server is the process that is measured.
type server struct {
	cmd   *exec.Cmd
	input io.Closer
	port  string
}

func start(workload string, command []string) (*server, error) {
	if workload == "paced" || workload == "idle_mem" {
		workload = "echo"
	}
	cmd := exec.Command(command[0], append(command[1:], workload)...)
	cmd.Stderr = os.Stderr
	input, err1 := cmd.StdinPipe()
	output, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, input: input}
	line, err := bufio.NewReader(output).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "port ")
	if err != nil || !ok {
		s.stop()
		return nil, fmt.Errorf("the server says %q, not its port", line)
	}
	s.port = port
	return s, nil
}

func (s *server) stop() {
	s.input.Close()
	done := time.AfterFunc(5*time.Second, func() { s.cmd.Process.Kill() })
	defer done.Stop()
	_ = s.cmd.Wait()
}

// cpu returns the CPU time that the threads of the server have used.
func (s *server) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.New("cannot read the CPU time of the server; Linux is needed")
	}
	sum := time.Duration(0)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident returns the resident memory of the server in bytes.
func (s *server) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// work is one measurement.
type work struct {
	*server
	n     int
	conns []net.Conn

	ops           int
	took, cpu     time.Duration
	mu            sync.Mutex
	times         []time.Duration
	before, after int64
}

// connect makes the connections.
func (w *work) connect(n int) error {
	for range n {
		c, err := net.Dial("tcp", "127.0.0.1:"+w.port)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, c)
	}
	return nil
}

func (w *work) close() {
	for _, c := range w.conns {
		c.Close()
	}
}

// measured calls f, and notes what it costs the server.
func (w *work) measured(f func() error) error {
	before, err := w.server.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f(); err != nil {
		return err
	}
	w.took = time.Since(began)
	after, err := w.server.cpu()
	w.cpu = after - before
	return err
}

var message = bytes.Repeat([]byte("takt1234"), 8)

// exchange sends the message on a connection, and reads it back.
func exchange(c net.Conn, buf []byte) error {
	if _, err := c.Write(message); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, buf[:len(message)]); err != nil {
		return err
	}
	if !bytes.Equal(buf[:len(message)], message) {
		return errors.New("the echo is wrong")
	}
	return nil
}

// each calls f for 0 to n-1 at once, and returns the first error. It keeps the times that f returns.
func (w *work) each(n int, f func(i int) ([]time.Duration, error)) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			times, err := f(i)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.times = append(w.times, times...)
			errs <- err
		}()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
			w.close() // so that the others end
		}
	}
	return first
}

// talk exchanges a number of messages on each connection. Each begins only after pause has returned.
func (w *work) talk(messages int, pause func(i, k int)) error {
	return w.each(len(w.conns), func(i int) ([]time.Duration, error) {
		buf := make([]byte, len(message))
		times := make([]time.Duration, 0, messages)
		for k := range messages {
			if pause != nil {
				pause(i, k)
			}
			began := time.Now()
			if err := exchange(w.conns[i], buf); err != nil {
				return nil, err
			}
			times = append(times, time.Since(began))
		}
		return times, nil
	})
}

func (w *work) echo() error { return w.exchangeAll(nil) }

// exchangeAll exchanges n messages in all.
func (w *work) exchangeAll(pause func(i, k int)) error {
	if err := w.talk(2, nil); err != nil { // warms up
		return err
	}
	w.times = w.times[:0]
	each := max(1, w.n/len(w.conns))
	w.ops = each * len(w.conns)
	return w.measured(func() error { return w.talk(each, pause) })
}

const pace = 10_000 // messages in a second

func (w *work) paced() error {
	var begin sync.Once
	var began time.Time
	return w.exchangeAll(func(i, k int) {
		begin.Do(func() { began = time.Now() })
		time.Sleep(time.Until(began.Add(time.Duration(k*len(w.conns)+i) * time.Second / pace)))
	})
}

const room = 10 // members of a room

func (w *work) chat() error {
	rooms := len(w.conns) / room
	if rooms == 0 {
		return fmt.Errorf("a room has %d members; give as many connections or more", room)
	}
	w.conns = w.conns[:rooms*room]
	readers := make([]*bufio.Reader, len(w.conns))
	for i, c := range w.conns {
		readers[i] = bufio.NewReaderSize(c, 512)
		if _, err := fmt.Fprintf(c, "room%d\n", i/room); err != nil {
			return err
		}
		if line, err := readers[i].ReadString('\n'); err != nil || line != "welcome\n" {
			return fmt.Errorf("the server does not say welcome, but %q (%v)", line, err)
		}
	}
	line := append(bytes.Repeat([]byte("x"), 63), '\n')
	round := func(r, k int) error {
		from := r*room + k%room
		if _, err := w.conns[from].Write(line); err != nil {
			return err
		}
		for i := r * room; i < (r+1)*room; i++ {
			if i == from {
				continue
			}
			if got, err := readers[i].ReadSlice('\n'); err != nil || !bytes.Equal(got, line) {
				return fmt.Errorf("a member gets %q (%v)", got, err)
			}
		}
		return nil
	}
	all := func(rounds int) error {
		return w.each(rooms, func(r int) ([]time.Duration, error) {
			times := make([]time.Duration, 0, rounds)
			for k := range rounds {
				began := time.Now()
				if err := round(r, k); err != nil {
					return nil, err
				}
				times = append(times, time.Since(began))
			}
			return times, nil
		})
	}
	if err := all(2); err != nil { // warms up
		return err
	}
	w.times = w.times[:0]
	rounds := max(1, w.n/(rooms*(room-1)))
	w.ops = rounds * rooms * (room - 1)
	return w.measured(func() error { return all(rounds) })
}

// idle sends one message on each connection, so that the server has accepted it, and then nothing.
func (w *work) idle() error {
	if err := w.talk(1, nil); err != nil {
		return err
	}
	w.times = nil
	w.ops = len(w.conns)
	return w.measured(func() (err error) {
		for range 5 { // time for the collector
			time.Sleep(time.Second)
			if w.after, err = w.server.resident(); err != nil {
				return err
			}
		}
		return nil
	})
}
