package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A webServer serves HTTP/1.1: its method serve is the handle of host.Serve. The Handler runs in the task of the
// connection. So it may suspend, by the functions of takt under the context of the request.
type webServer struct {
	http.Handler
	idle    time.Duration // how long a connection may wait for its next request
	request time.Duration // how long a request may take, until it is answered
}

// serve answers the requests of one connection, until the client ends it, or the server shuts down.
func (s webServer) serve(ctx context.Context, c *host.Conn) error {
	r, w := bufio.NewReader(c), bufio.NewWriter(c)
	for {
		if err := s.wait(ctx, r, w); err != nil {
			return err
		}
		last := false
		err := task.Timeout(ctx, s.request, func(ctx context.Context, _ *task.Deadline) (err error) {
			last, err = s.answer(ctx, c, r, w)
			return err
		})
		if err != nil || last {
			return errors.Join(err, w.Flush())
		}
	}
}

// wait waits for the beginning of a request. While requests are in the pipeline, answers are collected in w.
func (s webServer) wait(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	if r.Buffered() > 0 {
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return host.Idle(ctx, func(ctx context.Context) error {
		_, err := task.Within(ctx, s.idle, func(context.Context) ([]byte, error) { return r.Peek(1) })
		return err
	})
}

// answer reads one request and writes the response. It returns whether the response was the last one.
func (s webServer) answer(ctx context.Context, c *host.Conn, r *bufio.Reader, w *bufio.Writer) (last bool, err error) {
	recorder := httptest.NewRecorder()
	request, err := http.ReadRequest(r)
	if err != nil {
		http.Error(recorder, err.Error(), http.StatusBadRequest)
		request, last = &http.Request{Method: "GET", Body: http.NoBody}, true
	} else {
		request.TLS, request.RemoteAddr = host.TLSState(c), c.RemoteAddr().String()
		if request.Header.Get("Expect") == "100-continue" {
			fmt.Fprint(w, "HTTP/1.1 100 Continue\r\n\r\n")
			if err := w.Flush(); err != nil {
				return true, err
			}
		}
		s.ServeHTTP(recorder, request.WithContext(ctx))
	}
	response := recorder.Result()
	response.Request, response.ContentLength = request, int64(recorder.Body.Len())
	response.Close = last || request.Close || host.Draining(ctx)
	if _, err := io.Copy(io.Discard, request.Body); err != nil { // the next request comes after the body
		response.Close = true
	}
	return response.Close, response.Write(w)
}

// web is a webServer for the tests.
func web() webServer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s\n", r.PathValue("name"))
	})
	mux.HandleFunc("POST /upper", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		fmt.Fprint(w, strings.ToUpper(string(body)))
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		if err := task.Sleep(r.Context(), 100*time.Millisecond); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, "slow, over TLS:", r.TLS != nil)
	})
	return webServer{mux, time.Minute, 10 * time.Second}
}

// ask writes a request and reads the response.
func ask(r *bufio.Reader, w io.Writer, request string) (string, error) {
	if _, err := io.WriteString(w, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		return "", err
	}
	return answered(r)
}

// answered reads a response. It returns "200 body", with "close" before the body if no further response comes.
func answered(r *bufio.Reader) (string, error) {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	last := ""
	if response.Close {
		last = "close "
	}
	return fmt.Sprintf("%d %s%s", response.StatusCode, last, strings.TrimSuffix(string(body), "\n")), err
}

func TestWebServer(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		wantCause(t, serving(ctx, web().serve, func(m *host.Memory, _ *task.Task[struct{}]) {
			c := dial(t, m)
			r := bufio.NewReader(c)
			for _, test := range []struct{ request, want string }{
				{"GET /hello/ann HTTP/1.1\nHost: x\n\n", "200 hello ann"},
				{"POST /upper HTTP/1.1\nHost: x\nContent-Length: 4\n\ntext", "200 TEXT"},
				{"POST /upper HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\n1\nd\n0\n\n", "200 ABCD"},
				{"POST /hello/body HTTP/1.1\nHost: x\nContent-Length: 4\n\nlost", "405 Method Not Allowed"},
				{"GET /slow HTTP/1.1\nHost: x\n\n", "200 slow, over TLS: false"},
				{"GET /nothing HTTP/1.1\nHost: x\nConnection: close\n\n", "404 close 404 page not found"},
			} {
				got, err := ask(r, c, test.request)
				testkit.NoError(t, err)
				testkit.Equal(t, "answer", got, test.want)
			}
			_, err := r.ReadByte()
			testkit.Equal(t, "the end", err, io.EOF)
			testkit.NoError(t, c.Close())

			c = dial(t, m)
			got, err := ask(bufio.NewReader(c), c, "nonsense\n\n")
			testkit.NoError(t, err)
			testkit.Equal(t, "answer", got, `400 close malformed HTTP request "nonsense"`)
			testkit.NoError(t, c.Close())
		}))
	})
}

// Answers come in the order of the requests, also if the client does not wait for them.
func TestWebServerPipelining(t *testing.T) {
	looptest.Explore(t, looptest.Sample(1, 30), func(ctx context.Context, t *looptest.T) {
		wantCause(t, serving(ctx, web().serve, func(m *host.Memory, _ *task.Task[struct{}]) {
			c := dial(t, m)
			asking := testkit.Spawn(ctx, "asking", func(context.Context) error {
				for i := range 50 {
					if _, err := fmt.Fprintf(c, "GET /hello/%d HTTP/1.1\r\nHost: x\r\n\r\n", i); err != nil {
						return err
					}
				}
				return nil
			})
			r := bufio.NewReader(c)
			for i := range 50 {
				got, err := answered(r)
				testkit.NoError(t, err)
				testkit.Equal(t, "answer", got, fmt.Sprintf("200 hello %d", i))
			}
			testkit.NoError(t, asking.Wait(ctx))
			testkit.NoError(t, c.Close())
		}))
	})
}

// A connection ends when it is idle for too long. At a shutdown, an idle connection ends at once, and a request
// that is under way is answered.
func TestWebServerEnds(t *testing.T) {
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		l := task.Current(ctx).Loop()
		report := func(err error) {
			var limit *task.TimeoutError
			if !errors.As(err, &limit) {
				t.Errorf("the server reports %v", err)
			}
		}
		began := l.Elapsed()
		var busy *host.Conn
		wantCause(t, serving(ctx, web().serve, func(m *host.Memory, _ *task.Task[struct{}]) {
			silent := dial(t, m)
			_, err := silent.Read(make([]byte, 1))
			testkit.Equal(t, "the end of a silent client", err, io.EOF)
			testkit.Equal(t, "time until then", l.Elapsed()-began, time.Minute)
			testkit.NoError(t, silent.Close())
			idle := dial(t, m)
			busy = dial(t, m)
			began = l.Elapsed()
			_, err = io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
			testkit.NoError(t, err)
			_, err = ask(bufio.NewReader(idle), idle, "GET /hello/idle HTTP/1.1\nHost: x\n\n")
			testkit.NoError(t, err)
		}, host.WithErrorHandler(report)))
		testkit.Equal(t, "time until the end of the server", l.Elapsed()-began, 100*time.Millisecond)
		got, err := answered(bufio.NewReader(busy))
		testkit.NoError(t, err)
		testkit.Equal(t, "answer", got, "200 close slow, over TLS: false")
		testkit.NoError(t, busy.Close())
	})
}
