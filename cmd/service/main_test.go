package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network inside of the program, so that the test runs in a bubble, whose time is virtual.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// The service answers, lets requests wait, gives them up after a while, and ends them when it ends.
func TestService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := pipes{make(chan net.Conn), make(chan struct{})}
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- serve(ctx, network) }()

		client := &http.Client{Transport: &http.Transport{DialContext: network.dial}}
		type answer struct {
			status int
			text   string
		}
		ask := func(method, path, body string) <-chan answer {
			got := make(chan answer, 1)
			go func() {
				req, err := http.NewRequestWithContext(t.Context(), method, "http://board"+path, strings.NewReader(body))
				if err != nil {
					t.Error(err)
				}
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					got <- answer{}
					return
				}
				text, err := io.ReadAll(res.Body)
				if err := errors.Join(err, res.Body.Close()); err != nil {
					t.Error(err)
				}
				got <- answer{res.StatusCode, strings.TrimSpace(string(text))}
			}()
			synctest.Wait() // until it is answered, or waits
			return got
		}
		want := func(what string, got <-chan answer, want answer) {
			t.Helper()
			if got := <-got; got != want {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}

		waits := ask("GET", "/next?after=0", "")
		want("say", ask("POST", "/say", "hello"), answer{200, "1"})
		want("a request that has waited", waits, answer{200, "hello"})
		want("a message that is there", ask("GET", "/next?after=0", ""), answer{200, "hello"})
		want("no number", ask("GET", "/next", ""), answer{400, "after is the number of the message before, or 0"})

		began := time.Now()
		want("a request that waits in vain", ask("GET", "/next?after=1", ""), answer{204, ""})
		if waited := time.Since(began); waited != patience {
			t.Errorf("it has waited for %v, want %v", waited, patience)
		}

		began = time.Now()
		waits = ask("GET", "/next?after=1", "")
		interrupt()
		want("a request that waits at the end", waits, answer{503, "canceled"})
		client.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if took := time.Since(began); took >= grace {
			t.Errorf("the end took %v", took)
		}
	})
}
