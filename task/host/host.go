package host

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

// A Host is the machine that a program runs on. A program that needs a part of it takes that part.
type Host struct {
	Name    string
	Net     Network
	FS      FS
	Rand    *rand.Rand       // for all chance that is not a secret
	Entropy io.Reader        // for secrets: in place of the Reader of crypto/rand
	Now     func() time.Time // the time of day on this machine, which may be wrong, and may jump
	Log     *slog.Logger
}

// A Network makes connections, in the way of package net: the same networks and addresses, and the same
// errors. Its methods suspend the running task. When the task is canceled, or ctx ends, they return the
// reason, and what they have opened is closed.
//
// Dial connects, for packets ("udp") without sending any. ListenPacket is for packets, too: see [PacketConn].
type Network interface {
	Dial(ctx context.Context, network, address string) (*Conn, error)
	Listen(ctx context.Context, network, address string) (*Listener, error)
	ListenPacket(ctx context.Context, network, address string) (*PacketConn, error)
}

// System returns the machine that the process runs on. Its Name is that of [os.Hostname], and its Log is
// [slog.Default], both at the time of the call. A program can set the fields to other values before it uses
// the Host.
//
// The tasks of several loops may use one Host. Rand, Entropy, Now and Log are safe from any goroutine.
// Rand cannot be repeated: its numbers are those of the top-level functions of math/rand/v2.
//
// A Host keeps nothing open, and has no end. (The program closes the directory that it gives to [WithRoot].)
// System panics if an option is nil.
//
// # Network
//
// The network is that of package net, with the same names of networks: "tcp", "udp", "unix" and so on. Dial,
// Listen and ListenPacket look up names and connect on another goroutine. With a virtual clock they return an
// error: the network goes by real time. Such a program uses [Pipe], or the network of a simulated machine.
//
// On Linux, what has come for a connection or a PacketConn stays in the buffers of the kernel until a task reads
// it, and connections wait there until a task accepts them. These buffers bound the memory. The Control
// function of a net.Dialer or a net.ListenConfig can set their sizes: see [WithDialer] and [WithListenConfig].
// A connection that waits for input has no goroutine and no buffer, and costs a turn of the loop nothing. The
// loop's goroutine makes the system calls, and none of them waits.
//
// Elsewhere, each connection has a goroutine that reads ahead up to 64 KiB, and holds up to 64 KiB that were
// written. A Listener accepts up to 16 connections ahead.
//
// Close of a connection does what close of the operating system does: the kernel goes on to deliver what was
// written. But if there is input that no task has read, the kernel would reset the connection, and the peer
// could lose what it has not read yet. In this case Close ends only the direction to the peer. In the
// background, up to 5 seconds, it discards the input until the peer closes too. Close of the loop waits for
// that.
//
// Files are described at [FS].
func System(opts ...Option) *Host {
	cfg := config{fileCalls: defaultFileCalls, disk: wholeDisk()}
	for _, opt := range opts {
		if opt == nil {
			panic("host: System with a nil Option; leave it out")
		}
		opt(&cfg)
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return &Host{
		Name:    name,
		Net:     &cfg.network,
		FS:      newFiles(cfg.disk, cfg.fileCalls),
		Rand:    rand.New(systemChance{}),
		Entropy: crand.Reader,
		Now:     time.Now,
		Log:     slog.Default(),
	}
}

// An Option is a setting of [System].
type Option func(*config)

type config struct {
	network   systemNetwork
	fileCalls int
	disk      *systemDisk
}

// WithDialer makes Dial use d, for example for the address of this end, or for keep-alive. Dial uses a copy.
// The default is the zero [net.Dialer].
func WithDialer(d net.Dialer) Option { return func(c *config) { c.network.dialer = d } }

// WithListenConfig makes Listen and ListenPacket use c. They use a copy. The default is the zero
// [net.ListenConfig].
func WithListenConfig(c net.ListenConfig) Option { return func(cfg *config) { cfg.network.config = c } }

const defaultFileCalls = 32

// WithFileCalls sets how many calls on files run at the same time for the tasks of one loop. Each of them
// occupies a goroutine and a thread. Other calls wait for a place, in the order in which the tasks made them. But with
// several places, a call on a [File] waits for its turn there first, and only then for a place, so that calls on one file do
// not take all places. Without this option there are 32 places. WithFileCalls panics unless n is positive.
//
// In a loop with a virtual clock there is always one place: see [FS].
func WithFileCalls(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("host: WithFileCalls(%d); give it 1 or more", n))
	}
	return func(c *config) { c.fileCalls = n }
}

// WithRoot makes the FS end at a directory: each name is relative to root, and neither .. nor a symbolic
// link leads out of it. So a program uses the same names on the real machine as on one that a test makes
// up, the working directory of the process does not matter, and two Hosts can have a directory each. See
// [os.Root] for the details. The program closes root when it has closed all files. WithRoot panics if root is
// nil.
//
// Without this option, names are those of package os.
func WithRoot(root *os.Root) Option {
	if root == nil {
		panic("host: WithRoot(nil); give it the result of os.OpenRoot")
	}
	return func(c *config) { c.disk = rootDisk(root) }
}

// systemChance is the source of the top-level functions of math/rand/v2, which is safe from any goroutine.
type systemChance struct{}

func (systemChance) Uint64() uint64 { return rand.Uint64() }
