package host_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// Code of the standard library, which knows nothing of tasks, reads and writes connections. Each test has a
// client and a server, two tasks of one loop, and a pipe that holds little. So both tasks often wait.

// dialogue runs client and server as tasks. It closes each end when its function has returned.
func dialogue(t *testing.T, client, server func(ctx context.Context, c *host.Conn) error) {
	t.Helper()
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx, host.WithPipeBuffer(7))
		side := func(name string, c *host.Conn, f func(ctx context.Context, c *host.Conn) error) *task.Task[struct{}] {
			return testkit.Spawn(ctx, name, func(ctx context.Context) error {
				defer c.Close()
				return f(ctx, c)
			})
		}
		testkit.NoError(t, task.Gather(side("client", a, client), side("server", b, server)).Wait(ctx))
	})
}

func TestStandardBufio(t *testing.T) {
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		rw := bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c))
		for i := range 100 {
			if _, err := fmt.Fprintf(rw, "question %d\n", i); err != nil {
				return err
			}
			if err := rw.Flush(); err != nil {
				return err
			}
			answer, err := rw.ReadString('\n')
			testkit.Equal(t, "answer", read{answer, err}, read{fmt.Sprintf("QUESTION %d\n", i), nil})
		}
		return nil
	}, func(_ context.Context, c *host.Conn) error {
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			if _, err := fmt.Fprintln(c, strings.ToUpper(lines.Text())); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

type message struct {
	N    int
	Text string
	List []float64
}

func (m message) String() string { return fmt.Sprintf("%d %s %v", m.N, m.Text, m.List) }

func messages(yield func(message) bool) {
	for i := range 50 {
		if !yield(message{i, strings.Repeat("text ", i), []float64{float64(i), 1.5}}) {
			return
		}
	}
}

// coded sends messages there and back.
func coded(t *testing.T, encoder func(io.Writer) interface{ Encode(any) error }, decoder func(io.Reader) interface{ Decode(any) error }) {
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		enc, dec := encoder(c), decoder(c)
		for m := range messages {
			if err := enc.Encode(m); err != nil {
				return err
			}
			var back message
			if err := dec.Decode(&back); err != nil {
				return err
			}
			testkit.Equal(t, "message", back.String(), m.String())
		}
		return nil
	}, func(_ context.Context, c *host.Conn) error {
		enc, dec := encoder(c), decoder(c)
		for {
			var m message
			if err := dec.Decode(&m); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := enc.Encode(m); err != nil {
				return err
			}
		}
	})
}

func TestStandardJSON(t *testing.T) {
	coded(t, func(w io.Writer) interface{ Encode(any) error } { return json.NewEncoder(w) },
		func(r io.Reader) interface{ Decode(any) error } { return json.NewDecoder(r) })
}

func TestStandardGob(t *testing.T) {
	coded(t, func(w io.Writer) interface{ Encode(any) error } { return gob.NewEncoder(w) },
		func(r io.Reader) interface{ Decode(any) error } { return gob.NewDecoder(r) })
}

// A decoder of gob reads no further than its values, so a Reader can be handed to it in the middle of a stream.
func TestStandardGobAfterALine(t *testing.T) {
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		fmt.Fprintln(c, "a line")
		if err := gob.NewEncoder(c).Encode("a value"); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c, "a second line")
		return err
	}, func(ctx context.Context, c *host.Conn) error {
		r := host.NewReader(c)
		testkit.Equal(t, "line", line(r, ctx), read{"a line", nil})
		var v string
		testkit.NoError(t, gob.NewDecoder(r).Decode(&v))
		testkit.Equal(t, "value", v, "a value")
		testkit.Equal(t, "line", line(r, ctx), read{"a second line", nil})
		return nil
	})
}

func TestStandardTextproto(t *testing.T) {
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		p := textproto.NewConn(c)
		_, text, err := p.ReadCodeLine(220)
		testkit.Equal(t, "greeting", read{text, err}, read{"ready", nil})
		for i := range 20 {
			id, err := p.Cmd("SEND %d", i)
			if err != nil {
				return err
			}
			w := p.DotWriter()
			fmt.Fprintf(w, ".one\ntwo %s\n", strings.Repeat("x", i))
			if err := w.Close(); err != nil {
				return err
			}
			p.StartResponse(id)
			_, text, err := p.ReadResponse(250)
			p.EndResponse(id)
			testkit.Equal(t, "response", read{text, err}, read{fmt.Sprintf("got %d\n2 lines, %d bytes", i, 10+i), nil})
		}
		return nil
	}, func(_ context.Context, c *host.Conn) error {
		p := textproto.NewConn(c)
		if err := p.PrintfLine("220 ready"); err != nil {
			return err
		}
		for {
			command, err := p.ReadLine()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			lines, err := p.ReadDotLines()
			if err != nil {
				return err
			}
			if err := p.PrintfLine("250-got %s\r\n250 %d lines, %d bytes", strings.TrimPrefix(command, "SEND "), len(lines), len(strings.Join(lines, "\n"))+1); err != nil {
				return err
			}
		}
	})
}

// The halves of an HTTP/1.1 server and client that need no goroutines: requests on a connection that is kept
// alive, with bodies of known length and in chunks.
func TestStandardHTTP(t *testing.T) {
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		br := bufio.NewReader(c)
		for i := range 10 {
			body := strings.Repeat("body ", i)
			var reader io.Reader = strings.NewReader(body)
			if i%2 == 1 {
				reader = struct{ io.Reader }{reader} // of unknown length: in chunks
			}
			request, err := http.NewRequest("POST", fmt.Sprintf("http://example.com/echo?n=%d", i), reader)
			if err != nil {
				return err
			}
			if err := request.Write(c); err != nil {
				return err
			}
			response, err := http.ReadResponse(br, request)
			if err != nil {
				return err
			}
			back, err := io.ReadAll(response.Body)
			testkit.Equal(t, "body", read{string(back), err}, read{body, nil})
			testkit.Equal(t, "header", response.Header.Get("X-N"), fmt.Sprint(i))
			response.Body.Close()
		}
		return nil
	}, func(_ context.Context, c *host.Conn) error {
		br := bufio.NewReader(c)
		for {
			request, err := http.ReadRequest(br)
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return err
			}
			response := &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: request, ContentLength: -1,
				TransferEncoding: []string{"chunked"}, Header: http.Header{"X-N": {request.FormValue("n")}}, Body: io.NopCloser(bytes.NewReader(body))}
			if err := response.Write(c); err != nil {
				return err
			}
		}
	})
}

func TestStandardGzip(t *testing.T) {
	text := strings.Repeat("The same again. ", 5000)
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		w := gzip.NewWriter(c)
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		r, err := gzip.NewReader(c)
		if err != nil {
			return err
		}
		back, err := io.ReadAll(r)
		testkit.Equal(t, "it came back", string(back) == text, true)
		return err
	}, func(_ context.Context, c *host.Conn) error {
		r, err := gzip.NewReader(bufio.NewReader(c))
		if err != nil {
			return err
		}
		r.Multistream(false) // otherwise it reads on after the end
		all, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		w := gzip.NewWriter(c)
		if _, err := w.Write(all); err != nil {
			return err
		}
		return w.Close()
	})
}

func TestStandardTLS(t *testing.T) {
	certificate, roots := selfSigned(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	dialogue(t, func(_ context.Context, c *host.Conn) error {
		s := tls.Client(c, &tls.Config{ServerName: "server.test", RootCAs: roots})
		if err := s.Handshake(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(s, "hello"); err != nil {
			return err
		}
		answer, err := bufio.NewReader(s).ReadString('\n')
		testkit.Equal(t, "answer", read{answer, err}, read{"hello\n", nil})
		if _, err := s.Write(big); err != nil {
			return err
		}
		return s.Close()
	}, func(ctx context.Context, c *host.Conn) error {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
		r := host.NewReader(s)
		text, err := r.ReadUntil(ctx, []byte("\n"))
		testkit.Equal(t, "question", read{string(text), err}, read{"hello\n", nil})
		if _, err := s.Write(text); err != nil {
			return err
		}
		all, err := io.ReadAll(r)
		testkit.Equal(t, "all has come", bytes.Equal(all, big), true)
		_ = s.Close() // says goodbye to a client that has closed its end
		return err
	})
}

// A TLS connection goes on after a read deadline has expired.
func TestStandardTLSAfterADeadline(t *testing.T) {
	certificate, roots := selfSigned(t)
	dialogue(t, func(ctx context.Context, c *host.Conn) error {
		s := tls.Client(c, &tls.Config{ServerName: "server.test", RootCAs: roots})
		if err := s.Handshake(); err != nil {
			return err
		}
		if err := task.Sleep(ctx, 3*time.Second); err != nil {
			return err
		}
		_, err := fmt.Fprint(s, "late")
		return err
	}, func(ctx context.Context, c *host.Conn) error {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if err := s.Handshake(); err != nil {
			return err
		}
		l := task.Current(ctx).Loop()
		p := make([]byte, 9)
		for range 2 {
			testkit.NoError(t, s.SetReadDeadline(l.Now().Add(time.Second)))
			_, err := s.Read(p)
			timed{t: t}.expired(err)
		}
		testkit.NoError(t, s.SetReadDeadline(time.Time{}))
		testkit.Equal(t, "read", got(s, 9), read{"late", nil})
		return nil
	})
}

// selfSigned makes a certificate for server.test.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testkit.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server.test"}, DNSNames: []string{"server.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	testkit.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	testkit.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
