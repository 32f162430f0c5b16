//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// If the variable role is set, the test binary is another program: the chat itself, or many clients.
const role = "CHAT_ROLE"

func init() {
	switch os.Getenv(role) {
	case "chat":
		main()
		os.Exit(0)
	case "clients":
		if err := clients(os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// process is a command that runs the test binary in a role.
func process(ctx context.Context, as string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), role+"="+as)
	return cmd
}

// roomSize is how many clients are in a room.
const roomSize = 10

// clients connects n clients. When all are in their rooms, each says one line, and hears the lines of its room.
func clients(addr, n string) error {
	count, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	var inside, done sync.WaitGroup
	inside.Add(count)
	errs := make([]error, count)
	for i := range count {
		done.Go(func() { errs[i] = oneClient(addr, i, &inside) })
	}
	done.Wait()
	return errors.Join(errs...)
}

func oneClient(addr string, i int, inside *sync.WaitGroup) error {
	entered := sync.OnceFunc(inside.Done)
	defer entered() // if it fails, the others go on
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	room := i / roomSize
	if _, err := fmt.Fprintf(c, "user %d\n/join room %d\n", i, room); err != nil {
		return err
	}
	// heard reads until n lines have come that contain text.
	lines := bufio.NewScanner(c)
	heard := func(n int, text string) error {
		for n > 0 {
			if !lines.Scan() {
				return fmt.Errorf("client %d waits for %q: %w", i, text, errors.Join(lines.Err(), io.ErrUnexpectedEOF))
			}
			if strings.Contains(lines.Text(), text) {
				n--
			}
		}
		return nil
	}
	if err := heard(1, fmt.Sprintf("* user %d enters room %d", i, room)); err != nil {
		return err
	}
	entered()
	inside.Wait()
	if _, err := fmt.Fprintf(c, "hello room %d\n", room); err != nil {
		return err
	}
	if err := heard(roomSize, fmt.Sprintf(": hello room %d", room)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, "/quit"); err != nil {
		return err
	}
	return heard(1, "Goodbye.")
}

// A thousand connections from another process, or as many as the system lets a process open. (A Go program
// raises its own limit of open files as far as it can.)
func TestThousandClients(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n := 1000
	if files.Cur < 1100 {
		n = int(files.Cur-100) / roomSize * roomSize
		t.Logf("the system lets a process open %d files, so there are %d clients", files.Cur, n)
	}
	_, err := task.Run(t.Context(), task.Void(func(ctx context.Context) error {
		ln, err := host.System().Net.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s := quiet()
		report := func(err error) { t.Error(err) }
		server := task.Go(ctx, task.Void(func(ctx context.Context) error {
			return host.Serve(ctx, ln, s.handle, host.WithErrorHandler(report))
		}))
		out, err := task.Blocking(ctx, func(ctx context.Context) ([]byte, error) {
			return process(ctx, "clients", ln.Addr().String(), strconv.Itoa(n)).CombinedOutput()
		})
		if err != nil {
			t.Errorf("the clients: %v\n%.1000s", err, out)
		}
		server.Cancel(nil)
		if err := server.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the error of the server is %v", err)
		}
		if len(s.rooms) != 0 || len(s.names) != 0 {
			t.Errorf("%d rooms and %d names are left", len(s.rooms), len(s.names))
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}

// Ctrl-C: the clients are told, and the process ends without an error.
func TestCtrlC(t *testing.T) {
	// If this process ignores Ctrl-C, as in the background of a script, its children ignore it, too. If this
	// process handles it, its children begin with the default.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, os.Interrupt)
	defer signal.Stop(handled)
	chat := process(t.Context(), "chat", "-addr", "127.0.0.1:0")
	stderr, err := chat.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stderr)
	if !log.Scan() {
		t.Fatalf("the chat has ended: %v", chat.Wait())
	}
	_, addr, _ := strings.Cut(log.Text(), "addr=")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := bufio.NewScanner(c)
	hear := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("the client hears %q, %v, want %q", lines.Text(), lines.Err(), want)
		}
	}
	hear("What is your name?")
	if _, err := fmt.Fprintln(c, "ann"); err != nil {
		t.Fatal(err)
	}
	hear("* ann enters lobby")
	if err := chat.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	hear("The server is shutting down. Goodbye.")
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the client hears %q, %v, want the end", lines.Text(), lines.Err())
	}
	for log.Scan() {
		if !strings.Contains(log.Text(), "INFO") {
			t.Errorf("the chat says %q", log.Text())
		}
	}
	if err := chat.Wait(); err != nil {
		t.Errorf("the chat has ended with %v", err)
	}
}
