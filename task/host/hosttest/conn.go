package hosttest

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
)

// A ConnBody is a test of a connection, as the body of a task. a and b are its two ends. body closes them.
type ConnBody func(ctx context.Context, t T, a, b *host.Conn)

// RunConn tests that connections keep the rules that the documentation of [host.Conn] sets. They include what
// package net's own suite for a net.Conn says (golang.org/x/net/nettest), with tasks in place of goroutines. For each
// rule it calls run, which makes a new loop and a connection, and calls body in a task. run returns when the loop has
// ended, and reports a deadlock or a panic as a failure. It may call body more than once, for example in several
// orders of events.
//
// Some rules sleep for some milliseconds. They take no real time if the loop has a virtual clock.
func RunConn(t *testing.T, run func(t T, body ConnBody)) {
	if run == nil {
		panic("hosttest: RunConn with a nil run; give it a function that makes a connection and calls body in a task")
	}
	for _, rule := range connRules {
		t.Run(rule.name, func(t *testing.T) { run(t, rule.test.body) })
	}
}

type connRule func(p *pair)

func (test connRule) body(ctx context.Context, t T, a, b *host.Conn) {
	test(&pair{t, ctx, task.Current(ctx).Loop(), a, b})
	_, _ = a.Close(), b.Close()
}

var connRules = []struct {
	name string
	test connRule
}{
	{"bytes come back as they were sent", (*pair).basicIO},
	{"ping-pong", (*pair).pingPong},
	{"several tasks read under deadlines", (*pair).racyRead},
	{"several tasks write under deadlines", (*pair).racyWrite},
	{"a read deadline", (*pair).readTimeout},
	{"a write deadline", (*pair).writeTimeout},
	{"a deadline in the past", (*pair).pastTimeout},
	{"a deadline that is now", (*pair).presentTimeout},
	{"a deadline in the future", (*pair).futureTimeout},
	{"Close in spite of a deadline", (*pair).closeTimeout},
	{"all methods at once", (*pair).concurrentMethods},
	{"a half close", (*pair).halfClose},
	{"Close delivers what was written", (*pair).closeDelivers},
	{"a canceled read loses nothing", (*pair).cancel},
	{"a canceled write says what it has sent", (*pair).cancelWrite},
	{"several tasks read in order", (*pair).readersInOrder},
	{"the bytes of a write stay together", (*pair).writesStayTogether},
	{"neither end reads", (*pair).backpressure},
	{"ends stay", (*pair).sticky},
	{"a write to a closed peer fails in the end", (*pair).writeToClosed},
	{"CloseWrite and Close twice", (*pair).closeTwice},
	{"nothing to move", (*pair).nothing},
}

// A pair is a test of a connection.
type pair struct {
	T
	ctx  context.Context
	l    *loop.Loop
	a, b *host.Conn
}

// long is a time that passes only where time is virtual, and short one for which a test may wait.
const (
	long  = time.Minute
	short = 10 * time.Millisecond
)

func (s *pair) in(d time.Duration) time.Time { return s.l.Now().Add(d) }

// together runs bodies as tasks, and waits for all.
func (s *pair) together(bodies ...func(ctx context.Context)) {
	s.Helper()
	together(s.ctx, s, bodies...)
}

func (s *pair) timeout(err error) {
	s.Helper()
	var e net.Error
	if !errors.As(err, &e) || !e.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("the error is %v, want an expired deadline", err)
	}
}

// resync checks that the connection still works, after what was on the way has been read.
func (s *pair) resync() {
	s.Helper()
	noError(s, s.a.SetDeadline(time.Time{}))
	noError(s, s.b.SetDeadline(time.Time{}))
	marker := []byte("-marker-")
	s.together(func(context.Context) {
		_, err := s.a.Write(marker)
		noError(s, err)
	}, func(ctx context.Context) {
		r := host.NewReader(s.b, host.WithReadLimit(64<<20))
		_, err := r.ReadUntil(ctx, marker)
		noError(s, err)
		_, err = s.b.Write(marker)
		noError(s, err)
	}, func(ctx context.Context) {
		_, err := host.NewReader(s.a, host.WithReadLimit(64<<20)).ReadUntil(ctx, marker)
		noError(s, err)
	})
}

func (s *pair) basicIO() {
	want := make([]byte, 1<<20)
	chance := rand.NewChaCha8([32]byte{})
	_, _ = chance.Read(want)
	s.together(func(context.Context) {
		_, err := io.Copy(s.a, bytes.NewReader(want))
		noError(s, err)
		noError(s, s.a.CloseWrite())
	}, func(context.Context) {
		_, err := io.Copy(s.b, s.b)
		noError(s, err)
		noError(s, s.b.Close())
	}, func(context.Context) {
		got, err := io.ReadAll(s.a)
		noError(s, err)
		equal(s, "what came back is what was sent", bytes.Equal(got, want), true)
	})
}

func (s *pair) pingPong() {
	player := func(c *host.Conn, first uint64) func(context.Context) {
		return func(context.Context) {
			p := make([]byte, 8)
			for n := first; n < 1000; n += 2 {
				binary.BigEndian.PutUint64(p, n)
				_, err := c.Write(p)
				noError(s, err)
				_, err = io.ReadFull(c, p)
				noError(s, err)
				equal(s, "number", binary.BigEndian.Uint64(p), n^1)
			}
		}
	}
	s.together(player(s.a, 0), player(s.b, 1))
}

// racyRead: several tasks read under deadlines that expire, while bytes come.
func (s *pair) racyRead() {
	sent, got := 0, 0
	readers := 10
	bodies := []func(context.Context){func(ctx context.Context) {
		for readers > 0 {
			n, err := s.a.Write(make([]byte, 100))
			noError(s, err)
			sent += n
			noError(s, task.Sleep(ctx, short/20))
		}
		noError(s, s.a.CloseWrite())
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
				noError(s, s.b.SetReadDeadline(s.in(short/10)))
			}
		})
	}
	s.together(bodies...)
	noError(s, s.b.SetReadDeadline(time.Time{}))
	rest, err := io.ReadAll(s.b)
	noError(s, err)
	equal(s, "bytes that came", got+len(rest), sent)
}

// racyWrite: several tasks write under deadlines that expire, while the peer reads slowly.
func (s *pair) racyWrite() {
	sent := 0
	var bodies []func(context.Context)
	writers := 10
	for range writers {
		bodies = append(bodies, func(context.Context) {
			defer func() {
				if writers--; writers == 0 {
					noError(s, s.a.CloseWrite())
				}
			}()
			for range 10 {
				n, err := s.a.Write(make([]byte, 30_000))
				sent += n
				if err != nil {
					s.timeout(err)
				}
				noError(s, s.a.SetWriteDeadline(s.in(short/10)))
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
				equal(s, "error", err, io.EOF)
				return
			}
			noError(s, task.Sleep(ctx, short/10))
		}
	})
	s.together(bodies...)
	equal(s, "bytes that came", got, sent)
}

func (s *pair) readTimeout() {
	for range 3 {
		noError(s, s.a.SetReadDeadline(s.in(short)))
		n, err := s.a.Read(make([]byte, 1024))
		s.timeout(err)
		equal(s, "bytes", n, 0)
	}
	s.resync()
}

// writeTimeout fills all buffers.
func (s *pair) writeTimeout() {
	noError(s, s.a.SetWriteDeadline(s.in(5*short)))
	sent := 0
	for {
		n, err := s.a.Write(make([]byte, 10_000))
		if sent += n; err != nil {
			s.timeout(err)
			break
		}
	}
	noError(s, s.a.SetWriteDeadline(time.Time{}))
	got := 0
	s.together(func(context.Context) { noError(s, s.a.CloseWrite()) }, func(context.Context) {
		all, err := io.ReadAll(s.b)
		noError(s, err)
		got = len(all)
	})
	equal(s, "bytes that came", got, sent)
}

func (s *pair) pastTimeout() {
	noError(s, s.a.SetDeadline(time.Unix(1, 0)))
	n, err := s.a.Write(make([]byte, 1024))
	s.timeout(err)
	equal(s, "written", n, 0)
	n, err = s.a.Read(make([]byte, 1024))
	s.timeout(err)
	equal(s, "read", n, 0)
	s.resync()
}

// presentTimeout: a deadline that is set to now wakes the tasks that wait.
func (s *pair) presentTimeout() {
	s.together(func(ctx context.Context) {
		noError(s, task.Sleep(ctx, short))
		noError(s, s.a.SetReadDeadline(s.l.Now()))
		noError(s, task.Sleep(ctx, 5*short))
		noError(s, s.a.SetWriteDeadline(s.l.Now()))
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

func (s *pair) futureTimeout() {
	noError(s, s.a.SetDeadline(s.in(5*short)))
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
func (s *pair) closeTimeout() {
	noError(s, s.a.SetDeadline(s.in(long)))
	s.together(func(ctx context.Context) {
		noError(s, task.Sleep(ctx, 5*short))
		noError(s, s.a.Close())
	}, func(context.Context) {
		_, err := s.a.Read(make([]byte, 1024))
		errorIs(s, err, net.ErrClosed)
	}, func(context.Context) {
		for {
			if _, err := s.a.Write(make([]byte, 100_000)); err != nil {
				errorIs(s, err, net.ErrClosed)
				return
			}
		}
	})
}

func (s *pair) concurrentMethods() {
	var bodies []func(context.Context)
	for range 20 {
		bodies = append(bodies,
			func(context.Context) { _, _ = s.a.Read(make([]byte, 1024)) },
			func(context.Context) { _, _ = s.a.Write(make([]byte, 1024)) },
			func(context.Context) { noError(s, s.a.SetDeadline(s.in(short))) },
			func(context.Context) { noError(s, s.a.SetReadDeadline(s.in(short))) },
			func(context.Context) { noError(s, s.a.SetWriteDeadline(s.in(short))) },
			func(context.Context) { _, _ = s.a.LocalAddr(), s.a.RemoteAddr() })
	}
	bodies = append(bodies, func(ctx context.Context) {
		_ = task.Timeout(ctx, short, func(context.Context, *task.Deadline) error { _, err := io.Copy(s.b, s.b); return err })
	})
	s.together(bodies...)
}

func (s *pair) halfClose() {
	s.together(func(context.Context) {
		_, err := io.WriteString(s.a, "question")
		noError(s, err)
		noError(s, s.a.CloseWrite())
		_, err = s.a.Write([]byte("x"))
		errorIs(s, err, syscall.EPIPE)
		answer, err := io.ReadAll(s.a)
		noError(s, err)
		equal(s, "answer", string(answer), "answer")
	}, func(context.Context) {
		question, err := io.ReadAll(s.b)
		noError(s, err)
		equal(s, "question", string(question), "question")
		_, err = io.WriteString(s.b, "answer")
		noError(s, err)
		noError(s, s.b.CloseWrite())
	})
}

// closeDelivers: what was written comes, also if this end is closed at once, with bytes that it has not read.
func (s *pair) closeDelivers() {
	_, err := io.WriteString(s.b, "not read")
	noError(s, err)
	noError(s, task.Sleep(s.ctx, short))
	_, err = s.a.Write(bytes.Repeat([]byte("text"), 1000))
	noError(s, err)
	noError(s, s.a.Close())
	noError(s, task.Sleep(s.ctx, short))
	all, err := io.ReadAll(s.b)
	noError(s, err)
	equal(s, "bytes that came", len(all), 4000)
}

// cancel: a read under a limit, again and again, loses nothing.
func (s *pair) cancel() {
	const lines = 40
	s.together(func(ctx context.Context) {
		for range lines {
			for _, part := range []string{"half a ", "line\n"} {
				noError(s, task.Sleep(ctx, short/5))
				_, err := io.WriteString(s.a, part)
				noError(s, err)
			}
		}
		noError(s, s.a.CloseWrite())
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
				equal(s, "error", err, io.EOF)
				break
			}
			equal(s, "line", text, "half a line")
			got++
		}
		equal(s, "lines", got, lines)
		if expired == 0 {
			s.Errorf("no limit has expired")
		}
	})
}

// sticky: the end of the stream, and the end of the connection, stay.
func (s *pair) sticky() {
	noError(s, s.a.Close())
	for range 3 {
		_, err := s.b.Read(make([]byte, 1))
		equal(s, "error", err, io.EOF)
		_, err = s.a.Read(make([]byte, 1))
		errorIs(s, err, net.ErrClosed)
		_, err = s.a.Write(make([]byte, 1))
		errorIs(s, err, net.ErrClosed)
		errorIs(s, s.a.SetDeadline(time.Time{}), net.ErrClosed)
	}
}

// cancelWrite: a canceled Write says how many bytes it has accepted. These come, and no others.
func (s *pair) cancelWrite() {
	sent := 0
	writer := task.Go(s.ctx, func(context.Context) (struct{}, error) {
		for p := make([]byte, 1<<20); ; {
			n, err := s.a.Write(p)
			if sent += n; err != nil {
				return struct{}{}, err
			}
		}
	})
	for before := -1; sent > before; { // until nothing moves any more
		before = sent
		noError(s, task.Sleep(s.ctx, 5*short))
	}
	writer.Cancel(nil)
	_, err := writer.Await(s.ctx)
	canceled(s, err)
	noError(s, s.a.CloseWrite())
	n, err := io.Copy(io.Discard, s.b)
	noError(s, err)
	equal(s, "bytes that came", n, int64(sent))
}

// readersInOrder: tasks that wait get bytes in the order in which they called Read. One that is canceled gets none.
func (s *pair) readersInOrder() {
	const readers = 6
	var got []byte
	var tasks []*task.Task[struct{}]
	for i := range readers {
		tasks = append(tasks, task.Go(s.ctx, func(context.Context) (struct{}, error) {
			p := make([]byte, 1)
			_, err := s.b.Read(p)
			if err == nil {
				got = append(got, byte('0'+i), p[0])
			}
			return struct{}{}, err
		}))
		waits(s.ctx, s, tasks[i].Task())
	}
	tasks[2].Cancel(nil)
	_, err := io.WriteString(s.a, "abcde")
	noError(s, err)
	for i, reader := range tasks {
		if _, err := reader.Await(s.ctx); i == 2 {
			canceled(s, err)
		} else {
			noError(s, err)
		}
	}
	equal(s, "what the tasks got", string(got), "0a1b3c4d5e")
}

// writesStayTogether: the bytes of each Write stay together, although several tasks wait for room.
func (s *pair) writesStayTogether() {
	const writers, size = 5, 300_000
	all := 0
	bodies := []func(context.Context){func(context.Context) {
		got, err := io.ReadAll(s.b)
		noError(s, err)
		equal(s, "bytes", len(got), writers*size)
		for len(got) >= size {
			if n := bytes.Count(got[:size], got[:1]); n != size {
				s.Errorf("only %d bytes of a Write are together", n)
			}
			got = got[size:]
		}
	}}
	for i := range writers {
		bodies = append(bodies, func(context.Context) {
			_, err := s.a.Write(bytes.Repeat([]byte{byte(i)}, size))
			noError(s, err)
			if all++; all == writers {
				noError(s, s.a.CloseWrite())
			}
		})
	}
	s.together(bodies...)
}

// backpressure: both ends write, and neither reads. Then all writers wait. When both ends read, everything comes.
func (s *pair) backpressure() {
	const size = 16 << 20 // more than all buffers hold
	sent := 0
	ends := []struct{ from, to *host.Conn }{{s.a, s.b}, {s.b, s.a}}
	var bodies []func(context.Context)
	for _, e := range ends {
		bodies = append(bodies, func(context.Context) {
			for p, n := make([]byte, 256<<10), 0; n < size; n += len(p) {
				m, err := e.from.Write(p)
				if sent += m; err != nil {
					s.Errorf("Write: %v", err)
					return
				}
			}
			noError(s, e.from.CloseWrite())
		})
	}
	bodies = append(bodies, func(ctx context.Context) {
		for before := -1; sent > before; {
			before = sent
			noError(s, task.Sleep(ctx, 5*short))
		}
		if sent == 2*size {
			s.Errorf("the writers have sent %d bytes, and neither end has read", sent)
		}
		together(ctx, s, func(context.Context) {
			n, err := io.Copy(io.Discard, s.b)
			noError(s, err)
			equal(s, "bytes that came to b", n, size)
		}, func(context.Context) {
			n, err := io.Copy(io.Discard, s.a)
			noError(s, err)
			equal(s, "bytes that came to a", n, size)
		})
	})
	s.together(bodies...)
}

// writeToClosed: the peer has closed the connection. What is written is lost, and later calls say so.
func (s *pair) writeToClosed() {
	noError(s, s.b.Close())
	_, err := s.a.Read(make([]byte, 1))
	equal(s, "error", err, io.EOF)
	for err = nil; err == nil; {
		_, err = s.a.Write([]byte("x"))
		noError(s, task.Sleep(s.ctx, short/10))
	}
	opError(s, err, "write", s.a.LocalAddr().Network())
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		s.Errorf("the error is %v, want a broken pipe", err)
	}
	_, err = s.a.Read(make([]byte, 1))
	equal(s, "error", err, io.EOF)
}

func (s *pair) closeTwice() {
	noError(s, s.a.CloseWrite())
	noError(s, s.a.CloseWrite())
	noError(s, s.a.Close())
	errorIs(s, s.a.CloseWrite(), net.ErrClosed)
	errorIs(s, s.a.Close(), net.ErrClosed)
}

// nothing: calls without bytes return at once.
func (s *pair) nothing() {
	for range 3 {
		count(s, 0)(s.a.Read(nil))
		count(s, 0)(s.a.Write(nil))
	}
	count(s, 1)(s.b.Write([]byte("x")))
	count(s, 0)(s.a.Read(nil))
	count(s, 1)(s.a.Read(make([]byte, 2)))
}
