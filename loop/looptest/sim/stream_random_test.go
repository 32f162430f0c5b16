package sim_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A wire is one connection of the random test, in the direction of the client to the server, or back. Byte i of it is
// known, so a reader sees at once if a byte is missing, comes twice, or belongs to another wire.
type wire struct {
	id      uint32
	offered int // bytes that Write was given
	sent    int // bytes that Write has accepted
	ended   bool
	got     int
}

func (w *wire) at(i int) byte { return byte(uint32(i)*2654435761>>13 + w.id*40503) }

// A traffic has the wires of all connections.
type traffic struct {
	*scene
	wires    map[uint32]*wire // by id; only looked up
	last     uint32
	complete int
	link     sim.Link // the usual one
}

// send writes random pieces, and then perhaps the end.
func (f *traffic) send(ctx context.Context, c *host.Conn, w *wire, r *rand.Rand) error {
	for range r.IntN(30) {
		p := make([]byte, 1+r.IntN(1<<r.IntN(15)))
		for i := range p {
			p[i] = w.at(w.sent + i)
		}
		w.offered = w.sent + len(p)
		n, err := c.Write(p)
		if w.sent += n; err != nil {
			return err
		}
		if err := task.Sleep(ctx, time.Duration(r.IntN(300))*time.Millisecond); err != nil {
			return err
		}
	}
	if r.IntN(3) > 0 {
		w.ended = true
		return c.CloseWrite()
	}
	return nil
}

// receive reads until the end or an error, and checks each byte.
func (f *traffic) receive(ctx context.Context, c *host.Conn, w *wire, r *rand.Rand) error {
	for p := make([]byte, 10_000); ; {
		n, err := c.Read(p[:1+r.IntN(len(p))])
		for i, b := range p[:n] {
			if b != w.at(w.got+i) {
				f.Errorf("byte %d of wire %d is wrong", w.got+i, w.id)
				return nil
			}
		}
		if w.got += n; w.got > w.offered {
			f.Errorf("%d bytes of wire %d came, and %d were sent", w.got, w.id, w.offered)
		}
		switch {
		case err == io.EOF && w.ended && w.got == w.sent:
			f.complete++
			return nil
		case err == io.EOF && w.ended:
			f.Errorf("the end of wire %d came after %d of %d bytes", w.id, w.got, w.sent)
		case err != nil:
			return err
		}
		if r.IntN(10) == 0 {
			if err := task.Sleep(ctx, time.Duration(r.IntN(500))*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// expected reports whether a connection may end with err.
func (f *traffic) expected(err error) bool {
	for _, is := range []error{nil, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.ECONNREFUSED, context.DeadlineExceeded} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// both runs the two directions of a connection.
func (f *traffic) both(ctx context.Context, c *host.Conn, out, in *wire, r *rand.Rand) error {
	defer c.Close()
	return task.WithGroup(ctx, func(_ context.Context, g *task.Group) error {
		for _, do := range []func(ctx context.Context) error{
			func(ctx context.Context) error { return f.send(ctx, c, out, r) },
			func(ctx context.Context) error { return f.receive(ctx, c, in, r) },
		} {
			_ = g.Go(func(ctx context.Context) error {
				err := do(ctx)
				if f.expected(err) {
					return nil
				}
				return err
			})
		}
		return nil
	})
}

func (f *traffic) server(r *rand.Rand) func(ctx context.Context, h *host.Host) error {
	return func(ctx context.Context, h *host.Host) error {
		ln, err := h.Net.Listen(ctx, "tcp", ":7000")
		if err != nil {
			return err
		}
		return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
			id := make([]byte, 4)
			if _, err := io.ReadFull(c, id); err != nil {
				return nil
			}
			in := f.wires[binary.BigEndian.Uint32(id)]
			out := f.wires[in.id+1]
			return f.both(ctx, c, out, in, r)
		}, host.WithGrace(0))
	}
}

func (f *traffic) client(ctx context.Context, h *host.Host, r *rand.Rand) error {
	for range 6 {
		to := []string{"x", "y"}[r.IntN(2)] + ":7000"
		c, err := task.Within(ctx, 5*time.Second, func(ctx context.Context) (*host.Conn, error) { return h.Net.Dial(ctx, "tcp", to) })
		if err != nil {
			if !f.expected(err) {
				return err
			}
			if err := task.Sleep(ctx, time.Second); err != nil {
				return err
			}
			continue
		}
		f.last += 2
		out, in := &wire{id: f.last}, &wire{id: f.last + 1}
		f.wires[out.id], f.wires[in.id] = out, in
		if _, err = c.Write(binary.BigEndian.AppendUint32(nil, out.id)); err == nil {
			err = f.both(ctx, c, out, in, r)
		}
		if !f.expected(err) {
			return err
		}
	}
	return nil
}

// Whatever happens to the network and to the machines, the bytes that come are a beginning of those that were sent.
func TestStreamsUnderFaults(t *testing.T) {
	n := 80
	if testing.Short() {
		n = 30
	}
	complete, began := 0, 0
	inWorlds(t, n, func(s *scene) {
		f := &traffic{scene: s, wires: map[uint32]*wire{}}
		r := s.Rand("traffic")
		nodes := []*sim.Node{s.Node("x", f.server(r)), s.Node("y", f.server(r))}
		clients := []*host.Host{s.Host("a"), s.Host("b"), s.Host("c")}
		s.sleep(10 * time.Millisecond)
		if r.IntN(2) == 0 {
			f.link = sim.Link{Loss: 0.02, Jitter: 10 * time.Millisecond, Bandwidth: 1_000_000}
			s.SetLink("", "", f.link)
		}
		faults := task.Go(s.ctx, func(ctx context.Context) (struct{}, error) {
			for {
				if err := task.Sleep(ctx, time.Duration(r.IntN(2000))*time.Millisecond); err != nil {
					return struct{}{}, nil
				}
				f.fault(nodes, r)
			}
		})
		err := task.WithGroup(s.ctx, func(_ context.Context, g *task.Group) error {
			for _, h := range clients {
				_ = g.Go(func(ctx context.Context) error { return f.client(ctx, h, r) })
			}
			return nil
		})
		if err != nil {
			s.Errorf("a client has failed: %v", err)
		}
		faults.Cancel(nil)
		_, _ = faults.Await(s.ctx)
		complete += f.complete
		began += len(f.wires)
	})
	if complete < began/4 || complete > began*9/10 {
		t.Errorf("%d of %d wires were complete", complete, began)
	}
}

// fault makes one fault, or ends some.
func (f *traffic) fault(nodes []*sim.Node, r *rand.Rand) {
	names := []string{"x", "y", "a", "b", "c"}
	from, to := names[r.IntN(len(names))], names[r.IntN(len(names))]
	node := nodes[r.IntN(len(nodes))]
	switch r.IntN(9) {
	case 0:
		if from != to {
			f.Partition([]string{from}, []string{to})
		}
	case 1:
		f.Cut(from, to)
	case 2:
		f.Hold(from, to)
	case 3:
		f.Release(from, to)
	case 4:
		node.Crash()
	case 5:
		node.Pause()
	case 6:
		f.SetLink(from, to, sim.Link{Loss: 1})
	default:
		f.Heal()
		f.SetLink("", "", f.link)
		for _, n := range nodes {
			n.Resume()
			n.Start()
		}
	}
}
