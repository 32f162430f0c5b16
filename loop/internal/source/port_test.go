package source

import (
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/takt-go/takt/loop/internal/ready"
)

// exiting is a Port that is never ready. Its Selected calls Goexit.
type exiting struct{ told *int }

func (exiting) Try() bool { return false }

func (exiting) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))}
}

func (e exiting) Selected(reflect.Value, bool) {
	*e.told++
	runtime.Goexit()
}

// newPorts makes a hub with one source: ports.
func newPorts() (*Hub, *Ports) {
	hub, ports := new(Hub), new(Ports)
	ports.Init(hub, func(selected func()) { selected() })
	hub.Init(ports)
	return hub, ports
}

// All ports are told of their operations, although the first one ends the driver by a Goexit.
func TestWakeAfterAGoexit(t *testing.T) {
	hub, ports := newPorts()
	told := 0
	for range 3 {
		result := make(chan selected, 1)
		result <- selected{port: ports.Add(exiting{&told})}
		ports.results = append(ports.results, result)
	}
	ports.stop, hub.slept = make(chan struct{}), true
	ended := make(chan struct{})
	hub.Wake()
	go func() {
		defer close(ended)
		hub.TakeIn()
	}()
	<-ended
	if told != 3 || ports.Len() != 0 || ports.results != nil {
		t.Errorf("%d of 3 ports were told, %d still wait, %d results are left", told, ports.Len(), len(ports.results))
	}
}

// rival is a Port that removes another one when it is told of its operation.
type rival struct {
	exiting
	other   **Registration
	removed *[]bool
}

func (r rival) Selected(reflect.Value, bool) { *r.removed = append(*r.removed, (*r.other).Remove()) }

// If the goroutines have performed two operations in one sleep, neither port can remove the other one any
// more.
func TestWakeAfterTwoOperations(t *testing.T) {
	hub, ports := newPorts()
	var first, second *Registration
	var removed []bool
	first = ports.Add(rival{other: &second, removed: &removed})
	second = ports.Add(rival{other: &first, removed: &removed})
	waiting := ports.Add(exiting{})
	for _, p := range []*Registration{first, second} {
		result := make(chan selected, 1)
		result <- selected{port: p}
		ports.results = append(ports.results, result)
	}
	ports.stop, hub.slept = make(chan struct{}), true
	hub.Wake()
	if hub.Quiet() || !hub.Pending() || !hub.MayCome() {
		t.Error("two operations were performed, and the hub does not know")
	}
	hub.TakeIn()
	if !slices.Equal(removed, []bool{false, false}) {
		t.Errorf("the Removes of the other port report %v, want false for both", removed)
	}
	if ports.Len() != 1 || !waiting.Waits() || ports.done != nil {
		t.Errorf("%d ports wait, want 1; %d are still to be told", ports.Len(), len(ports.done))
	}
}

// told is a Port that adds a callback to the ready queue when it is told of its operation.
type told struct {
	exiting
	q *ready.Queue
}

func (p told) Selected(reflect.Value, bool) { p.q.Push(ready.Func(func() {})) }

// What a goroutine posts before it sends comes before the receiver, also where the loop was
// asleep and the send was performed first.
func TestPostBeforeASendWhileAsleep(t *testing.T) {
	var hub Hub
	var in Inbox
	var ports Ports
	var q ready.Queue
	posted := false
	in.Init(&hub, &q, func(n int) { posted = n > 0 })
	ports.Init(&hub, func(selected func()) {
		if !posted {
			t.Error("the receiver is told before the function that was posted before the send")
		}
		selected()
	})
	hub.Init(&in, &ports)
	ch := make(chan int)
	p := channelPort{told{q: &q}, ch}
	ports.Add(p)
	hub.TakeIn()
	hub.Doze()
	hub.Sleep()
	in.Post(func() {}, true)
	ch <- 1
	hub.Wake()
	if q.Head() != q.Tail() {
		t.Error("something is ready before the loop has taken in what came")
	}
	hub.TakeIn()
	if n := q.Tail() - q.Head(); n != 2 {
		t.Errorf("%d entries are ready, want the posted function and the receiver", n)
	}
}

// channelPort receives from a channel.
type channelPort struct {
	told
	ch chan int
}

func (p channelPort) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.ch)}
}

// atOnce is a Port that is always ready.
type atOnce struct{ exiting }

func (atOnce) Try() bool { return true }

// After a burst of ports lines keeps little memory.
func TestRoomForPortsAfterABurst(t *testing.T) {
	hub, ports := newPorts()
	for range 2 * maxHeads {
		ports.Add(atOnce{})
	}
	hub.TakeIn()
	if q := ports.lines; max(cap(q.heads), cap(q.spare), cap(q.fresh)) > maxHeads {
		t.Errorf("lines keeps room for %d, %d and %d ports, want at most %d", cap(q.heads), cap(q.spare), cap(q.fresh), maxHeads)
	}
}

// inOrder returns the ports that wait now, in order of adding, without those that were removed.
func TestPortsInOrder(t *testing.T) {
	hub, ports := newPorts()
	var added []*Registration
	add := func() { added = append(added, ports.Add(exiting{})) }
	for range 3 {
		add()
	}
	hub.TakeIn()
	added[1].Remove()
	add()
	var numbers []uint64
	for _, p := range ports.lines.inOrder() {
		numbers = append(numbers, p.number)
	}
	if !slices.Equal(numbers, []uint64{1, 3, 4}) {
		t.Errorf("inOrder returns the ports %v, want the first, third and fourth", numbers)
	}
}

// While a port waits, the hub is not quiet. If no port waits, it is quiet.
func TestPortsAreWatched(t *testing.T) {
	hub, ports := newPorts()
	if !hub.Quiet() || ports.MayCome() || ports.Hint() != "" {
		t.Error("before a port was added the hub is not quiet")
	}
	first, ready := ports.Add(exiting{}), ports.Add(atOnce{})
	if hub.Quiet() || !hub.Watching() || !hub.MayCome() || len(hub.Hints()) != 1 {
		t.Error("with two ports the hub is quiet")
	}
	hub.TakeIn()
	if ready.Remove() {
		t.Error("Remove reports that it prevented an operation that was performed")
	}
	if hub.Quiet() {
		t.Error("with one port left the hub is quiet")
	}
	if !first.Remove() || first.Remove() {
		t.Error("the first Remove reports false, or the second one true")
	}
	if !hub.Quiet() {
		t.Error("after the last port was removed the hub is not quiet")
	}
	last := ports.Add(exiting{})
	hub.Close()
	if !hub.Quiet() || last.Remove() {
		t.Error("a port still waits after Close")
	}
}

// panicking is a Port whose Case panics from the second call on.
type panicking struct {
	exiting
	asked *int
}

func (p panicking) Case() reflect.SelectCase {
	if *p.asked++; *p.asked > 1 {
		panic("on purpose")
	}
	return p.exiting.Case()
}

// A port that panics while the loop goes to sleep does not keep it from waking.
func TestSleepWhereACasePanics(t *testing.T) {
	hub, ports := newPorts()
	asked := 0
	ports.Add(panicking{asked: &asked})
	func() {
		defer hub.Wake() // as the loop does
		defer func() {
			if got := recover(); got != "on purpose" {
				t.Errorf("the panic is %v", got)
			}
		}()
		hub.Sleep()
	}()
	if ports.stop != nil || ports.results != nil {
		t.Error("after Wake there is still a stop channel or a result")
	}
}

// A port that panics when it is admitted goes, and the others are served.
func TestAdmissionOfAPortThatPanics(t *testing.T) {
	hub, ports := newPorts()
	asked := 1 // so that its first call panics
	broken := ports.Add(panicking{asked: &asked})
	ready := ports.Add(atOnce{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic has not come out")
			}
		}()
		hub.TakeIn()
	}()
	if broken.Waits() || ports.Len() != 1 {
		t.Errorf("the broken port waits: %t; %d ports are left, want 1", broken.Waits(), ports.Len())
	}
	if hub.TakeIn(); ready.Waits() || ports.Len() != 0 || !hub.Quiet() {
		t.Errorf("the other port waits: %t; %d ports are left, want none", ready.Waits(), ports.Len())
	}
}
