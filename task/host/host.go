package host

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
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
	Now     func() time.Time // the time of day on this machine, which may be wrong
	Log     *slog.Logger
}

// A Network makes connections, in the way of package net: the same networks and addresses, and the same
// errors. Its methods suspend the running task. When the task is canceled, or ctx ends, they return the
// reason, and what they have opened is closed.
type Network interface {
	Dial(ctx context.Context, network, address string) (*Conn, error)
	Listen(ctx context.Context, network, address string) (*Listener, error)
	ListenPacket(ctx context.Context, network, address string) (*PacketConn, error)
}

// System returns the real machine: the operating system's network, files, chance and time of day. Its
// Name is that of [os.Hostname], and its Log is [slog.Default], both at the time of the call. A program
// can set the fields to other values before it uses the Host.
//
// The tasks of several loops may use one Host. Rand, Entropy, Now and Log are safe from any goroutine.
// Rand cannot be repeated: its numbers are those of the top-level functions of math/rand/v2.
//
// A Host keeps nothing open, and has no end. (The program closes the directory that it gives to [InRoot].)
// System panics if an option is nil.
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
		Net:     systemNetwork(cfg),
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
	fileCalls int
	disk      disk
}

const defaultFileCalls = 32

// FileCalls sets how many calls to the operating system, on files, run at the same time for the tasks of
// one loop. Each of them occupies a goroutine and a thread. Other calls wait for a place, in the order in
// which the tasks made them. Without this option there are 32 places. FileCalls panics unless n is
// positive.
//
// In a loop with a virtual clock there is always one place: see [FS].
func FileCalls(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("host: FileCalls(%d); give it the number of calls that may run at the same time, 1 or more", n))
	}
	return func(c *config) { c.fileCalls = n }
}

// InRoot makes the FS end at a directory: each name is relative to root, and neither .. nor a symbolic
// link leads out of it. So a program uses the same names on the real machine as on one that a test makes
// up, the working directory of the process does not matter, and two Hosts can have a directory each. See
// [os.Root] for the details. The program closes root when it has closed all files. InRoot panics if root is
// nil.
//
// Without this option, names are those of package os.
func InRoot(root *os.Root) Option {
	if root == nil {
		panic("host: InRoot(nil); give it the result of os.OpenRoot")
	}
	return func(c *config) { c.disk = rootDisk(root) }
}

// systemChance is the source of the top-level functions of math/rand/v2, which is safe from any goroutine.
type systemChance struct{}

func (systemChance) Uint64() uint64 { return rand.Uint64() }
