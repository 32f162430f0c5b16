package timer_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/takt-go/takt/timer"
)

// The core of an event loop, on a clock that jumps from deadline to deadline.
func Example() {
	q, c := timer.New[func()](), timer.NewVirtual()

	tick := func() { fmt.Println("tick at", time.Duration(c.Now())) }
	q.Arm(int64(2*time.Hour), tick)
	q.Arm(int64(time.Hour), func() {
		tick()
		q.Arm(c.Now()+int64(time.Minute), tick)
	})

	for q.Len() > 0 {
		deadline, _ := q.Earliest()
		c.Wait(deadline, nil)
		for it, ok := q.PopDue(c.Now()); ok; it, ok = q.PopDue(c.Now()) {
			it.Value()
		}
	}
	// Output:
	// tick at 1h0m0s
	// tick at 1h1m0s
	// tick at 2h0m0s
}

// Items fire in the order of their deadlines, and items of equal deadlines in the order in
// which they were armed. A canceled item does not fire.
func ExampleQueue() {
	q := timer.New[string]()
	q.Arm(20, "late")
	q.Arm(10, "first of two")
	k := q.Arm(10, "canceled")
	q.Arm(10, "second of two")

	q.Cancel(k)
	_, again := q.Cancel(k)
	fmt.Println("canceled twice:", again)

	for it, ok := q.PopDue(15); ok; it, ok = q.PopDue(15) {
		fmt.Println(it.Deadline, it.Value)
	}
	next, _ := q.Earliest()
	fmt.Println(q.Len(), "left, at", next)
	// Output:
	// canceled twice: false
	// 10 first of two
	// 10 second of two
	// 1 left, at 20
}

// The queue may be changed during the iteration: All does not yield an item that has been
// canceled in the meantime.
func ExampleQueue_All() {
	q := timer.New[string]()
	for i, name := range []string{"a", "b", "c", "d"} {
		q.Arm(int64(i), name)
	}
	for it := range q.All() {
		fmt.Println(it.Value)
		if it.Value == "a" {
			q.Cancel(timer.Key{Deadline: 1, Seq: 2}) // the key of "b"
		}
	}
	// Output:
	// a
	// c
	// d
}

// The zero Key means "no timer". Sorted keys are in the order in which the items fire.
func ExampleKey() {
	var none timer.Key // no timer yet

	q := timer.New[string]()
	_, ok := q.Cancel(none)
	fmt.Println(ok)

	keys := []timer.Key{q.Arm(7, "x"), q.Arm(5, "y"), q.Arm(5, "z")}
	slices.SortFunc(keys, timer.Key.Compare)
	fmt.Println(keys)
	// Output:
	// false
	// [{5 2} {5 3} {7 1}]
}

// An item has its key, so the caller can see how late it fires.
func ExampleItem() {
	q := timer.New[string]()
	q.Arm(int64(time.Second), "hello")

	it, ok := q.PopDue(int64(time.Minute))
	late := time.Minute - time.Duration(it.Deadline)
	fmt.Println(it.Value, it.Seq, ok, "late by", late)
	// Output:
	// hello 1 true late by 59s
}

// The same code runs on both clocks. On the virtual clock it takes no real time.
func ExampleClock() {
	pause := func(c timer.Clock) {
		deadline := c.Now() + int64(time.Millisecond)
		c.Wait(deadline, nil)
		fmt.Println("jumps:", c.Jumps(), "come:", c.Now() >= deadline)
	}
	pause(timer.NewVirtual())
	pause(timer.NewSystem())
	// Output:
	// jumps: true come: true
	// jumps: false come: true
}

// A value in the wake channel ends a Wait before its deadline.
func ExampleSystem() {
	c := timer.NewSystem()
	wake := make(chan struct{}, 1)
	go func() { wake <- struct{}{} }()

	c.Wait(c.Now()+int64(time.Hour), wake)
	fmt.Println("before the hour:", c.Now() < int64(time.Hour))
	// Output:
	// before the hour: true
}

// Wait moves a virtual clock to its deadline at once, and Advance moves it by a duration.
func ExampleVirtual() {
	c := timer.NewVirtual()
	c.Wait(int64(36*time.Hour), nil) // returns at once
	c.Advance(90 * time.Second)
	fmt.Println(c.Start().Add(time.Duration(c.Now())))
	// Output:
	// 2000-01-02 12:01:30 +0000 UTC
}

// A program that depends on the date is tested at that date: here, before a leap day.
func ExampleNewVirtualAt() {
	c := timer.NewVirtualAt(time.Date(2028, time.February, 28, 23, 0, 0, 0, time.UTC))
	c.Advance(time.Hour)
	fmt.Println(c.Start().Add(time.Duration(c.Now())))
	// Output:
	// 2028-02-29 00:00:00 +0000 UTC
}
