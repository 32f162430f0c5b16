package host

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
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
