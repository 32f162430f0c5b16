package sim_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// sockets opens a socket on each of two hosts, and returns a function that sends numbered packets, and one that reads
// what has come.
func (s *scene) sockets() (send func(number int) error, got func() []int) {
	s.Helper()
	open := func(name string) *host.PacketConn {
		p, err := s.Host(name).Net.ListenPacket(s.ctx, "udp", name+":5000")
		if err != nil {
			s.Fatal(err)
		}
		return p
	}
	a, b := open("a"), open("b")
	send = func(number int) error {
		_, err := a.WriteTo([]byte(fmt.Sprint(number)), b.LocalAddr())
		return err
	}
	got = func() (all []int) {
		_ = b.SetReadDeadline(s.Host("b").Now().Add(time.Second))
		for {
			var number int
			p := make([]byte, 10)
			n, from, err := b.ReadFrom(p)
			if err != nil {
				s.wantError("ReadFrom", err, os.ErrDeadlineExceeded)
				return all
			}
			if _, err := fmt.Sscan(string(p[:n]), &number); err != nil || from.String() != "10.0.0.1:5000" {
				s.Errorf("the packet is %q from %v", p[:n], from)
			}
			all = append(all, number)
		}
	}
	return send, got
}

// Packets keep their order, unless a fault changes it. Each fault is a choice with a probability.
func TestFaultsOfPackets(t *testing.T) {
	for _, c := range []struct {
		name string
		link sim.Link
		sees func(got []int) bool // whether the fault has happened
	}{
		{"none", sim.Link{Latency: time.Millisecond, Jitter: 5 * time.Millisecond}, nil},
		{"loss", sim.Link{Loss: 0.1}, func(got []int) bool { return len(got) < 10 }},
		{"duplicate", sim.Link{Duplicate: 0.1}, func(got []int) bool { return len(got) > 10 }},
		{"reorder", sim.Link{Reorder: 0.1}, func(got []int) bool { return fmt.Sprint(got) != fmt.Sprint(oneToTen) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, all := 0, 200
			inWorlds(t, all, func(s *scene) {
				s.Host("a")
				send, got := s.sockets()
				s.SetLink("a", "b", c.link)
				for i := range 10 {
					if err := send(i + 1); err != nil {
						s.Error(err)
					}
				}
				numbers := got()
				if c.sees != nil && c.sees(numbers) {
					seen++
				} else if fmt.Sprint(numbers) != fmt.Sprint(oneToTen) {
					s.Errorf("these came: %v", numbers)
				}
			})
			if c.sees != nil && (seen < all/5 || seen > all*19/20) {
				t.Errorf("it happened in %d of %d schedules", seen, all)
			}
		})
	}
}

var oneToTen = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}

// Packets that would arrive during a cut are gone.
func TestCutLosesPackets(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		send, got := s.sockets()
		for i := range 3 {
			_ = send(i)
			s.sleep(10 * time.Millisecond)
			if i == 0 {
				s.Partition([]string{"a"}, []string{"b"})
			} else {
				s.Heal()
			}
		}
		if numbers := got(); fmt.Sprint(numbers) != "[0 2]" {
			s.Errorf("these came: %v", numbers)
		}
	})
}

// If a link is slow, WriteTo waits for room.
func TestPacketsWaitForBandwidth(t *testing.T) {
	inWorlds(t, 5, func(s *scene) {
		a, err := s.Host("a").Net.ListenPacket(s.ctx, "udp", ":1")
		s.wantError("ListenPacket", err, nil)
		s.Host("b")
		s.SetLink("a", "b", sim.Link{Latency: time.Millisecond, Bandwidth: 100_000})
		s.wantTime("a million bytes", 7500*time.Millisecond, 10*time.Second, func() {
			for range 1000 {
				_, err := a.WriteTo(make([]byte, 1000), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 1})
				s.wantError("WriteTo", err, nil)
			}
		})
	})
}

// A machine that is off gets no packets and answers none. After its restart it answers a dialed socket.
func TestPacketsToAMachineThatIsOff(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", func(ctx context.Context, h *host.Host) error { return task.Sleep(ctx, time.Hour) })
		c, err := s.Host("a").Net.Dial(s.ctx, "udp", "n:5000")
		if err != nil {
			s.Fatal(err)
		}
		node.Crash()
		s.write(c, "x")
		_ = c.SetReadDeadline(s.Host("a").Now().Add(time.Minute))
		_, err = c.Read(make([]byte, 1))
		s.wantError("Read", err, os.ErrDeadlineExceeded)
		_ = c.SetReadDeadline(time.Time{})
		node.Start()
		s.write(c, "x")
		_, err = c.Read(make([]byte, 1))
		s.wantError("Read", err, syscall.ECONNREFUSED)
		_, err = c.Write([]byte("x"))
		s.wantError("Write", err, nil)
	})
}

// A packet that nobody can send is an error, in the order of the checks of package net and of Linux.
func TestPacketsThatCannotBeSent(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		p, err := s.Host("a").Net.ListenPacket(s.ctx, "udp", ":0")
		if err != nil {
			s.Fatal(err)
		}
		for _, c := range []struct {
			size, port int
			want       error
		}{
			{1, -1, syscall.EINVAL}, {1, 65536, syscall.EINVAL}, {70_000, 70_000, syscall.EINVAL}, {1, 0, syscall.EINVAL},
			{65_536, 0, syscall.EMSGSIZE}, {65_508, 0, syscall.EINVAL}, {65_508, 1, syscall.EMSGSIZE}, {65_507, 1, nil},
		} {
			_, err := p.WriteTo(make([]byte, c.size), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.port})
			s.wantError(fmt.Sprintf("%d bytes to port %d", c.size, c.port), err, c.want)
		}
		d, err := s.Host("a").Net.Dial(s.ctx, "udp", "localhost:1")
		if err != nil {
			s.Fatal(err)
		}
		s.write(d, "to nobody")
		s.sleep(time.Second)
		_, err = d.Write(make([]byte, 65_508))
		s.wantError("too much", err, syscall.EMSGSIZE)
		_, err = d.Write([]byte("x"))
		s.wantError("the refusal", err, syscall.ECONNREFUSED)
	})
}

// What is in flight at a crash arrives or not.
func TestPacketsInFlightAtACrash(t *testing.T) {
	got := map[int]int{}
	inWorlds(t, 200, func(s *scene) {
		to, err := s.Host("a").Net.ListenPacket(s.ctx, "udp", ":1")
		s.wantError("ListenPacket", err, nil)
		node := s.Node("n", func(ctx context.Context, h *host.Host) error {
			p, err := h.Net.ListenPacket(ctx, "udp", ":1")
			for i := 0; i < 4 && err == nil; i++ {
				_, err = p.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1})
			}
			if err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		s.sleep(100 * time.Microsecond)
		node.Crash()
		_ = to.SetReadDeadline(s.Host("a").Now().Add(time.Second))
		n := 0
		for err = nil; err == nil; n++ {
			_, _, err = to.ReadFrom(make([]byte, 1))
		}
		s.wantError("ReadFrom", err, os.ErrDeadlineExceeded)
		got[n-1]++
	})
	if got[0] < 20 || got[4] < 20 || got[2] == 0 {
		t.Errorf("so many came: %v", got)
	}
}
