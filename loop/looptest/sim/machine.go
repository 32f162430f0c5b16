package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// A machine is one incarnation of a node:
//
//	          Crash, the program ends, the world ends
//	up ────────────────────────────────────────────────▶ off
//
// While it is up, it may be paused, and it may be stopping: its program was asked to end. A machine that is off
// stays off: the fence up keeps what its tasks still do away from everything else.
type machine struct {
	node     *Node
	number   int            // of the incarnation; 0 for a Host of the test
	realm    lowlevel.Realm // nil for a Host of the test
	host     *host.Host
	main     *task.Task[struct{}] // runs boot
	pauses   int                  // calls of Pause, so that a plan ends only its own
	stopping bool
	off      bool
	survived bool                     // the world ended when the machine was up
	gone     *future.Future[struct{}] // done when the machine is off; nil until Stop waits for it
}

// newMachine makes the machine of the next incarnation of n.
func newMachine(n *Node) *machine {
	w := n.world
	m := &machine{node: n, number: n.starts}
	stream := n.name
	now := w.loop.Now
	if n.boot != nil {
		m.realm = lowlevel.NewRealm(context.WithValue(w.loop.Context(), machineKey{}, m))
		if n.offset != 0 || n.rate != 1 {
			m.realm.SetClock(n.offset, n.rate)
		}
		stream += "#" + strconv.Itoa(m.number)
		now = m.realm.Now
	}
	m.host = &host.Host{
		Name:    n.name,
		Net:     ownNet{w.net.attach(m), m},
		FS:      ownFS{n.disk.mount(m), m},
		Rand:    w.t.Rand(stream),
		Entropy: entropy{w.t.Rand(stream + " entropy")},
		Now:     now,
		Log:     slog.New(&logHandler{machine: m}),
	}
	return m
}

// up reports whether m is on. m may be nil.
func (m *machine) up() bool { return m != nil && !m.off }

// paused reports whether m is up and paused.
func (m *machine) paused() bool { return m.up() && m.realm != nil && m.realm.Paused() }

func (m *machine) String() string {
	if m.realm == nil {
		return m.node.name + " (of the test)"
	}
	return fmt.Sprintf("%s, incarnation %d", m.node.name, m.number)
}

// run runs the program of m.
func (m *machine) run(ctx context.Context) (_ struct{}, err error) {
	returned := false
	defer func() {
		if !m.up() {
			return // the loop unwinds the task: what it returns and panics with is of no interest
		}
		if !returned {
			err = lowlevel.Recovered(recover(), m.main.Task())
		}
		m.ended(err)
		err = nil
	}()
	err = lowlevel.LetThrough(ctx, m.node.boot(ctx, m.host))
	returned = true
	return struct{}{}, err
}

// ended ends the incarnation, because the program has returned err, or has panicked, or called Goexit.
func (m *machine) ended(err error) {
	w := m.node.world
	if !m.up() || w.loop.Closed() {
		return
	}
	p, panicked := err.(*loop.PanicError)
	switch {
	case m.stopping && (err == nil || loop.IsCanceled(err)):
		m.exit("stop")
		return
	case err == nil:
		m.exit("exit")
		return
	case panicked:
		// Later the task would report nothing.
		lowlevel.Report(w.loop, loop.Failure{Kind: loop.PartFailed, Task: m.main.Task(), Err: err})
		m.exit(fmt.Sprintf("panic: %v", p.Value))
	case err == loop.ErrGoexit:
		m.exit("exit: runtime.Goexit") // of a FailNow, or else the run reports that it ends
	default:
		m.exit("exit: " + err.Error())
		if !injected(err) {
			w.run.Fail(fmt.Sprintf("sim: the program of node %s has ended: %v", m.node.name, err))
		}
	}
}

// exit ends the incarnation in the way in which the operating system ends a process.
func (m *machine) exit(how string) {
	n := m.node
	m.switchOff()
	n.world.net.exit(m)
	n.disk.exit(m)
	n.world.tell(world.Event{Kind: world.Ended, Node: n.name, Text: how})
}

// switchOff ends the machine. From now on nothing that its tasks do has an effect outside of them.
func (m *machine) switchOff() {
	m.off = true
	if m.realm != nil {
		m.realm.End()
	}
	if m.gone != nil {
		_ = m.gone.SetResult(struct{}{})
	}
}

// entropy is a reader of noise.
type entropy struct{ r *rand.Rand }

func (e entropy) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e.r.Uint64())
	}
	return len(p), nil
}
