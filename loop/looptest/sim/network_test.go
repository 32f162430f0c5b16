package sim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A scene is a world with a test in it.
type scene struct {
	*looptest.T
	*sim.World
	ctx context.Context
}

// inWorlds runs body in n schedules, each with a world of its own.
func inWorlds(t *testing.T, n int, body func(s *scene)) {
	t.Helper()
	looptest.Explore(t, looptest.Sample(1, n), func(ctx context.Context, t *looptest.T) {
		body(&scene{t, sim.New(ctx, t), ctx})
	}, looptest.MaxSteps(1<<20))
}

func (s *scene) sleep(d time.Duration) { _ = task.Sleep(s.ctx, d) }

func (s *scene) dial(from, to string) *host.Conn {
	s.Helper()
	c, err := s.Host(from).Net.Dial(s.ctx, "tcp", to)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *scene) listen(on, address string) *host.Listener {
	s.Helper()
	ln, err := s.Host(on).Net.Listen(s.ctx, "tcp", address)
	if err != nil {
		s.Fatal(err)
	}
	return ln
}

func (s *scene) accept(ln *host.Listener) *host.Conn {
	s.Helper()
	c, err := ln.Accept(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// pair connects two hosts.
func (s *scene) pair() (a, b *host.Conn) {
	s.Helper()
	ln := s.listen("b", ":7000")
	a = s.dial("a", "b:7000")
	b = s.accept(ln)
	_ = ln.Close()
	return a, b
}

func (s *scene) write(c *host.Conn, text string) {
	s.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		s.Errorf("Write: %v", err)
	}
}

func (s *scene) want(c *host.Conn, text string) {
	s.Helper()
	p := make([]byte, len(text))
	if n, err := io.ReadFull(c, p); err != nil || string(p) != text {
		s.Errorf("read %q and the error %v, want %q", p[:n], err, text)
	}
}

func (s *scene) wantError(what string, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s: the error is %v, want %v", what, err, want)
	}
}

// wantTime checks how long f takes.
func (s *scene) wantTime(what string, least, most time.Duration, f func()) {
	s.Helper()
	before := s.Host("clock").Now()
	f()
	if took := s.Host("clock").Now().Sub(before); took < least || took > most {
		s.Errorf("%s took %v, want %v to %v", what, took, least, most)
	}
}

// reads starts a task that reads a byte from c.
func (s *scene) reads(c *host.Conn) *task.Task[byte] {
	return task.Go(s.ctx, func(context.Context) (byte, error) {
		p := make([]byte, 1)
		_, err := io.ReadFull(c, p)
		return p[0], err
	})
}

// echo is a program that sends back what comes.
func echo(ctx context.Context, h *host.Host) error {
	ln, err := h.Net.Listen(ctx, "tcp", ":7000")
	if err != nil {
		return err
	}
	return host.Serve(ctx, ln, func(ctx context.Context, c *host.Conn) error {
		_, err := io.Copy(c, c)
		return err
	})
}

// A cut of less than the patience of the kernel loses nothing: the stream goes on within a second after the heal.
func TestPartitionStallsAStream(t *testing.T) {
	inWorlds(t, 100, func(s *scene) {
		a, b := s.pair()
		s.write(a, "before")
		s.Partition([]string{"a"}, []string{"b"})
		s.write(a, " and after")
		s.write(b, "an answer")
		reads := s.reads(a)
		s.sleep(100 * time.Second)
		if reads.Done() {
			s.Errorf("something came through the cut")
		}
		s.Heal()
		s.wantTime("the rest", 0, 1002*time.Millisecond, func() {
			s.want(b, "before and after")
			if _, err := reads.Await(s.ctx); err != nil {
				s.Error(err)
			}
		})
		s.want(a, "n answer")
	})
}

// What is cut for two minutes times out, at both ends, also if nothing is sent. What had come is read first.
func TestPartitionTimesOut(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		a, b := s.pair()
		s.write(a, "text")
		s.sleep(time.Second)
		s.Partition([]string{"a"})
		s.write(a, "more")
		s.wantTime("the time-out", 2*time.Minute, 2*time.Minute, func() {
			_, err := a.Read(make([]byte, 1))
			s.wantError("Read", err, syscall.ETIMEDOUT)
		})
		_, err := a.Write([]byte("x"))
		s.wantError("Write", err, syscall.EPIPE)
		s.sleep(0)
		s.want(b, "text")
		_, err = b.Write([]byte("x"))
		s.wantError("Write", err, syscall.ETIMEDOUT)
		_, err = b.Read(make([]byte, 1))
		s.wantError("Read", err, syscall.ETIMEDOUT)
		s.Heal()
		a = s.dialAgain()
		s.write(a, "new")
	})
}

func (s *scene) dialAgain() *host.Conn {
	s.Helper()
	a, b := s.pair()
	s.write(a, "hello")
	s.want(b, "hello")
	return a
}

// A cut of one direction lets the other direction through, but not the acknowledgements.
func TestOneWayCut(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		a, b := s.pair()
		s.Cut("a", "b")
		s.write(a, "lost for now")
		reads := s.reads(b)
		sent := 0
		writer := task.Go(s.ctx, func(context.Context) (struct{}, error) {
			for range 30 {
				n, err := b.Write(make([]byte, 10_000))
				if sent += n; err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, b.CloseWrite()
		})
		got := 0
		reader := task.Go(s.ctx, func(context.Context) (struct{}, error) {
			for p := make([]byte, 4096); ; {
				n, err := a.Read(p)
				if got += n; err != nil {
					return struct{}{}, err
				}
			}
		})
		s.sleep(time.Minute)
		if reads.Done() || got < 30_000 || got >= 300_000 || writer.Done() {
			s.Errorf("%d bytes came, without acknowledgements; something came the other way: %t", got, reads.Done())
		}
		s.Heal()
		_, err := reads.Await(s.ctx)
		s.wantError("Read", err, nil)
		_, err = reader.Await(s.ctx)
		s.wantError("Read", err, io.EOF)
		_, err = writer.Await(s.ctx)
		s.wantError("Write", err, nil)
		if got != 300_000 {
			s.Errorf("%d bytes came in all", got)
		}
	})
}

// What is held back comes at the release, and nothing times out meanwhile.
func TestHold(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		a, b := s.pair()
		from, err := s.Host("a").Net.ListenPacket(s.ctx, "udp", ":1")
		s.wantError("ListenPacket", err, nil)
		to, err := s.Host("b").Net.ListenPacket(s.ctx, "udp", ":1")
		s.wantError("ListenPacket", err, nil)
		s.Hold("a", "b")
		s.write(a, "held")
		s.write(b, "not held")
		s.want(a, "not held")
		for _, text := range []string{"1", "2"} {
			_, err = from.WriteTo([]byte(text), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1})
			s.wantError("WriteTo", err, nil)
		}
		reads := s.reads(b)
		s.sleep(time.Hour)
		if reads.Done() {
			s.Errorf("it came in spite of Hold")
		}
		s.wantTime("the release", 0, 0, func() {
			s.Release("a", "b")
			_, err = reads.Await(s.ctx)
			s.wantError("Read", err, nil)
			s.want(b, "eld")
			for _, want := range []string{"1", "2"} {
				p := make([]byte, 2)
				n, _, err := to.ReadFrom(p)
				s.wantError("ReadFrom", err, nil)
				if string(p[:n]) != want {
					s.Errorf("the packet is %q, want %q", p[:n], want)
				}
			}
		})
		s.dialAgain()
	})
}

// A crash is not noticed by a peer that only waits, until its patience ends.
func TestCrashSeenByThePeer(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", echo)
		s.sleep(time.Second)
		c := s.dial("a", "n:7000")
		s.write(c, "x")
		s.want(c, "x")
		s.sleep(time.Second)
		node.Crash()
		s.wantTime("the time-out", 2*time.Minute, 2*time.Minute, func() {
			_, err := c.Read(make([]byte, 1))
			s.wantError("Read", err, syscall.ETIMEDOUT)
		})

		node.Start()
		s.sleep(time.Second)
		c = s.dial("a", "n:7000")
		s.sleep(time.Second)
		node.Crash()
		sent := 0
		writer := task.Go(s.ctx, func(context.Context) (struct{}, error) {
			for {
				n, err := c.Write(make([]byte, 1000))
				if sent += n; err != nil {
					return struct{}{}, err
				}
			}
		})
		s.sleep(time.Minute)
		if writer.Done() || sent == 0 || sent > 1<<20 {
			s.Errorf("%d bytes were sent to a machine that is off; Write has failed: %t", sent, writer.Done())
		}
		node.Start()
		s.wantTime("the reset", 0, 1003*time.Millisecond, func() { // what was sent is sent again
			_, err := writer.Await(s.ctx)
			s.wantError("Write", err, syscall.ECONNRESET)
		})
	})
}

// After a restart, the first message is answered by a reset. Without one, the end of the patience finds that out.
func TestRestartResets(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", echo)
		s.sleep(time.Second)
		sends, waits := s.dial("a", "n:7000"), s.dial("a", "n:7000")
		s.sleep(time.Second)
		node.Crash()
		s.sleep(time.Second)
		node.Start()
		s.sleep(time.Minute)
		s.write(sends, "x")
		s.wantTime("the reset", time.Millisecond, 3*time.Millisecond, func() {
			_, err := sends.Read(make([]byte, 1))
			s.wantError("Read", err, syscall.ECONNRESET)
		})
		s.wantTime("the end of the patience", 59*time.Second-4*time.Millisecond, 59*time.Second, func() {
			_, err := waits.Read(make([]byte, 1))
			s.wantError("Read", err, syscall.ECONNRESET)
		})
	})
}

// A dial to a machine that is off waits. It succeeds if the machine comes back, and otherwise times out.
func TestDialToAMachineThatIsOff(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", echo)
		s.sleep(time.Second)
		node.Crash()
		s.wantTime("the dial", 2*time.Minute, 2*time.Minute, func() {
			_, err := s.Host("a").Net.Dial(s.ctx, "tcp", "n:7000")
			s.wantError("Dial", err, syscall.ETIMEDOUT)
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				s.Errorf("the error %v is no time-out", err)
			}
		})
		dial := task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) {
			return s.Host("a").Net.Dial(ctx, "tcp", "n:7000")
		})
		s.sleep(time.Minute)
		node.Start()
		s.wantTime("the dial", 200*time.Millisecond, 1004*time.Millisecond, func() {
			c, err := dial.Await(s.ctx)
			if err != nil {
				s.Fatal(err)
			}
			s.write(c, "x")
			s.want(c, "x")
		})
		node.Crash()
		_, err := task.Within(s.ctx, time.Second, func(ctx context.Context) (*host.Conn, error) {
			return s.Host("a").Net.Dial(ctx, "tcp", "n:7000")
		})
		s.wantError("Dial under a limit", err, context.DeadlineExceeded)
	})
}

// The kernel of a machine that crashes has taken what the program had not read, so the peer has room for more.
func TestCrashOfAReaderThatIsSlow(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", func(ctx context.Context, h *host.Host) error {
			ln, err := h.Net.Listen(ctx, "tcp", ":7000")
			if err == nil {
				_, err = ln.Accept(ctx)
			}
			if err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		s.sleep(time.Second)
		c := s.dial("a", "n:7000")
		sent := 0
		writer := task.Go(s.ctx, func(context.Context) (struct{}, error) {
			for {
				n, err := c.Write(make([]byte, 1<<10))
				if sent += n; err != nil {
					return struct{}{}, err
				}
			}
		})
		s.sleep(time.Second)
		full := sent
		node.Crash()
		s.sleep(time.Second)
		if full != 64<<10 || sent != 2*full {
			s.Errorf("%d bytes were sent before the crash, %d in all", full, sent)
		}
		_, err := writer.Await(s.ctx)
		s.wantError("Write", err, syscall.ETIMEDOUT)
	})
}

// A connection that is closed with bytes that were not read takes what comes for five seconds. After that, the peer gets a
// reset.
func TestCloseLingers(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		a, b := s.pair()
		writer := task.Go(s.ctx, func(context.Context) (int, error) { return b.Write(make([]byte, 300_000)) })
		s.sleep(time.Second)
		s.write(a, "the last words")
		_ = a.Close()
		n, err := writer.Await(s.ctx)
		if n != 300_000 || err != nil {
			s.Errorf("Write: %d bytes, %v", n, err)
		}
		s.want(b, "the last words")
		_, err = b.Read(make([]byte, 1))
		s.wantError("Read", err, io.EOF)
		s.sleep(5 * time.Second)
		s.write(b, "late")
		s.sleep(time.Second)
		_, err = b.Write([]byte("x"))
		s.wantError("Write", err, syscall.EPIPE)
	})
}

// The answers to a dial, and to what comes for a connection that is gone, can be lost too. They come after the heal.
func TestAnswersLostInACut(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		node := s.Node("n", echo)
		s.sleep(time.Second)
		old := s.dial("a", "n:7000")
		s.sleep(time.Second)
		node.Crash()
		node.Start()
		s.sleep(time.Second)
		s.Cut("n", "a")
		s.write(old, "x")
		dial := func(address string) *task.Task[*host.Conn] {
			return task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) { return s.Host("a").Net.Dial(ctx, "tcp", address) })
		}
		good, bad := dial("n:7000"), dial("n:1")
		s.sleep(10 * time.Second)
		s.Heal()
		s.wantTime("the rest", 0, 1006*time.Millisecond, func() {
			_, err := good.Await(s.ctx)
			s.wantError("Dial", err, nil)
			_, err = bad.Await(s.ctx)
			s.wantError("Dial", err, syscall.ECONNREFUSED)
			_, err = old.Read(make([]byte, 1))
			s.wantError("Read", err, syscall.ECONNRESET)
		})
	})
}

// A machine crashes while a connection to it is opened. The client asks again, and succeeds after the restart.
func TestCrashWhileAConnectionIsOpened(t *testing.T) {
	inWorlds(t, 50, func(s *scene) {
		s.SetLink("", "", sim.Link{Latency: 10 * time.Millisecond})
		node := s.Node("n", echo)
		s.sleep(time.Second)
		dial := task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) {
			return s.Host("a").Net.Dial(ctx, "tcp", "n:7000")
		})
		s.sleep(15 * time.Millisecond) // the request has come, and the answer is on its way
		node.Crash()
		s.sleep(time.Second)
		node.Start()
		s.sleep(2 * time.Second)
		if !dial.Done() {
			s.Errorf("the dial still waits")
		}
		c, err := dial.Await(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		s.write(c, "x")
		s.want(c, "x")
	})
}

// What was lost in a cut is not sent again if the sender crashes meanwhile.
func TestCrashDuringACut(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		ln := s.listen("a", ":7000")
		node := s.Node("n", func(ctx context.Context, h *host.Host) error {
			c, err := h.Net.Dial(ctx, "tcp", "a:7000")
			for _, text := range []string{"before", "lost"} {
				if err == nil {
					_, err = io.WriteString(c, text)
				}
				if err == nil {
					err = task.Sleep(ctx, 2*time.Second)
				}
			}
			if err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		c := s.accept(ln)
		s.sleep(time.Second)
		s.Partition([]string{"n"})
		s.sleep(5 * time.Second)
		node.Crash()
		s.Heal()
		_ = c.SetReadDeadline(s.Host("a").Now().Add(time.Minute))
		all, err := io.ReadAll(c)
		if string(all) != "before" {
			s.Errorf("%q came", all)
		}
		s.wantError("Read", err, os.ErrDeadlineExceeded)
	})
}

// The answer that a dial is refused is lost. The client asks again after the heal.
func TestRefusalThatIsLost(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		s.SetLink("", "", sim.Link{Latency: 10 * time.Millisecond})
		s.Host("b")
		dial := task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) {
			return s.Host("a").Net.Dial(ctx, "tcp", "b:7000")
		})
		s.sleep(15 * time.Millisecond) // the request has come, and the answer is on its way
		s.Cut("b", "a")
		s.sleep(time.Second)
		s.Heal()
		s.sleep(2 * time.Second)
		if !dial.Done() {
			s.Errorf("the dial still waits")
		}
		_, err := dial.Await(s.ctx)
		s.wantError("Dial", err, syscall.ECONNREFUSED)
	})
}

// The network forgets a connection whose ends are gone, also if the last message of a kernel is lost.
func TestConnectionsAreForgotten(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		server := s.Node("n", func(ctx context.Context, h *host.Host) error {
			ln, err := h.Net.Listen(ctx, "tcp", ":7000")
			if err != nil {
				return err
			}
			if _, err = ln.Accept(ctx); err != nil {
				return err
			}
			return asleep(ctx, h)
		})
		client := s.Node("m", func(ctx context.Context, h *host.Host) error {
			c, err := h.Net.Dial(ctx, "tcp", "n:7000")
			if err != nil {
				return err
			}
			_, _ = c.Write([]byte("x"))
			return asleep(ctx, h)
		})
		s.sleep(time.Second)
		s.Partition([]string{"m"}, []string{"n"})
		_ = server.Stop(s.ctx) // sends a reset, which is lost
		client.Crash()
		s.sleep(time.Second)
		s.Heal()
		if n := sim.Connections(s.World); n > 0 {
			s.Errorf("the network keeps %d connections", n)
		}
	})
}

// When a program ends, the operating system closes its connections: with the end after what was sent, or with a reset if
// something was not read. Later dials are refused.
func TestExitClosesConnections(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		s.Node("n", func(ctx context.Context, h *host.Host) error {
			ln, err := h.Net.Listen(ctx, "tcp", ":7000")
			if err != nil {
				return err
			}
			for range 2 {
				c, err := ln.Accept(ctx)
				if err != nil {
					return err
				}
				if _, err = io.WriteString(c, strings.Repeat("bye", 10_000)); err != nil {
					return err
				}
			}
			return task.Sleep(ctx, time.Second)
		})
		s.sleep(time.Millisecond)
		quiet, talks, waits := s.dial("a", "n:7000"), s.dial("a", "n:7000"), s.dial("a", "n:7000")
		s.write(talks, "not read")
		for _, c := range []struct {
			name string
			conn *host.Conn
			want int
			end  error
		}{{"read", quiet, 30_000, nil}, {"not read", talks, 30_000, syscall.ECONNRESET}, {"not accepted", waits, 0, syscall.ECONNRESET}} {
			all, err := io.ReadAll(c.conn)
			s.wantError(c.name, err, c.end)
			if len(all) != c.want {
				s.Errorf("%s: %d bytes came", c.name, len(all))
			}
		}
		_, err := s.Host("a").Net.Dial(s.ctx, "tcp", "n:7000")
		s.wantError("Dial", err, syscall.ECONNREFUSED)
	})
}

// Nothing that the deferred calls of a crashed program do reaches a peer.
func TestCrashedProgramIsSilent(t *testing.T) {
	inWorlds(t, 20, func(s *scene) {
		ln := s.listen("a", ":7000")
		errs := map[string]error{}
		node := s.Node("n", func(ctx context.Context, h *host.Host) error {
			c, err := h.Net.Dial(ctx, "tcp", "a:7000")
			if err != nil {
				return err
			}
			p, err := h.Net.ListenPacket(ctx, "udp", ":1")
			if err != nil {
				return err
			}
			own, err := h.Net.Listen(ctx, "tcp", ":1")
			if err != nil {
				return err
			}
			defer func() {
				_, errs["Write"] = c.Write([]byte("from the dead"))
				_, errs["WriteTo"] = p.WriteTo([]byte("from the dead"), p.LocalAddr())
				_, errs["Read"] = c.Read(make([]byte, 1))
				_, errs["Dial"] = h.Net.Dial(ctx, "tcp", "a:7000")
				errs["CloseWrite"] = c.CloseWrite()
				errs["Close"] = errors.Join(c.Close(), p.Close(), own.Close())
			}()
			return task.Sleep(ctx, time.Hour)
		})
		c := s.accept(ln)
		s.sleep(time.Second)
		node.Crash()
		_ = c.SetReadDeadline(s.Host("a").Now().Add(time.Minute))
		_, err := c.Read(make([]byte, 1))
		s.wantError("Read", err, os.ErrDeadlineExceeded)
		for _, call := range []string{"Write", "WriteTo", "Read", "Dial"} {
			if errs[call] == nil {
				s.Errorf("%s of a crashed program succeeds", call)
			}
		}
	})
}

// What is in flight at a crash arrives or not: a beginning of each stream, as one choice decides.
func TestInFlightAtACrash(t *testing.T) {
	const text = "abcdefgh"
	got := map[string]bool{}
	inWorlds(t, 300, func(s *scene) {
		ln := s.listen("a", ":7000")
		node := s.Node("n", func(ctx context.Context, h *host.Host) error {
			c, err := h.Net.Dial(ctx, "tcp", "a:7000")
			for i := 0; err == nil && i < len(text); i++ {
				_, err = c.Write([]byte{text[i]})
			}
			if err != nil {
				return err
			}
			return task.Sleep(ctx, time.Hour)
		})
		c := s.accept(ln)
		s.sleep(100 * time.Microsecond)
		node.Crash()
		_ = c.SetReadDeadline(s.Host("a").Now().Add(time.Minute))
		all, err := io.ReadAll(c)
		s.wantError("Read", err, os.ErrDeadlineExceeded)
		if !strings.HasPrefix(text, string(all)) {
			s.Errorf("%q came of %q", all, text)
		}
		got[string(all)] = true
	})
	if !got[""] || !got[text] || len(got) < 5 {
		t.Errorf("these came: %v", got)
	}
}

// Nothing is chosen at a crash if nothing is in flight.
func TestNoChoiceWithoutFlight(t *testing.T) {
	runs := func(pause time.Duration) (n int) {
		looptest.Explore(t, looptest.DelayBounded(1), func(ctx context.Context, t *looptest.T) {
			n++
			w := sim.New(ctx, t)
			w.SetLink("", "", sim.Link{Latency: time.Millisecond})
			ln, err := w.Host("a").Net.Listen(ctx, "tcp", ":7000")
			if err != nil {
				t.Fatal(err)
			}
			node := w.Node("n", func(ctx context.Context, h *host.Host) error {
				c, err := h.Net.Dial(ctx, "tcp", "a:7000")
				if err == nil {
					err = task.Sleep(ctx, 10*time.Millisecond)
				}
				if err == nil {
					_, err = c.Write([]byte("text"))
				}
				if err != nil {
					return err
				}
				return task.Sleep(ctx, time.Hour)
			})
			if _, err := ln.Accept(ctx); err != nil {
				t.Fatal(err)
			}
			_ = task.Sleep(ctx, pause)
			node.Crash()
		})
		return n
	}
	if without, with := runs(time.Second), runs(9500*time.Microsecond); with <= without {
		t.Errorf("%d schedules with nothing in flight, %d with a message in flight", without, with)
	}
}

// If the program does not accept, its listener holds a number of connections. Others wait, and come when there is room.
func TestBacklog(t *testing.T) {
	inWorlds(t, 5, func(s *scene) {
		ln := s.listen("b", ":7000")
		connected := 0
		var dials []*task.Task[*host.Conn]
		for range 200 {
			dials = append(dials, task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) {
				c, err := s.Host("a").Net.Dial(ctx, "tcp", "b:7000")
				connected++
				return c, err
			}))
		}
		s.sleep(10 * time.Second)
		if connected != 128 {
			s.Errorf("%d connections without Accept, want 128", connected)
		}
		for range 150 {
			_ = s.accept(ln).Close()
		}
		s.sleep(3 * time.Second)
		if connected != 200 {
			s.Errorf("%d connections in the end", connected)
		}
		for range 50 {
			_ = s.accept(ln)
		}
		for _, d := range dials {
			if _, err := d.Await(s.ctx); err != nil {
				s.Error(err)
			}
		}
	})
}

// A message that is lost on a stream is sent again, and delays what follows it.
func TestLossDelaysAStream(t *testing.T) {
	slow := 0
	inWorlds(t, 100, func(s *scene) {
		a, b := s.pair()
		s.SetLink("a", "b", sim.Link{Latency: time.Millisecond, Loss: 0.3})
		before := s.Host("clock").Now()
		for _, text := range []string{"one ", "two ", "three"} {
			s.write(a, text)
		}
		s.want(b, "one two three")
		if took := s.Host("clock").Now().Sub(before); took > 200*time.Millisecond {
			slow++
		} else if took != time.Millisecond {
			s.Errorf("it took %v", took)
		}
	})
	if slow < 30 || slow > 95 {
		t.Errorf("%d of 100 were slow", slow)
	}
}

// lossy runs body in worlds in which what is lost with the probability 1 is lost. (In the first schedule nothing is.)
func lossy(t *testing.T, body func(s *scene)) {
	t.Helper()
	inWorlds(t, 5, func(s *scene) {
		if s.Chance("not the first schedule", 1) {
			body(s)
		}
	})
}

// If a link loses everything, connections time out, as they do on a link that is cut.
func TestALinkThatLosesEverything(t *testing.T) {
	const least, most = 2 * time.Minute, 2*time.Minute + 10*time.Second
	for _, link := range [][2]string{{"", ""}, {"a", "b"}, {"b", "a"}} {
		lossy(t, func(s *scene) {
			ln := s.listen("b", ":7000")
			s.Host("a")
			s.SetLink(link[0], link[1], sim.Link{Loss: 1})
			for _, to := range []string{"b:7000", "b:1"} { // nobody listens at b:1
				s.wantTime("a dial of "+to, least, most, func() {
					_, err := s.Host("a").Net.Dial(s.ctx, "tcp", to)
					s.wantError("Dial "+to, err, syscall.ETIMEDOUT)
				})
			}
			s.sleep(3 * time.Minute)
			if n := sim.Connections(s.World); n > 0 {
				s.Errorf("%d connections are left", n)
			}
			_ = ln.Close()
		})
	}
	lossy(t, func(s *scene) {
		a, b := s.pair()
		s.SetLink("a", "b", sim.Link{Loss: 1})
		s.write(b, "to a")
		s.want(a, "to a")
		s.write(a, "lost")
		at, bt := s.reads(a), s.reads(b)
		s.wantTime("the connection", least, most, func() {
			_, err := at.Await(s.ctx)
			s.wantError("Read of the sender", err, syscall.ETIMEDOUT)
			_, err = bt.Await(s.ctx)
			s.wantError("Read of the receiver", err, syscall.ETIMEDOUT)
		})
		if n := sim.Connections(s.World); n > 0 {
			s.Errorf("%d connections are left", n)
		}
	})
}

// When a link no longer loses everything, connections go on, and nothing is lost in the middle. That may be the end of
// a plan.
func TestALinkThatHasLostEverything(t *testing.T) {
	lossy(t, func(s *scene) {
		s.Host("a")
		s.SetLink("", "", sim.Link{Loss: 1})
		dials := task.Go(s.ctx, func(ctx context.Context) (*host.Conn, error) { return s.Host("a").Net.Dial(ctx, "tcp", "b:7000") })
		ln := s.listen("b", ":7000")
		s.sleep(time.Minute)
		s.SetLink("", "", sim.Link{})
		b := s.accept(ln)
		a, err := dials.Await(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		for range 3 {
			s.SetLink("a", "b", sim.Link{Loss: 1})
			s.write(a, "one ")
			s.write(a, "two ")
			s.sleep(100 * time.Second)
			s.Cut("a", "b")
			s.sleep(time.Second)
			s.Heal() // the link still loses everything
			s.sleep(time.Second)
			s.write(a, "three")
			s.SetLink("a", "b", sim.Link{})
			s.wantTime("the rest", 0, 2*time.Second, func() { s.want(b, "one two three") })
		}
	})
	lossy(t, func(s *scene) {
		s.Node("n", asleep)
		a, b := s.pair()
		for _, quiet := range []bool{false, true} {
			s.Faults(s.ctx, sim.Plan{For: time.Minute, Every: time.Hour, Steady: true, Net: sim.NetFaults{Loss: 1}})
			s.write(a, "text")
			s.sleep(50 * time.Second)
			if quiet {
				s.Quiet(s.ctx)
			} else {
				s.sleep(10 * time.Second)
			}
			s.wantTime("the rest", 0, 2*time.Second, func() { s.want(b, "text") })
		}
	})
}

// CloseWrite of a connection that has been reset fails, as on Linux.
func TestCloseWriteAfterAReset(t *testing.T) {
	inWorlds(t, 5, func(s *scene) {
		a, b := s.pair()
		_ = b.Close()
		s.write(a, "text")
		s.sleep(time.Second)
		err := a.CloseWrite()
		s.wantError("CloseWrite", err, syscall.ENOTCONN)
		if err == nil || !strings.HasPrefix(err.Error(), "close tcp ") || !strings.Contains(err.Error(), ": shutdown: ") {
			s.Errorf("CloseWrite: the error is %v", err)
		}
		s.wantError("a second CloseWrite", a.CloseWrite(), nil)
	})
}

// A bandwidth is shared by all that goes over a link.
func TestBandwidth(t *testing.T) {
	inWorlds(t, 5, func(s *scene) {
		s.Host("a")
		ln := s.listen("b", ":7000")
		s.SetLink("a", "b", sim.Link{Latency: 5 * time.Millisecond, Bandwidth: 1 << 20})
		s.SetLink("b", "a", sim.Link{Latency: 5 * time.Millisecond})
		s.wantTime("two MiB at 1 MiB/s", 2*time.Second, 2100*time.Millisecond, func() {
			var all []*task.Task[int64]
			for range 2 {
				a := s.dial("a", "b:7000")
				b := s.accept(ln)
				task.Go(s.ctx, func(context.Context) (struct{}, error) {
					_, err := a.Write(make([]byte, 1<<20))
					return struct{}{}, errors.Join(err, a.Close())
				})
				all = append(all, task.Go(s.ctx, func(context.Context) (int64, error) { return io.Copy(io.Discard, b) }))
			}
			for _, one := range all {
				if n, err := one.Await(s.ctx); n != 1<<20 || err != nil {
					s.Errorf("%d bytes, %v", n, err)
				}
			}
		})
	})
}

// SetLink sets what it says, for the nodes that it names.
func TestSetLink(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		s.Host("a")
		s.Host("b")
		s.SetLink("", "", sim.Link{Latency: 10 * time.Millisecond})
		s.SetLink("a", "b", sim.Link{Latency: 30 * time.Millisecond}) // until the next lines
		s.SetLink("a", "", sim.Link{Latency: 20 * time.Millisecond})
		s.SetLink("a", "b", sim.Link{Latency: 40 * time.Millisecond})
		s.Host("c") // made later
		for _, c := range []struct {
			from, to string
			want     time.Duration
		}{{"a", "b", 50}, {"b", "a", 60 - 10}, {"a", "c", 30}, {"c", "b", 20}} {
			ln := s.listen(c.to, ":7000")
			s.wantTime(c.from+" dials "+c.to, c.want*time.Millisecond, c.want*time.Millisecond, func() { s.dial(c.from, c.to+":7000") })
			_ = ln.Close()
		}
		ln := s.listen("a", ":7000")
		s.wantTime("a dials itself", time.Microsecond, 100*time.Microsecond, func() { s.dial("a", "a:7000") })
		_ = ln.Close()
	})
}

// Sides that are named are cut from each other, and other nodes reach both.
func TestShapesOfPartitions(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		names := []string{"a", "b", "c", "d"}
		for _, name := range names {
			s.listen(name, ":7000")
		}
		reaches := func() string {
			var tasks []*task.Task[string]
			for _, from := range names {
				for _, to := range names {
					tasks = append(tasks, task.Go(s.ctx, func(ctx context.Context) (string, error) {
						c, err := task.Within(ctx, time.Second, func(ctx context.Context) (*host.Conn, error) {
							return s.Host(from).Net.Dial(ctx, "tcp", to+":7000")
						})
						if err != nil {
							return "", nil
						}
						return from + to + " ", c.Close()
					}))
				}
			}
			text := ""
			for _, t := range tasks {
				part, err := t.Await(s.ctx)
				s.wantError("Close", err, nil)
				text += part
			}
			return text
		}
		for _, c := range []struct {
			name string
			cut  func()
			want string
		}{
			{"none", func() {}, "aa ab ac ad ba bb bc bd ca cb cc cd da db dc dd "},
			{"a | b c", func() { s.Partition([]string{"a"}, []string{"b", "c"}) }, "aa ad bb bc bd cb cc cd da db dc dd "},
			{"a b", func() { s.Partition([]string{"a", "b"}) }, "aa ab ba bb cc cd dc dd "},
			{"a | b | c | d", func() { s.Partition([]string{"a"}, []string{"b"}, []string{"c"}, []string{"d"}) }, "aa bb cc dd "},
			{"a → b", func() { s.Cut("a", "b") }, "aa ac ad bb bc bd ca cb cc cd da db dc dd "},
		} {
			c.cut()
			if got := reaches(); got != c.want {
				s.Errorf("with the cut %s these reach each other: %s\nwant %s", c.name, got, c.want)
			}
			s.Heal()
			s.sleep(5 * time.Second)
		}
	})
}

func TestNetworkMisuse(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		s.Host("a")
		for want, f := range map[string]func(){
			`Partition of "x", which is the name of no node`: func() { s.Partition([]string{"a"}, []string{"x"}) },
			`Partition with a twice`:                         func() { s.Partition([]string{"a"}, []string{"a"}) },
			`Cut of "x"`:                                     func() { s.Cut("a", "x") },
			`Hold of "x"`:                                    func() { s.Hold("x", "a") },
			`Release of "x"`:                                 func() { s.Release("x", "a") },
			`SetLink of "x"`:                                 func() { s.SetLink("x", "", sim.Link{}) },
			`probabilities from 0 to 1`:                      func() { s.SetLink("a", "", sim.Link{Loss: 2}) },
			`times from 0 to a day`:                          func() { s.SetLink("a", "", sim.Link{Latency: -1}) },
			`Jitter:2562047h47m16`:                           func() { s.SetLink("a", "", sim.Link{Jitter: task.NoLimit}) },
			`a bandwidth of 0 or more`:                       func() { s.SetLink("a", "", sim.Link{Bandwidth: -1}) },
		} {
			func() {
				defer func() {
					if text, _ := recover().(string); !strings.HasPrefix(text, "sim: ") || !strings.Contains(text, want) {
						s.Errorf("the panic is %q, want %q", text, want)
					}
				}()
				f()
			}()
		}
	})
}

// The networks that are not simulated say so.
func TestNetworksThatAreNotSimulated(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		for _, network := range []string{"unix", "unixgram", "tcp6", "udp6"} {
			_, err := s.Host("a").Net.Dial(s.ctx, network, "/a")
			if err == nil || !strings.Contains(err.Error(), "is not simulated; use tcp or udp") {
				s.Errorf("%s: the error is %v", network, err)
			}
		}
		_, err := s.Host("a").Net.Dial(s.ctx, "tcp", "10.0.0.77:1")
		s.wantError("no such node", err, syscall.EHOSTUNREACH)
		_, err = s.Host("a").Net.Dial(s.ctx, "tcp", "8.8.8.8:1")
		s.wantError("no such network", err, syscall.ENETUNREACH)
		_, err = s.Host("a").Net.Dial(s.ctx, "tcp", "[::1]:1")
		s.wantError("IPv6", err, syscall.ENETUNREACH)
	})
}

func TestAddressesOfNodes(t *testing.T) {
	inWorlds(t, 1, func(s *scene) {
		ln := s.listen("b", "[::]:7000")
		for _, to := range []string{"b:7000", "B:7000", "10.0.0.1:7000"} {
			_ = s.dial("a", to).Close()
		}
		for _, to := range []string{"LOCALHOST:7000", "[::]:7000"} {
			_ = s.dial("b", to).Close()
		}
		if got := ln.Addr().String(); got != "0.0.0.0:7000" {
			s.Errorf("the address is %s", got)
		}
	})
	inWorlds(t, 1, func(s *scene) {
		last := ""
		for i := range 300 {
			last = "n" + strings.Repeat("x", i)
			s.Host(last)
		}
		s.listen(last, ":7000")
		c := s.dial("n", last+":7000")
		if got := c.LocalAddr().String() + " " + c.RemoteAddr().String(); got != "10.0.0.1:32768 10.0.1.44:7000" {
			s.Errorf("the addresses are %s", got)
		}
	})
}
