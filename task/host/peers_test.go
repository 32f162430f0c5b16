//go:build unix

package host_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// The peers in these tests are programs that know nothing of takt, over the network of the machine.

// servePeers runs a server on the machine's network, and body on another goroutine. body gets the address.
func servePeers(t *testing.T, handle handler, body func(ctx context.Context, addr string) error, opts ...host.ServeOption) {
	t.Helper()
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		ln, err := host.System().Net.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return struct{}{}, err
		}
		server := testkit.Spawn(ctx, "server", func(ctx context.Context) error { return host.Serve(ctx, ln, handle, opts...) })
		_, err = task.Blocking(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, body(ctx, ln.Addr().String()) })
		server.Cancel(testkit.ErrCause)
		wantCause(t, server.Wait(ctx))
		return struct{}{}, err
	}, loop.WithErrorHandler(func(f loop.Failure) { t.Errorf("%v: %v: %v", f.Kind, f.Task, f.Err) }))
	testkit.NoError(t, err)
}

// A client of net/http keeps its connection, also over TLS.
func TestWebServerWithNetHTTP(t *testing.T) {
	server, client := tlsConfigs(t)
	server.NextProtos, client.NextProtos = []string{"http/1.1"}, nil
	for scheme, opts := range map[string][]host.ServeOption{"http": nil, "https": {host.WithTLS(server)}} {
		t.Run(scheme, func(t *testing.T) {
			servePeers(t, web().serve, func(ctx context.Context, addr string) error {
				newTransport := func() *http.Transport { return &http.Transport{TLSClientConfig: client.Clone()} }
				transport := newTransport()
				defer transport.CloseIdleConnections()
				var made atomic.Int32
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
					if !info.Reused {
						made.Add(1)
					}
				}}
				do := func(transport *http.Transport, method, path, body string) (string, error) {
					r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), method, scheme+"://"+addr+path, io.NopCloser(strings.NewReader(body)))
					if err != nil {
						return "", err
					}
					response, err := transport.RoundTrip(r)
					if err != nil {
						return "", err
					}
					defer response.Body.Close()
					text, err := io.ReadAll(response.Body)
					return fmt.Sprintf("%d %s", response.StatusCode, text), err
				}
				large := strings.Repeat("text", 100_000)
				for range 3 {
					got, err := do(transport, "GET", "/hello/ann", "")
					if err != nil {
						return err
					}
					testkit.Equal(t, "answer", got, "200 hello ann\n")
					if got, err = do(transport, "POST", "/upper", large); err != nil { // in chunks, as the size is not known
						return err
					}
					testkit.Equal(t, "a large answer came", got == "200 "+strings.ToUpper(large), true)
				}
				testkit.Equal(t, "connections", made.Load(), 1)

				// Fifty clients at the same time, each with a slow request. Each has a Transport of its own: a common one gives a
				// request the connection of another one, and leaves the connection that it has begun to dial.
				failed := make(chan error)
				for range 50 {
					go func() {
						transport := newTransport()
						defer transport.CloseIdleConnections()
						got, err := do(transport, "GET", "/slow", "")
						if want := fmt.Sprintf("200 slow, over TLS: %t\n", scheme == "https"); err == nil && got != want {
							err = fmt.Errorf("the answer is %q, want %q", got, want)
						}
						failed <- err
					}()
				}
				var errs []error
				for range 50 {
					errs = append(errs, <-failed)
				}
				return errors.Join(errs...)
			}, opts...)
		})
	}
}

// program returns the path of a program, and skips the test if the machine does not have it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("this test needs the program %s, which is not on PATH", name)
	}
	return path
}

// curl uses the server with one connection, with and without TLS.
func TestWebServerWithCurl(t *testing.T) {
	curl := program(t, "curl")
	server, _ := tlsConfigs(t)
	server.NextProtos = []string{"http/1.1"}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]})
	testkit.NoError(t, os.WriteFile(roots, text, 0o600))
	upload := filepath.Join(t.TempDir(), "upload")
	testkit.NoError(t, os.WriteFile(upload, []byte(strings.Repeat("text", 500_000)), 0o600))
	for scheme, opts := range map[string][]host.ServeOption{"http": nil, "https": {host.WithTLS(server)}} {
		t.Run(scheme, func(t *testing.T) {
			servePeers(t, web().serve, func(ctx context.Context, addr string) error {
				_, port, _ := net.SplitHostPort(addr)
				run := func(args ...string) (string, error) {
					args = append([]string{"-q", "-sS", "--noproxy", "*", "--cacert", roots, "--resolve", "server.test:" + port + ":127.0.0.1"}, args...)
					var stderr strings.Builder
					cmd := exec.CommandContext(ctx, curl, args...)
					cmd.Stderr = &stderr
					out, err := cmd.Output()
					if err != nil {
						err = fmt.Errorf("curl: %w: %s", err, stderr.String())
					}
					return string(out), err
				}
				url := scheme + "://server.test:" + port
				got, err := run("-w", "%{http_code} %{num_connects}\n", url+"/hello/ann", url+"/slow", url+"/nothing")
				if err != nil {
					return err
				}
				testkit.Equal(t, "answers", got, fmt.Sprintf("hello ann\n200 1\nslow, over TLS: %t\n200 0\n404 page not found\n404 0\n", scheme == "https"))
				// curl announces a large body, and waits for the answer 100.
				if got, err = run("--expect100-timeout", "60", "-H", "Expect: 100-continue", "--data-binary", "@"+upload, url+"/upper"); err != nil {
					return err
				}
				testkit.Equal(t, "a large answer came", got == strings.Repeat("TEXT", 500_000), true)
				return nil
			}, opts...)
		})
	}
}

// A respClient is a client of Redis. Its tasks share one connection: each writes its request, and gets the answer
// when its turn has come.
type respClient struct {
	c       *host.Conn
	waiting []*future.Future[string] // in the order of the requests
}

// do sends a command and waits for the answer. If the task is canceled meanwhile, the answer is dropped when it
// comes.
func (r *respClient) do(ctx context.Context, args ...string) (string, error) {
	request := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, arg := range args {
		request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	answer := future.New[string](ctx)
	r.waiting = append(r.waiting, answer)
	if _, err := r.c.Write(request); err != nil {
		return "", err
	}
	return answer.Await(ctx)
}

// read reads the answers.
func (r *respClient) read(ctx context.Context) error {
	in := host.NewReader(r.c)
	for {
		line, err := in.ReadLine(ctx)
		if err != nil {
			return err
		}
		text := string(line[1:])
		var failure error
		switch line[0] {
		case '-':
			failure = errors.New(text)
		case '$':
			n, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			body := make([]byte, n+2)
			if _, err := in.ReadFull(ctx, body); err != nil {
				return err
			}
			text = string(body[:n])
		}
		next := r.waiting[0]
		r.waiting = r.waiting[1:]
		if failure != nil {
			_ = next.SetError(failure) // the task may have stopped waiting
		} else {
			_ = next.SetResult(text)
		}
	}
}

// redis starts a redis-server, and returns its socket.
func redis(t *testing.T) string {
	t.Helper()
	path := program(t, "redis-server")
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	out, err := cmd.StdoutPipe()
	testkit.NoError(t, err)
	testkit.NoError(t, cmd.Start())
	t.Cleanup(func() {
		testkit.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // says that it was killed
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "eady to accept connections") {
			go io.Copy(io.Discard, out) // until the process ends
			return socket
		}
	}
	t.Fatalf("redis-server has ended: %v", lines.Err())
	return ""
}

// Fifty tasks share one connection to a real Redis.
func TestRedis(t *testing.T) {
	socket := redis(t)
	_, err := task.Run(t.Context(), func(ctx context.Context) (struct{}, error) {
		c, err := host.System().Net.Dial(ctx, "unix", socket)
		if err != nil {
			return struct{}{}, err
		}
		defer c.Close()
		client := &respClient{c: c}
		reading := testkit.Spawn(ctx, "reading", client.read)
		return struct{}{}, task.WithGroup(ctx, func(ctx context.Context, g *task.Group) error {
			const tasks, rounds = 50, 100
			longest := 0
			var users []*task.Task[struct{}]
			for i := range tasks {
				user, err := task.GoIn(g, task.Void(func(ctx context.Context) error {
					key := fmt.Sprintf("key %d", i)
					for n := range rounds {
						want := fmt.Sprintf("value\r\n%d", n)
						for _, call := range []struct {
							args []string
							want string
						}{{[]string{"SET", key, want}, "OK"}, {[]string{"GET", key}, want}, {[]string{"INCR", "count"}, ""}} {
							got, err := client.do(ctx, call.args...)
							if err != nil {
								return err
							}
							if longest = max(longest, len(client.waiting)); call.want != "" {
								testkit.Equal(t, "answer", got, call.want)
							}
						}
					}
					return nil
				}))
				if err != nil {
					return err
				}
				users = append(users, user)
			}
			if err := task.Gather(users...).Wait(ctx); err != nil {
				return err
			}
			if got, err := client.do(ctx, "GET", "count"); err != nil || got != strconv.Itoa(tasks*rounds) {
				t.Errorf("count is %s, %v", got, err)
			}
			if longest < tasks/2 {
				t.Errorf("at most %d requests were in the pipeline", longest)
			}
			if _, err := client.do(ctx, "NONSENSE"); err == nil || !strings.HasPrefix(err.Error(), "ERR unknown command") {
				t.Errorf("the error of a wrong command is %v", err)
			}

			// A task that stops waiting does not disturb the others.
			err := task.Timeout(ctx, 0, func(ctx context.Context, _ *task.Deadline) error {
				_, err := client.do(ctx, "SET", "count", "0")
				return err
			})
			var limit *task.TimeoutError
			if !errors.As(err, &limit) {
				t.Errorf("the error is %v, want a limit", err)
			}
			if got, err := client.do(ctx, "GET", "count"); err != nil || got != "0" {
				t.Errorf("count is %s, %v", got, err)
			}
			testkit.NoError(t, c.Close())
			testkit.ErrorIs(t, reading.Wait(ctx), net.ErrClosed)
			return nil
		})
	})
	testkit.NoError(t, err)
}
