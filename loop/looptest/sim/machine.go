package sim

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A machine is one incarnation of a node.
type machine struct {
	node     *Node
	number   int            // of the incarnation; 0 for a Host of the test
	realm    lowlevel.Realm // nil for a Host of the test
	host     *host.Host
	main     *task.Task[struct{}]
	stopping bool
	gone     *future.Future[struct{}] // done when the machine is off
	off      bool
}

// newMachine makes the machine of the next incarnation of n.
func newMachine(n *Node) *machine {
	w := n.world
	m := &machine{node: n, number: n.starts, gone: future.NewShared[struct{}](w.loop.Context())}
	stream := n.name
	now := w.loop.Now
	if n.boot != nil {
		m.realm = lowlevel.NewRealm(w.loop.Context())
		if n.rate != 0 {
			m.realm.SetClock(n.offset, n.rate)
		}
		stream += "#" + strconv.Itoa(m.number)
		now = m.realm.Now
	}
	m.host = &host.Host{
		Name:    n.name,
		Net:     w.net.attach(m),
		FS:      n.disk.mount(m),
		Rand:    w.t.Rand(stream),
		Entropy: entropy{w.t.Rand(stream + " entropy")},
		Now:     now,
		Log:     slog.New(&logHandler{machine: m}),
	}
	return m
}

// up reports whether m is on. m may be nil.
func (m *machine) up() bool { return m != nil && !m.off }

// context returns the context of the machine, which belongs to no task.
func (m *machine) context() context.Context {
	if m.realm == nil {
		return m.node.world.loop.Context()
	}
	return m.realm.Context()
}

// callLater calls fn at a time of the machine, unless it is switched off before.
func (m *machine) callLater(d time.Duration, fn func()) {
	lowlevel.CallLater(m.context(), d, fn)
}

// switchOff ends the machine. From now on nothing that its tasks do has an effect outside of them.
func (m *machine) switchOff() {
	m.off = true
	if m.realm != nil {
		m.realm.End()
	}
	m.gone.SetResult(struct{}{})
}

// entropy is a reader of noise.
type entropy struct{ r *rand.Rand }

func (e entropy) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e.r.Uint64())
	}
	return len(p), nil
}
