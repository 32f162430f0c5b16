package hosttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// socket opens a socket for packets on m, at a free port.
func (n *network) socket(m Machine) *host.PacketConn {
	n.Helper()
	p, err := m.Net.ListenPacket(n.ctx, "udp", m.Host+":0")
	if err != nil {
		n.Fatalf("ListenPacket: %v", err)
	}
	return p
}

// send sends text as a packet.
func (n *network) send(from *host.PacketConn, text string, to net.Addr) {
	n.Helper()
	count(n, len(text))(from.WriteTo([]byte(text), to))
}

// wantPacket checks that a packet comes.
func (n *network) wantPacket(at *host.PacketConn, want string) (from net.Addr) {
	n.Helper()
	p := make([]byte, 100)
	size, from, err := at.ReadFrom(p)
	noError(n, err)
	equal(n, "packet", string(p[:size]), want)
	return from
}

func (n *network) packets() {
	a, b := n.socket(n.a), n.socket(n.b)
	echo := task.Go(n.ctx, func(context.Context) (int, error) {
		buffer := make([]byte, 4)
		size, from, err := b.ReadFrom(buffer) // cuts the packet
		if err != nil {
			return 0, err
		}
		return b.WriteTo(buffer[:size], from)
	})
	waits(n.ctx, n, echo.Task())
	n.send(a, "a packet", b.LocalAddr())
	from := n.wantPacket(a, "a pa")
	equal(n, "sender", from.String(), b.LocalAddr().String())
	_, err := echo.Await(n.ctx)
	noError(n, err)
	n.send(a, "", b.LocalAddr())
	n.send(a, "one", b.LocalAddr())
	n.send(b, "two", a.LocalAddr())
	n.send(a, "three", a.LocalAddr()) // to itself
	n.wantPacket(b, "")
	n.wantPacket(b, "one")
	got := map[string]bool{}
	for range 2 {
		p := make([]byte, 10)
		size, _, err := a.ReadFrom(p)
		noError(n, err)
		got[string(p[:size])] = true
	}
	equal(n, "packets", fmt.Sprint(got), "map[three:true two:true]")
	noError(n, errors.Join(a.Close(), b.Close()))
}

// noPackets: a cancellation, a deadline and Close wake a task that waits for a packet.
func (n *network) noPackets() {
	a, b := n.socket(n.a), n.socket(n.b)
	read := func() *task.Task[string] {
		t := task.Go(n.ctx, func(context.Context) (string, error) {
			p := make([]byte, 100)
			size, _, err := a.ReadFrom(p)
			return string(p[:size]), err
		})
		waits(n.ctx, n, t.Task())
		return t
	}
	first, second := read(), read()
	n.send(b, "1", a.LocalAddr())
	first.Cancel(nil)
	_, err := first.Await(n.ctx)
	canceled(n, err)
	text, err := second.Await(n.ctx)
	noError(n, err)
	equal(n, "packet", text, "1")

	waits := read()
	noError(n, a.SetDeadline(time.Unix(1, 0)))
	_, err = waits.Await(n.ctx)
	opError(n, err, "read", "udp")
	errorIs(n, err, os.ErrDeadlineExceeded)
	_, err = a.WriteTo([]byte("late"), b.LocalAddr())
	opError(n, err, "write", "udp")
	errorIs(n, err, os.ErrDeadlineExceeded)
	noError(n, a.SetDeadline(time.Time{}))

	waits = read()
	noError(n, a.Close())
	_, err = waits.Await(n.ctx)
	errorIs(n, err, net.ErrClosed)
	_, err = a.WriteTo([]byte("late"), b.LocalAddr())
	errorIs(n, err, net.ErrClosed)
	errorIs(n, a.Close(), net.ErrClosed)
	noError(n, b.Close())
}

func (n *network) packetsInOrder() {
	a, b := n.socket(n.a), n.socket(n.b)
	var waiting []*task.Task[byte]
	for i := range 4 {
		waiting = append(waiting, task.Go(n.ctx, func(context.Context) (byte, error) {
			p := make([]byte, 1)
			_, _, err := b.ReadFrom(p)
			return p[0], err
		}))
		waits(n.ctx, n, waiting[i].Task())
	}
	n.send(a, "a", b.LocalAddr())
	n.send(a, "b", b.LocalAddr())
	n.send(a, "c", b.LocalAddr())
	n.send(a, "d", b.LocalAddr())
	for i, w := range waiting {
		got, err := w.Await(n.ctx)
		noError(n, err)
		equal(n, "packet", got, byte('a'+i))
	}
	noError(n, errors.Join(a.Close(), b.Close()))
}

// fullQueue: if no task reads, packets are dropped. Those that were there before stay. The sender is not told.
func (n *network) fullQueue() {
	const all, size = 5000, 1000
	a, b := n.socket(n.a), n.socket(n.b)
	for i := range all {
		p := make([]byte, size)
		copy(p, fmt.Sprint(i))
		count(n, size)(a.WriteTo(p, b.LocalAddr()))
	}
	noError(n, task.Sleep(n.ctx, short))
	noError(n, b.SetReadDeadline(task.Current(n.ctx).Loop().Now().Add(short)))
	got := 0
	for ; ; got++ {
		p := make([]byte, size)
		_, _, err := b.ReadFrom(p)
		if err != nil {
			errorIs(n, err, os.ErrDeadlineExceeded)
			break
		}
		want := make([]byte, size)
		copy(want, fmt.Sprint(got))
		if string(p) != string(want) {
			n.Errorf("packet %d is %.10q", got, p)
			break
		}
	}
	if got == 0 || got == all {
		n.Errorf("%d of %d packets came, and no task has read meanwhile", got, all)
	}
	noError(n, errors.Join(a.Close(), b.Close()))
}

func (n *network) packetErrors() {
	a := n.socket(n.a)
	_, err := a.WriteTo(make([]byte, 1<<20), a.LocalAddr())
	e := opError(n, err, "write", "udp")
	equal(n, "the address of the error", e.Addr.String(), a.LocalAddr().String())
	errorIs(n, err, syscall.EMSGSIZE)
	_, err = a.WriteTo([]byte("x"), &net.UnixAddr{Name: "x", Net: "unixgram"})
	errorIs(n, err, syscall.EINVAL)
	_, err = a.WriteTo([]byte("x"), nil)
	errorIs(n, err, syscall.EINVAL)
	var address *net.AddrError
	_, err = a.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv6loopback, Port: 9})
	equal(n, "a packet to an address of IPv6 has an error", errors.As(err, &address), true)
	noError(n, a.Close())
}

func (n *network) packetsInUse() {
	a := n.socket(n.b)
	_, err := n.b.Net.ListenPacket(n.ctx, "udp", a.LocalAddr().String())
	opError(n, err, "listen", "udp")
	errorIs(n, err, syscall.EADDRINUSE)
	noError(n, a.Close())
	again, err := n.b.Net.ListenPacket(n.ctx, "udp", a.LocalAddr().String())
	noError(n, err)
	noError(n, again.Close())
}

// dialed dials a socket of b.
func (n *network) dialed() (*host.Conn, *host.PacketConn) {
	n.Helper()
	b := n.socket(n.b)
	a, err := n.a.Net.Dial(n.ctx, "udp", b.LocalAddr().String())
	if err != nil {
		n.Fatalf("Dial: %v", err)
	}
	return a, b
}

func (n *network) dialedPackets() {
	a, b := n.dialed()
	n.write(a, "there")
	from := n.wantPacket(b, "there")
	equal(n, "sender", from.String(), a.LocalAddr().String())
	n.send(b, "", from) // an empty packet is not the end
	n.send(b, "and back", from)
	n.wantText(a, "and back")
	noError(n, errors.Join(a.Close(), b.Close()))
}

func (n *network) apart() {
	a, b := n.dialed()
	sizes := []int{1, 20_000, 2}
	buffer := make([]byte, 64<<10)
	for _, size := range sizes {
		count(n, size)(a.Write(make([]byte, size)))
	}
	for _, size := range sizes {
		got, _, err := b.ReadFrom(buffer)
		count(n, size)(got, err)
	}
	for _, size := range sizes {
		count(n, size)(b.WriteTo(make([]byte, size), a.LocalAddr()))
	}
	for _, size := range sizes {
		count(n, size)(a.Read(buffer))
	}
	_, err := a.Write(make([]byte, 100_000))
	errorIs(n, err, syscall.EMSGSIZE)
	noError(n, errors.Join(a.Close(), b.Close()))
}

// packetsRefused: the next call says that there is no socket, and the socket can still be used.
func (n *network) packetsRefused() {
	a, b := n.dialed()
	noError(n, b.Close())
	for range 2 {
		n.write(a, "x")
		_, err := a.Read(make([]byte, 1))
		opError(n, err, "read", "udp")
		errorIs(n, err, syscall.ECONNREFUSED)
	}
	b, err := n.b.Net.ListenPacket(n.ctx, "udp", b.LocalAddr().String())
	noError(n, err)
	n.write(a, "there")
	n.wantPacket(b, "there")
	noError(n, errors.Join(a.Close(), b.Close()))
}

func (n *network) packetsOfThePeer() {
	a, b := n.dialed()
	other := n.socket(n.b)
	n.send(other, "from another one", a.LocalAddr())
	noError(n, task.Sleep(n.ctx, short))
	n.send(b, "from the peer", a.LocalAddr())
	n.wantText(a, "from the peer")
	noError(n, errors.Join(a.Close(), b.Close(), other.Close()))
}
