package host_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// tlsConfigs makes the configurations of a server and of a client that trusts it.
func tlsConfigs(t *testing.T) (server, client *tls.Config) {
	certificate, roots := selfSigned(t)
	server = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h1"}}
	return server, &tls.Config{RootCAs: roots, ServerName: "server.test", NextProtos: []string{"h1"}}
}

// versions runs a test with each version of TLS that differs in its messages after the handshake.
func versions(t *testing.T, f func(ctx context.Context, t *looptest.T, server, client *tls.Config)) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			server, client := tlsConfigs(t)
			server.MinVersion, server.MaxVersion = v, v
			looptest.Run(t, func(ctx context.Context, t *looptest.T) { f(ctx, t, server, client) })
		})
	}
}

// handshake begins TLS on both ends of a pipe.
func handshake(ctx context.Context, t testkit.T, s, c *host.Conn, server, client *tls.Config) {
	t.Helper()
	other := testkit.Spawn(ctx, "TLS server", func(ctx context.Context) error { return host.TLSServer(ctx, s, server) })
	testkit.NoError(t, host.TLSClient(ctx, c, client))
	testkit.NoError(t, other.Wait(ctx))
}

func TestTLSInBothDirections(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		s, c := host.Pipe(ctx, host.WithPipeBuffer(100))
		if host.TLSState(c) != nil {
			t.Error("there is a state of TLS before the handshake")
		}
		handshake(ctx, t, s, c, server, client)
		for _, end := range []*host.Conn{s, c} {
			if state := host.TLSState(end); state.Version != server.MaxVersion || !state.HandshakeComplete || state.NegotiatedProtocol != "h1" {
				t.Errorf("the state is %+v", state)
			}
		}
		echoAround(ctx, t, c, s, 100_000)
		testkit.ErrorIs(t, c.Close(), net.ErrClosed)
	})
}

// A client may speak TLS with a proxy, and through it TLS with a server.
func TestTLSInsideOfTLS(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		s, c := host.Pipe(ctx, host.WithPipeBuffer(100))
		handshake(ctx, t, s, c, server, client)
		handshake(ctx, t, s, c, server, client)
		echoing := testkit.Spawn(ctx, "echo", func(context.Context) error { return echo(s) })
		sent := bytes.Repeat([]byte("0123456789"), 10000)
		writer := testkit.Spawn(ctx, "writer", func(context.Context) error {
			_, err := c.Write(sent)
			return errors.Join(err, c.CloseWrite())
		})
		got, err := io.ReadAll(c)
		testkit.NoError(t, err)
		testkit.Equal(t, "what came back is what was sent", bytes.Equal(got, sent), true)
		testkit.NoError(t, task.Gather(echoing, writer).Wait(ctx))
		testkit.NoError(t, c.Close())
	})
}

// A connection may begin without TLS.
func TestStartTLS(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		s, c := host.Pipe(ctx)
		agreed := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			p := make([]byte, 8)
			n, err := s.Read(p)
			testkit.Equal(t, "request", string(p[:n]), "STARTTLS")
			testkit.NoError(t, err)
			return host.TLSServer(ctx, s, server)
		})
		_, err := c.Write([]byte("STARTTLS"))
		testkit.NoError(t, err)
		testkit.NoError(t, host.TLSClient(ctx, c, client))
		testkit.NoError(t, agreed.Wait(ctx))
		testkit.NoError(t, c.Close())
		testkit.NoError(t, s.Close())
	})
}

// While tasks wait in Write, other tasks read, write and close. None of them waits for a lock of crypto/tls: the
// goroutine of the loop would wait with it, for ever. The worst case: the peer does not read, so a Write waits,
// and sends nonsense, so the Read must write an alert.
func TestTLSWhileAWriteWaits(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		s, c := host.Pipe(ctx, host.WithPipeBuffer(4000))
		accepted := testkit.Spawn(ctx, "TLS server", func(ctx context.Context) error { return host.TLSServer(ctx, s, server) })
		testkit.NoError(t, tls.Client(c, client).Handshake()) // c stays without TLS, so the test can write nonsense
		testkit.NoError(t, accepted.Wait(ctx))
		var failed []error
		note := func(err error) error { failed = append(failed, err); return nil }
		write := func(ctx context.Context) error { _, err := s.Write(make([]byte, 1<<20)); return note(err) }
		read := func(ctx context.Context) error { _, err := s.Read(make([]byte, 1)); return note(err) }
		tasks := []*task.Task[struct{}]{
			testkit.Spawn(ctx, "writer 1", write), testkit.Spawn(ctx, "writer 2", write),
			testkit.Spawn(ctx, "reader 1", read), testkit.Spawn(ctx, "reader 2", read),
		}
		testkit.NoError(t, looptest.Settle(ctx))
		testkit.Equal(t, "calls that have ended", len(failed), 0)
		testkit.Equal(t, "the version", host.TLSState(s).Version, server.MaxVersion)
		_, err := c.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("?", 32)))
		testkit.NoError(t, err)
		testkit.NoError(t, looptest.Settle(ctx))
		testkit.Equal(t, "calls that have ended, both reads", len(failed), 2)
		testkit.NoError(t, s.Close())
		testkit.NoError(t, task.Gather(tasks...).Wait(ctx))
		for i, err := range failed {
			if i < 2 && !strings.Contains(err.Error(), "tls: bad record MAC") || i >= 2 && !errors.Is(err, net.ErrClosed) {
				t.Errorf("error %d is %v", i, err)
			}
		}
		testkit.NoError(t, c.Close())
	})
}

// A tlsWriter writes the records of a client of TLS 1.3, with the suite TLS_AES_128_GCM_SHA256.
type tlsWriter struct {
	*host.Conn
	secret []byte // of the client's direction
	seq    uint64
}

func (w *tlsWriter) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := string([]byte{byte(n >> 8), byte(n), byte(len(label))}) + label + "\x00"
	out, err := hkdf.Expand(sha256.New, w.secret, info, n)
	if err != nil {
		panic(err)
	}
	return out
}

func (w *tlsWriter) record(kind byte, data ...byte) []byte {
	block, err := aes.NewCipher(w.expand("key", 16))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := w.expand("iv", 12)
	for i := range 8 {
		nonce[11-i] ^= byte(w.seq >> (8 * i))
	}
	w.seq++
	header := []byte{23, 3, 3, 0, byte(len(data) + 1 + aead.Overhead())}
	return aead.Seal(header, nonce, append(data, kind), header)
}

// update returns the message that the keys of this direction change, and that the peer must do the same.
func (w *tlsWriter) update() []byte {
	record := w.record(22, 24, 0, 0, 1, 1)
	w.secret, w.seq = w.expand("traffic upd", 32), 0
	return record
}

// A peer may ask for answer after answer and read none of them. Then its requests wait, so that memory stays
// bounded. When it reads, everything goes on.
func TestTLSPeerThatReadsNoAnswer(t *testing.T) {
	server, client := tlsConfigs(t)
	looptest.Run(t, func(ctx context.Context, t *looptest.T) {
		s, c := host.Pipe(ctx, host.WithPipeBuffer(4000))
		accepted := testkit.Spawn(ctx, "TLS server", func(ctx context.Context) error { return host.TLSServer(ctx, s, server) })
		var keys strings.Builder
		client.KeyLogWriter = &keys
		secure := tls.Client(c, client)
		testkit.NoError(t, secure.Handshake())
		testkit.NoError(t, accepted.Wait(ctx))
		if id := secure.ConnectionState().CipherSuite; id != tls.TLS_AES_128_GCM_SHA256 {
			t.Skipf("crypto/tls prefers %s on this machine", tls.CipherSuiteName(id))
		}
		_, key, _ := strings.Cut(keys.String(), "CLIENT_TRAFFIC_SECRET_0 ")
		key, _, _ = strings.Cut(key, "\n")
		secret, err := hex.DecodeString(strings.Fields(key)[1])
		testkit.NoError(t, err)
		w := &tlsWriter{Conn: c, secret: secret}
		const rounds = 3000
		flood := testkit.Spawn(ctx, "client", func(context.Context) error {
			for range rounds {
				if _, err := w.Write(append(w.record(23, 'x'), w.update()...)); err != nil {
					return err
				}
			}
			return c.CloseWrite()
		})
		got := 0
		reader := testkit.Spawn(ctx, "server", func(context.Context) error {
			p := make([]byte, 100)
			for {
				n, err := s.Read(p)
				if got += n; err != nil {
					testkit.Equal(t, "the end", err, io.EOF)
					return s.Close()
				}
			}
		})
		testkit.NoError(t, looptest.Settle(ctx))
		testkit.Equal(t, "the client waits", flood.Done(), false)
		if n := host.PendingTLS(s); n < 32<<10 || n > 33<<10 {
			t.Errorf("%d bytes are pending", n)
		}
		_, err = io.Copy(io.Discard, c)
		testkit.NoError(t, err)
		testkit.NoError(t, task.Gather(flood, reader).Wait(ctx))
		testkit.Equal(t, "bytes that came", got, rounds)
		testkit.NoError(t, c.Close())
	})
}

// Every call that has to wait is canceled, and repeated. No byte is lost or doubled.
func TestTLSCanceledAtEverySuspension(t *testing.T) {
	server, client := tlsConfigs(t)
	looptest.Explore(t, looptest.Sample(1, 30), func(ctx context.Context, t *looptest.T) {
		s, c := host.Pipe(ctx, host.WithPipeBuffer(4000))
		handshake(ctx, t, s, c, server, client)
		canceled := 0
		// again calls f with what is left of p, until nothing is left.
		again := func(ctx context.Context, p []byte, f func([]byte) (int, error)) error {
			for len(p) > 0 {
				n := 0
				err := task.Timeout(ctx, 0, func(context.Context, *task.Deadline) (err error) {
					n, err = f(p)
					return err
				})
				p = p[n:]
				var limit *task.TimeoutError
				if errors.As(err, &limit) {
					canceled++
				} else if err != nil {
					return err
				}
				if err := task.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		}
		message := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 9000) }
		echoing := testkit.Spawn(ctx, "server", func(ctx context.Context) error {
			for i := range 10 {
				p := make([]byte, len(message(i)))
				if err := again(ctx, p, s.Read); err != nil {
					return err
				}
				testkit.Equal(t, "request", string(p), string(message(i)))
				if err := again(ctx, p, s.Write); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range 10 {
			testkit.NoError(t, again(ctx, message(i), c.Write))
			p := make([]byte, len(message(i)))
			testkit.NoError(t, again(ctx, p, c.Read))
			testkit.Equal(t, "answer", string(p), string(message(i)))
		}
		testkit.NoError(t, echoing.Wait(ctx))
		if canceled < 10 {
			t.Errorf("only %d calls were canceled", canceled)
		}
		testkit.NoError(t, s.Close())
		testkit.NoError(t, c.Close())
	})
}

// Close sends what was written, and the notice of TLS, to a peer that reads later. It gives up after five
// seconds.
func TestTLSClose(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		for _, reads := range []bool{true, false} {
			s, c := host.Pipe(ctx, host.WithPipeBuffer(4000))
			handshake(ctx, t, s, c, server, client)
			sent := make([]byte, 10000) // more than the pipe holds, and less than TLS encrypts ahead
			n, err := s.Write(sent)
			testkit.NoError(t, err)
			testkit.Equal(t, "written", n, len(sent))
			testkit.NoError(t, s.Close())
			testkit.ErrorIs(t, s.Close(), net.ErrClosed)
			if !reads {
				testkit.NoError(t, task.Sleep(ctx, 6*time.Second))
			}
			got, err := io.ReadAll(c)
			if reads {
				testkit.NoError(t, err)
				testkit.Equal(t, "bytes that came", len(got), len(sent))
			} else {
				testkit.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
			testkit.NoError(t, c.Close())
		}
	})
}

// A handshake that fails, is canceled, or takes too long closes the connection.
func TestHandshakeFails(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		for name, f := range map[string]struct {
			peer func(ctx context.Context, c *host.Conn) error
			want func(error) bool
		}{
			"nonsense": {
				func(ctx context.Context, c *host.Conn) error {
					_, err := io.WriteString(c, "GET / HTTP/1.1\r\n")
					return err
				},
				func(err error) bool { var e tls.RecordHeaderError; return errors.As(err, &e) }},
			"a client that does not trust the server": {
				func(ctx context.Context, c *host.Conn) error {
					err := host.TLSClient(ctx, c, &tls.Config{ServerName: "server.test", RootCAs: x509.NewCertPool()})
					var e *tls.CertificateVerificationError
					if !errors.As(err, &e) {
						t.Errorf("the error of the client is %v", err)
					}
					testkit.ErrorIs(t, c.Close(), net.ErrClosed)
					return nil
				},
				func(err error) bool { return strings.Contains(err.Error(), "remote error: tls: bad certificate") }},
			"the end": {
				func(ctx context.Context, c *host.Conn) error { return c.Close() },
				func(err error) bool { return err == io.EOF }},
			"silence": {
				func(ctx context.Context, c *host.Conn) error { return nil },
				func(err error) bool { var e *task.TimeoutError; return errors.As(err, &e) }},
		} {
			s, c := host.Pipe(ctx)
			peer := testkit.Spawn(ctx, "peer", func(ctx context.Context) error { return f.peer(ctx, c) })
			err := task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
				return host.TLSServer(ctx, s, server)
			})
			if err == nil || !f.want(err) {
				t.Errorf("%s: the error is %v", name, err)
			}
			testkit.ErrorIs(t, s.Close(), net.ErrClosed)
			testkit.NoError(t, peer.Wait(ctx))
			_ = c.Close()
		}
	})
}

// Deadlines of a Conn with TLS lose nothing.
func TestTLSDeadline(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		l := task.Current(ctx).Loop()
		s, c := host.Pipe(ctx, host.WithPipeBuffer(4000))
		handshake(ctx, t, s, c, server, client)
		testkit.NoError(t, c.SetReadDeadline(l.Now().Add(time.Second)))
		_, err := c.Read(make([]byte, 1))
		testkit.ErrorIs(t, err, os.ErrDeadlineExceeded)
		testkit.NoError(t, c.SetReadDeadline(time.Time{}))
		sent := make([]byte, 100000)
		testkit.NoError(t, s.SetWriteDeadline(l.Now().Add(time.Second)))
		n, err := s.Write(sent)
		testkit.ErrorIs(t, err, os.ErrDeadlineExceeded)
		testkit.NoError(t, s.SetWriteDeadline(time.Time{}))
		rest := testkit.Spawn(ctx, "rest", func(context.Context) error {
			_, err := s.Write(sent[n:])
			return errors.Join(err, s.Close())
		})
		got, err := io.ReadAll(c)
		testkit.NoError(t, err)
		testkit.Equal(t, "bytes that came", len(got), len(sent))
		testkit.NoError(t, rest.Wait(ctx))
		testkit.NoError(t, c.Close())
	})
}

func TestServeWithTLS(t *testing.T) {
	versions(t, func(ctx context.Context, t *looptest.T, server, client *tls.Config) {
		var reports []string
		report := func(err error) { reports = append(reports, err.Error()) }
		handle := func(ctx context.Context, c *host.Conn) error {
			if host.TLSState(c) == nil {
				return errors.New("no TLS")
			}
			return echo(c)
		}
		wantCause(t, serving(ctx, handle, func(m *host.Memory, _ *task.Task[struct{}]) {
			silent := dial(t, m)
			c, err := m.Dial(4000)
			testkit.NoError(t, err)
			testkit.NoError(t, host.TLSClient(ctx, c, client))
			answer, err := say(c, "hello")
			testkit.NoError(t, err)
			testkit.Equal(t, "answer", answer, "hello")
			testkit.NoError(t, c.Close())
			_, err = silent.Read(make([]byte, 1))
			testkit.Equal(t, "the end of a silent client", err, io.EOF)
			testkit.Equal(t, "time until the end", task.Current(ctx).Loop().Elapsed(), 10*time.Second)
			testkit.NoError(t, silent.Close())
			testkit.NoError(t, dial(t, m).Close()) // a client that looks only whether the port is open is not reported
		}, host.WithTLS(server), host.WithErrorHandler(report)))
		testkit.Equal(t, "reports", strings.Join(reports, "; "), "client 1: TLS handshake: time limit of 10s expired")
	})
}
