package host_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// A world makes connections for the tests of connIn. These tests say what package net's own suite for a net.Conn says
// (golang.org/x/net/nettest), with tasks in place of goroutines, and what SetDeadline, CloseWrite and Close say
// besides. They run for every kind of transport.
type world struct {
	run  func(t testing.TB, body func(ctx context.Context)) // runs body in a task of a new loop
	pair func(ctx context.Context) (a, b *host.Conn, err error)
}

func TestConnOnAPipe(t *testing.T) {
	connIn(t, world{testkit.Run, func(ctx context.Context) (a, b *host.Conn, err error) {
		a, b = host.Pipe(ctx)
		return a, b, nil
	}})
}

// connIn runs all tests in w.
func connIn(t *testing.T, w world) {
	for _, one := range []struct {
		name string
		test func(s *suite)
	}{
		{"BasicIO", (*suite).basicIO},
		{"PingPong", (*suite).pingPong},
		{"RacyRead", (*suite).racyRead},
		{"RacyWrite", (*suite).racyWrite},
		{"ReadTimeout", (*suite).readTimeout},
		{"WriteTimeout", (*suite).writeTimeout},
		{"PastTimeout", (*suite).pastTimeout},
		{"PresentTimeout", (*suite).presentTimeout},
		{"FutureTimeout", (*suite).futureTimeout},
		{"CloseTimeout", (*suite).closeTimeout},
		{"ConcurrentMethods", (*suite).concurrentMethods},
		{"HalfClose", (*suite).halfClose},
		{"CloseDeliversWhatWasWritten", (*suite).closeDelivers},
		{"Cancel", (*suite).cancel},
		{"Sticky", (*suite).sticky},
	} {
		t.Run(one.name, func(t *testing.T) {
			w.run(t, func(ctx context.Context) {
				a, b, err := w.pair(ctx)
				if err != nil {
					t.Fatal(err)
				}
				s := &suite{t, ctx, task.Current(ctx).Loop(), a, b}
				one.test(s)
				_, _ = a.Close(), b.Close()
			})
		})
	}
}

// A suite is one test of connIn.
type suite struct {
	*testing.T
	ctx  context.Context
	l    *loop.Loop
	a, b *host.Conn
}

// long is a time that passes only where time is virtual, and short one for which a test may wait.
const (
	long  = time.Minute
	short = 10 * time.Millisecond
)

func (s *suite) in(d time.Duration) time.Time { return s.l.Now().Add(d) }

// together runs bodies as tasks, and waits for all.
func (s *suite) together(bodies ...func(ctx context.Context)) {
	s.Helper()
	err := task.WithGroup(s.ctx, func(_ context.Context, g *task.Group) error {
		for _, body := range bodies {
			_ = g.Go(func(ctx context.Context) error { body(ctx); return nil })
		}
		return nil
	})
	testkit.NoError(s, err)
}

func (s *suite) timeout(err error) {
	s.Helper()
	var e net.Error
	if !errors.As(err, &e) || !e.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("the error is %v, want an expired deadline", err)
	}
}

// resync checks that the connection still works, after what was on the way has been read.
func (s *suite) resync() {
	s.Helper()
	testkit.NoError(s, s.a.SetDeadline(time.Time{}))
	testkit.NoError(s, s.b.SetDeadline(time.Time{}))
	marker := []byte("-marker-")
	s.together(func(context.Context) {
		_, err := s.a.Write(marker)
		testkit.NoError(s, err)
	}, func(ctx context.Context) {
		r := host.NewReader(s.b, host.WithReadLimit(64<<20))
		_, err := r.ReadUntil(ctx, marker)
		testkit.NoError(s, err)
		_, err = s.b.Write(marker)
		testkit.NoError(s, err)
	}, func(ctx context.Context) {
		_, err := host.NewReader(s.a, host.WithReadLimit(64<<20)).ReadUntil(ctx, marker)
		testkit.NoError(s, err)
	})
}

func (s *suite) basicIO() {
	want := make([]byte, 1<<20)
	chance := rand.NewChaCha8([32]byte{})
	_, _ = chance.Read(want)
	s.together(func(context.Context) {
		_, err := io.Copy(s.a, bytes.NewReader(want))
		testkit.NoError(s, err)
		testkit.NoError(s, s.a.CloseWrite())
	}, func(context.Context) {
		_, err := io.Copy(s.b, s.b)
		testkit.NoError(s, err)
		testkit.NoError(s, s.b.Close())
	}, func(context.Context) {
		got, err := io.ReadAll(s.a)
		testkit.NoError(s, err)
		testkit.Equal(s, "what came back is what was sent", bytes.Equal(got, want), true)
	})
}

func (s *suite) pingPong() {
	player := func(c *host.Conn, first uint64) func(context.Context) {
		return func(context.Context) {
			p := make([]byte, 8)
			for n := first; n < 1000; n += 2 {
				binary.BigEndian.PutUint64(p, n)
				_, err := c.Write(p)
				testkit.NoError(s, err)
				_, err = io.ReadFull(c, p)
				testkit.NoError(s, err)
				testkit.Equal(s, "number", binary.BigEndian.Uint64(p), n^1)
			}
		}
	}
	s.together(player(s.a, 0), player(s.b, 1))
}

// racyRead: several tasks read under deadlines that expire, while bytes come.
func (s *suite) racyRead() {
	sent, got := 0, 0
	readers := 10
	bodies := []func(context.Context){func(ctx context.Context) {
		for readers > 0 {
			n, err := s.a.Write(make([]byte, 100))
			testkit.NoError(s, err)
			sent += n
			testkit.NoError(s, task.Sleep(ctx, short/20))
		}
		testkit.NoError(s, s.a.CloseWrite())
	}}
	for range readers {
		bodies = append(bodies, func(context.Context) {
			defer func() { readers-- }()
			p := make([]byte, 64)
			for range 10 {
				n, err := s.b.Read(p)
				got += n
				if err != nil {
					s.timeout(err)
				}
				testkit.NoError(s, s.b.SetReadDeadline(s.in(short/10)))
			}
		})
	}
	s.together(bodies...)
	testkit.NoError(s, s.b.SetReadDeadline(time.Time{}))
	rest, err := io.ReadAll(s.b)
	testkit.NoError(s, err)
	testkit.Equal(s, "bytes that came", got+len(rest), sent)
}

// racyWrite: several tasks write under deadlines that expire, while the peer reads slowly.
func (s *suite) racyWrite() {
	sent := 0
	var bodies []func(context.Context)
	writers := 10
	for range writers {
		bodies = append(bodies, func(context.Context) {
			defer func() {
				if writers--; writers == 0 {
					testkit.NoError(s, s.a.CloseWrite())
				}
			}()
			for range 10 {
				n, err := s.a.Write(make([]byte, 30_000))
				sent += n
				if err != nil {
					s.timeout(err)
				}
				testkit.NoError(s, s.a.SetWriteDeadline(s.in(short/10)))
			}
		})
	}
	got := 0
	bodies = append(bodies, func(ctx context.Context) {
		p := make([]byte, 20_000)
		for {
			n, err := s.b.Read(p)
			got += n
			if err != nil {
				testkit.Equal(s, "error", err, io.EOF)
				return
			}
			testkit.NoError(s, task.Sleep(ctx, short/10))
		}
	})
	s.together(bodies...)
	testkit.Equal(s, "bytes that came", got, sent)
}

func (s *suite) readTimeout() {
	for range 3 {
		testkit.NoError(s, s.a.SetReadDeadline(s.in(short)))
		n, err := s.a.Read(make([]byte, 1024))
		s.timeout(err)
		testkit.Equal(s, "bytes", n, 0)
	}
	s.resync()
}

// writeTimeout fills all buffers.
func (s *suite) writeTimeout() {
	testkit.NoError(s, s.a.SetWriteDeadline(s.in(5*short)))
	sent := 0
	for {
		n, err := s.a.Write(make([]byte, 10_000))
		if sent += n; err != nil {
			s.timeout(err)
			break
		}
	}
	testkit.NoError(s, s.a.SetWriteDeadline(time.Time{}))
	got := 0
	s.together(func(context.Context) { testkit.NoError(s, s.a.CloseWrite()) }, func(context.Context) {
		all, err := io.ReadAll(s.b)
		testkit.NoError(s, err)
		got = len(all)
	})
	testkit.Equal(s, "bytes that came", got, sent)
}

func (s *suite) pastTimeout() {
	testkit.NoError(s, s.a.SetDeadline(time.Unix(1, 0)))
	n, err := s.a.Write(make([]byte, 1024))
	s.timeout(err)
	testkit.Equal(s, "written", n, 0)
	n, err = s.a.Read(make([]byte, 1024))
	s.timeout(err)
	testkit.Equal(s, "read", n, 0)
	s.resync()
}

// presentTimeout: a deadline that is set to now wakes the tasks that wait.
func (s *suite) presentTimeout() {
	s.together(func(ctx context.Context) {
		testkit.NoError(s, task.Sleep(ctx, short))
		testkit.NoError(s, s.a.SetReadDeadline(s.l.Now()))
		testkit.NoError(s, task.Sleep(ctx, 5*short))
		testkit.NoError(s, s.a.SetWriteDeadline(s.l.Now()))
	}, func(context.Context) {
		_, err := s.a.Read(make([]byte, 1024))
		s.timeout(err)
	}, func(context.Context) {
		for {
			if _, err := s.a.Write(make([]byte, 100_000)); err != nil {
				s.timeout(err)
				return
			}
		}
	})
}

func (s *suite) futureTimeout() {
	testkit.NoError(s, s.a.SetDeadline(s.in(5*short)))
	s.together(func(context.Context) {
		_, err := s.a.Read(make([]byte, 1024))
		s.timeout(err)
	}, func(context.Context) {
		for {
			if _, err := s.a.Write(make([]byte, 100_000)); err != nil {
				s.timeout(err)
				return
			}
		}
	})
	s.resync()
}

// closeTimeout: Close wakes the tasks that wait, in spite of a deadline that is far.
func (s *suite) closeTimeout() {
	testkit.NoError(s, s.a.SetDeadline(s.in(long)))
	s.together(func(ctx context.Context) {
		testkit.NoError(s, task.Sleep(ctx, 5*short))
		testkit.NoError(s, s.a.Close())
	}, func(context.Context) {
		_, err := s.a.Read(make([]byte, 1024))
		testkit.ErrorIs(s, err, net.ErrClosed)
	}, func(context.Context) {
		for {
			if _, err := s.a.Write(make([]byte, 100_000)); err != nil {
				testkit.ErrorIs(s, err, net.ErrClosed)
				return
			}
		}
	})
}

func (s *suite) concurrentMethods() {
	var bodies []func(context.Context)
	for range 20 {
		bodies = append(bodies,
			func(context.Context) { _, _ = s.a.Read(make([]byte, 1024)) },
			func(context.Context) { _, _ = s.a.Write(make([]byte, 1024)) },
			func(context.Context) { testkit.NoError(s, s.a.SetDeadline(s.in(short))) },
			func(context.Context) { testkit.NoError(s, s.a.SetReadDeadline(s.in(short))) },
			func(context.Context) { testkit.NoError(s, s.a.SetWriteDeadline(s.in(short))) },
			func(context.Context) { _, _ = s.a.LocalAddr(), s.a.RemoteAddr() })
	}
	bodies = append(bodies, func(ctx context.Context) {
		_ = task.Timeout(ctx, short, func(context.Context, *task.Deadline) error { _, err := io.Copy(s.b, s.b); return err })
	})
	s.together(bodies...)
}

func (s *suite) halfClose() {
	s.together(func(context.Context) {
		_, err := io.WriteString(s.a, "question")
		testkit.NoError(s, err)
		testkit.NoError(s, s.a.CloseWrite())
		_, err = s.a.Write([]byte("x"))
		testkit.ErrorIs(s, err, syscall.EPIPE)
		answer, err := io.ReadAll(s.a)
		testkit.Equal(s, "answer", read{string(answer), err}, read{"answer", nil})
	}, func(context.Context) {
		question, err := io.ReadAll(s.b)
		testkit.Equal(s, "question", read{string(question), err}, read{"question", nil})
		_, err = io.WriteString(s.b, "answer")
		testkit.NoError(s, err)
		testkit.NoError(s, s.b.CloseWrite())
	})
}

// closeDelivers: what was written comes, also if this end is closed at once, with bytes that it has not read.
func (s *suite) closeDelivers() {
	_, err := io.WriteString(s.b, "not read")
	testkit.NoError(s, err)
	testkit.NoError(s, task.Sleep(s.ctx, short))
	_, err = s.a.Write(bytes.Repeat([]byte("text"), 1000))
	testkit.NoError(s, err)
	testkit.NoError(s, s.a.Close())
	testkit.NoError(s, task.Sleep(s.ctx, short))
	all, err := io.ReadAll(s.b)
	testkit.NoError(s, err)
	testkit.Equal(s, "bytes that came", len(all), 4000)
}

// cancel: a read under a limit, again and again, loses nothing.
func (s *suite) cancel() {
	const lines = 40
	s.together(func(ctx context.Context) {
		for range lines {
			for _, part := range []string{"half a ", "line\n"} {
				testkit.NoError(s, task.Sleep(ctx, short/5))
				_, err := io.WriteString(s.a, part)
				testkit.NoError(s, err)
			}
		}
		testkit.NoError(s, s.a.CloseWrite())
	}, func(ctx context.Context) {
		r := host.NewReader(s.b)
		got, expired := 0, 0
		for {
			text, err := task.Within(ctx, short/10, r.ReadLine)
			if errors.Is(err, context.DeadlineExceeded) {
				expired++
				continue
			}
			if err != nil {
				testkit.Equal(s, "error", err, io.EOF)
				break
			}
			testkit.Equal(s, "line", text, "half a line")
			got++
		}
		testkit.Equal(s, "lines", got, lines)
		if expired == 0 {
			s.Error("no limit has expired")
		}
	})
}

// sticky: the end of the stream, and the end of the connection, stay.
func (s *suite) sticky() {
	testkit.NoError(s, s.a.Close())
	for range 3 {
		_, err := s.b.Read(make([]byte, 1))
		testkit.Equal(s, "error", err, io.EOF)
		_, err = s.a.Read(make([]byte, 1))
		testkit.ErrorIs(s, err, net.ErrClosed)
		_, err = s.a.Write(make([]byte, 1))
		testkit.ErrorIs(s, err, net.ErrClosed)
		testkit.ErrorIs(s, s.a.SetDeadline(time.Time{}), net.ErrClosed)
	}
}
