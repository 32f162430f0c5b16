package loop

import (
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// exiting is a Port that is never ready, and calls Goexit when it hears that it was.
type exiting struct{ told *int }

func (exiting) Try() bool { return false }

func (exiting) Case() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))}
}

func (e exiting) Selected(reflect.Value, bool) {
	*e.told++
	runtime.Goexit()
}

// What the goroutines that select have done is taken in also where the first of the ports
// ends the driver.
func TestCollectAfterAGoexit(t *testing.T) {
	l := New()
	defer l.Close()
	told := 0
	var results []chan selected
	for range 3 {
		result := make(chan selected, 1)
		result <- selected{port: l.AddPort(exiting{&told}).port}
		results = append(results, result)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.collect(results)
	}()
	<-ended
	if told != 3 || l.ports.n != 0 {
		t.Errorf("%d of 3 ports were told, %d still wait", told, l.ports.n)
	}
}

// atOnce is a Port that is ready.
type atOnce struct{ exiting }

func (atOnce) Try() bool { return true }

// After a burst of ports there is little room for the next.
func TestRoomForPortsAfterABurst(t *testing.T) {
	l := New()
	defer l.Close()
	for range 2 * maxHeads {
		l.AddPort(atOnce{})
	}
	l.RunOnce()
	if room := max(cap(l.ports.heads), cap(l.ports.spare), cap(l.ports.fresh)); room > maxHeads {
		t.Errorf("there is room for %d ports", room)
	}
}

// An idle loop waits for what is there at that time.
func TestPortsInOrder(t *testing.T) {
	l := New()
	defer l.Close()
	var handles []PortHandle
	add := func() { handles = append(handles, l.AddPort(exiting{})) }
	for range 3 {
		add()
	}
	l.RunOnce()
	handles[1].Remove()
	add()
	var numbers []uint64
	for _, p := range l.ports.inOrder() {
		numbers = append(numbers, p.number)
	}
	if !slices.Equal(numbers, []uint64{1, 3, 4}) {
		t.Errorf("waits for %v, want the first, third and fourth", numbers)
	}
}
