package host_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
	"github.com/takt-go/takt/timer"
)

// pipeModel is a simple model of a pipe: for each direction, the list of all writes, and how far the other end
// has read.
type pipeModel struct {
	*testkit.Program
	ends [2]*endModel
	next byte // the next byte that is written; all bytes are numbered
}

// An endModel is one end, with what it has sent.
type endModel struct {
	m       *pipeModel
	c       *host.Conn
	peer    *endModel
	writes  []*writeModel // in the order of the calls
	at      int           // the peer has read all of the writes before this one, and read bytes of this one
	read    int
	readers []*testkit.Actor // that wait
	writers []*testkit.Actor
	ended   bool
	closed  bool
	reads   deadlineModel
	sends   deadlineModel
}

// A writeModel is one call of Write.
type writeModel struct {
	p    []byte
	n    int // how many bytes it has accepted
	done bool
}

type deadlineModel struct{ at time.Time }

func (d deadlineModel) passed(now time.Time) bool { return !d.at.IsZero() && !now.Before(d.at) }

func newPipeModel(t *rapid.T) *pipeModel {
	m := &pipeModel{Program: testkit.NewProgram(t)}
	a, b := host.Pipe(m.Loop.Context(), host.WithPipeBuffer(rapid.IntRange(1, 20).Draw(t, "buffer")))
	m.ends = [2]*endModel{{m: m, c: a}, {m: m, c: b}}
	m.ends[0].peer, m.ends[1].peer = m.ends[1], m.ends[0]
	return m
}

// got notes that the peer has read p.
func (e *endModel) got(p []byte) {
	for _, b := range p {
		for e.at < len(e.writes) && e.read == e.writes[e.at].most() {
			e.at, e.read = e.at+1, 0
		}
		if e.at == len(e.writes) {
			e.m.Errorf("byte %d was read, but none is on the way", b)
			return
		}
		if want := e.writes[e.at].p[e.read]; b != want {
			e.m.Errorf("byte %d was read, but the next on the way is %d", b, want)
		}
		e.read++
	}
}

// most returns how many bytes of the write may be on their way.
func (w *writeModel) most() int {
	if w.done {
		return w.n
	}
	return len(w.p)
}

// left returns how many bytes are on the way, from the writes that have ended.
func (e *endModel) left() int {
	n := -e.read
	for _, w := range e.writes[e.at:] {
		if w.done {
			n += w.n
		}
	}
	return n
}

// reader makes a task that reads up to size bytes from e.
func (e *endModel) reader(size int, derived bool) {
	m := e.m
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		mustNotWait := len(e.readers) == 0 && (e.peer.left() > 0 || e.peer.ended) || e.closed || e.reads.passed(m.Loop.Now()) || size == 0
		if mustNotWait && len(e.readers) > 0 && size > 0 {
			mustNotWait = false // it waits behind the others, which go on at once
		}
		before, p := m.Steps, make([]byte, size)
		e.readers = append(e.readers, a)
		read := e.c.Read
		if derived {
			read = func(p []byte) (int, error) { return e.c.ReadContext(ctx, p) }
		}
		n, err := read(p)
		if mustNotWait && m.Steps != before {
			m.Errorf("%v had no need to wait in Read, but it waited", a)
		}
		ahead := m.Leave(&e.readers, a)
		e.peer.got(p[:n])
		switch {
		case err == nil:
			if n == 0 && size > 0 {
				m.Errorf("Read returned no byte and no error")
			}
			for _, other := range ahead {
				if size > 0 && !other.GaveUp() && !e.closed && !e.reads.passed(m.Loop.Now()) {
					m.Errorf("%v has read before %v, which came earlier", a, other)
				}
			}
		case n > 0:
			m.Errorf("Read returned %d bytes and the error %v", n, err)
		case err == io.EOF:
			if !e.peer.ended || e.peer.left() > 0 {
				m.Errorf("Read returned EOF, but the peer has ended: %t, and %d bytes are on the way", e.peer.ended, e.peer.left())
			}
		default:
			e.excused(a, err, e.reads)
		}
	})
}

// writer makes a task that writes size bytes to e.
func (e *endModel) writer(size int, derived bool) {
	m := e.m
	m.Spawn(func(ctx context.Context, a *testkit.Actor) {
		if derived {
			ctx = a.Derive(ctx)
		}
		w := &writeModel{p: make([]byte, size)}
		for i := range w.p {
			w.p[i] = m.next
			m.next++
		}
		e.writes = append(e.writes, w)
		e.writers = append(e.writers, a)
		write := e.c.Write
		if derived {
			write = func(p []byte) (int, error) { return e.c.WriteContext(ctx, p) }
		}
		n, err := write(w.p)
		w.n, w.done = n, true
		ahead := m.Leave(&e.writers, a)
		if at := slices.Index(e.writes, w); e.at == at && e.read > n {
			m.Errorf("%v has written %d bytes, but the peer has read %d of them", a, n, e.read)
		}
		switch {
		case err == nil:
			if n != size {
				m.Errorf("Write returned %d of %d bytes, and no error", n, size)
			}
			for _, other := range ahead {
				if size > 0 && !other.GaveUp() {
					m.Errorf("%v has written before %v, which came earlier", a, other)
				}
			}
		case n == size && size > 0:
			m.Errorf("Write has accepted all bytes, and returned the error %v", err)
		case errors.Is(err, syscall.EPIPE):
			if !e.ended && !e.peer.closed {
				m.Errorf("Write returned %v, but both ends are open", err)
			}
		default:
			e.excused(a, err, e.sends)
		}
	})
}

// excused fails the test unless the state of e explains err.
func (e *endModel) excused(a *testkit.Actor, err error, d deadlineModel) {
	switch {
	case errors.Is(err, net.ErrClosed):
		if !e.closed {
			e.m.Errorf("%v got the error %v, but the end is open", a, err)
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		if !d.passed(e.m.Loop.Now()) {
			e.m.Errorf("%v got the error %v at %v, but the deadline is %v", a, err, e.m.Loop.Now(), d.at)
		}
	default:
		e.m.Excused(a, err)
	}
}

func (e *endModel) closeWrite() {
	if !e.closed {
		e.ended = true
		testkit.NoError(e.m, e.c.CloseWrite())
	}
}

func (e *endModel) close() {
	if e.closed {
		testkit.ErrorIs(e.m, e.c.Close(), net.ErrClosed)
		return
	}
	e.closed, e.ended = true, true
	testkit.NoError(e.m, e.c.Close())
}

func (e *endModel) setDeadline(n int) {
	if e.closed {
		return
	}
	var at time.Time
	if n%3 > 0 {
		at = e.m.Loop.Now().Add(time.Duration(n%5-1) * time.Second)
	}
	if n%2 == 0 {
		e.reads.at = at
		testkit.NoError(e.m, e.c.SetReadDeadline(at))
	} else {
		e.sends.at = at
		testkit.NoError(e.m, e.c.SetWriteDeadline(at))
	}
}

func (m *pipeModel) check(idle bool) {
	if !idle {
		return
	}
	for _, e := range m.ends {
		now := m.Loop.Now()
		if len(e.readers) > 0 && (e.closed || e.reads.passed(now) || e.peer.left() > 0 || e.peer.ended) {
			m.Errorf("nothing is ready, but %v wait in Read (closed %t, deadline %v, %d bytes, peer ended %t)", e.readers, e.closed, e.reads.at, e.peer.left(), e.peer.ended)
		}
		if len(e.writers) > 0 && (e.ended || e.peer.closed || e.sends.passed(now) || len(e.peer.readers) > 0) {
			m.Errorf("nothing is ready, but %v wait in Write (ended %t, deadline %v, peer closed %t, readers %v)", e.writers, e.ended, e.sends.at, e.peer.closed, e.peer.readers)
		}
		m.NoneGaveUp(e.readers)
		m.NoneGaveUp(e.writers)
	}
}

// drain reads what is on the way. Nothing may be left then.
func (m *pipeModel) drain() {
	m.Rest(m.check)
	for _, e := range m.ends {
		if e.closed {
			continue
		}
		for _, a := range slices.Concat(e.readers, e.writers) {
			a.Canceled = true
			a.Task.Cancel(testkit.ErrCause)
		}
		e.reads = deadlineModel{}
		testkit.NoError(m, e.c.SetDeadline(time.Time{}))
	}
	m.Rest(m.check)
	for _, e := range m.ends {
		e.closeWrite()
	}
	for _, e := range m.ends {
		if e.closed {
			continue
		}
		m.Spawn(func(ctx context.Context, a *testkit.Actor) {
			all, err := io.ReadAll(e.c)
			testkit.NoError(m, err)
			if e.peer.got(all); e.peer.left() != 0 {
				m.Errorf("%d bytes were lost", e.peer.left())
			}
		})
	}
	m.Rest(m.check)
	for left := range m.Loop.Tasks() {
		m.Errorf("%v is left at the end", left)
	}
}

// Random programs of reads, writes, cancellations, deadlines and closes: no byte is lost, doubled or out of order,
// and no task waits without a reason.
func TestPipeModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newPipeModel(t)
		defer m.Loop.Close()
		m.Run(m.check, func(n int) {
			e := m.ends[n/12%2]
			switch op := n % 12; {
			case op <= 3:
				e.reader(n%7, n%3 == 0)
			case op <= 7:
				e.writer(n%13, n%3 == 0)
			case op == 8:
				e.setDeadline(n / 12)
			case op == 9:
				m.Loop.Clock().(*timer.Virtual).Advance(time.Second)
			case n%8 == 6:
				e.closeWrite()
			case n%8 == 7 && n > 60: // rarely, because little happens after a close
				e.close()
			}
		})
		if rapid.Bool().Draw(t, "close with tasks left") {
			for _, a := range m.Actors {
				a.Canceled = true
			}
			m.Loop.Close()
			return
		}
		m.drain()
	})
}
