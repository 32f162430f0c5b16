package sim

import (
	"context"
	"errors"

	"github.com/takt-go/takt/task/host"
)

// A network connects the machines of a world.
type network struct{ world *World }

func newNetwork(w *World) *network { return &network{world: w} }

// attach returns the network as m sees it.
func (n *network) attach(m *machine) host.Network { return port{n, m} }

// powerOff cuts the connections of m, which has crashed. What is in flight from m arrives or not, as the schedule chooses.
func (n *network) powerOff(m *machine) {}

// exit closes the connections and listeners of m, whose program has ended, as the operating system does.
func (n *network) exit(m *machine) {}

// end drops everything that is in flight, and its timers: the world has ended.
func (n *network) end() {}

// A port is the network of one machine.
type port struct {
	net     *network
	machine *machine
}

func (p port) Dial(ctx context.Context, network, address string) (*host.Conn, error) {
	return nil, errors.ErrUnsupported
}

func (p port) Listen(ctx context.Context, network, address string) (*host.Listener, error) {
	return nil, errors.ErrUnsupported
}

func (p port) ListenPacket(ctx context.Context, network, address string) (*host.PacketConn, error) {
	return nil, errors.ErrUnsupported
}
