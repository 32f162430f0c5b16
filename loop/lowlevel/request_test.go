package lowlevel_test

import (
	"errors"
	"testing"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// Close tells the Requests that have not ended, in order of posting, and no others.
func TestRequestsOfALoopThatIsClosed(t *testing.T) {
	for name, runs := range map[string]bool{"which has not run": false, "which has run": true} {
		t.Run(name, func(t *testing.T) {
			l := loop.New(loop.WithVirtualTime())
			told, ran := "", ""
			requests := make([]lowlevel.Request, 6)
			for i := range requests {
				name := string(rune('a' + i))
				if err := requests[i].Post(l, func() { ran += name }, lowlevel.Func(func() { told += name })); err != nil {
					t.Fatal(err)
				}
			}
			if runs {
				l.RunUntilIdle()
			}
			for _, i := range []int{3, 0, 5, 5} { // inside of the list, and at both ends
				requests[i].End()
			}
			l.Close()
			if told != "bce" || runs != (ran == "abcdef") {
				t.Errorf("told %q, want bce; ran %q", told, ran)
			}
			for i := range requests {
				requests[i].End() // does nothing
			}
			var late lowlevel.Request
			if err := late.Post(l, func() {}, lowlevel.Func(func() { t.Error("told of a Request that was refused") })); !errors.Is(err, loop.ErrClosed) {
				t.Errorf("the error is %v, want ErrClosed", err)
			}
			late.End()
		})
	}
}

func TestRequestsAndLimitsOfPosts(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	l.SetPostLimit(1)
	var first, second lowlevel.Request
	told := 0
	tell := lowlevel.Func(func() { told++ })
	if err := first.Post(l, func() {}, tell); err != nil {
		t.Fatal(err)
	}
	if err := second.Post(l, func() { t.Error("a refused Request runs") }, tell); !errors.Is(err, loop.ErrFull) {
		t.Errorf("the error is %v, want ErrFull", err)
	}
	l.RunUntilIdle()
	l.Close()
	if told != 1 {
		t.Errorf("told of %d Requests, want 1", told)
	}
}

func TestMisuseOfARequest(t *testing.T) {
	l := loop.New()
	defer l.Close()
	tell := lowlevel.Func(func() {})
	var twice lowlevel.Request
	if err := twice.Post(l, func() {}, tell); err != nil {
		t.Fatal(err)
	}
	for name, post := range map[string]func(){
		"twice":              func() { _ = twice.Post(l, func() {}, tell) },
		"without a function": func() { _ = new(lowlevel.Request).Post(l, nil, tell) },
		"without a Runnable": func() { _ = new(lowlevel.Request).Post(l, func() {}, nil) },
		"to no loop":         func() { _ = new(lowlevel.Request).Post(nil, func() {}, tell) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			post()
		}()
	}
}

// A Request that is ended while Close tells an earlier one is not told.
func TestRequestEndsWhileCloseTells(t *testing.T) {
	l := loop.New(loop.WithVirtualTime())
	told := ""
	var first, second, third lowlevel.Request
	for _, p := range []struct {
		r    *lowlevel.Request
		tell func()
	}{
		{&first, func() { told += "1"; second.End() }},
		{&second, func() { told += "2" }},
		{&third, func() { told += "3" }},
	} {
		if err := p.r.Post(l, func() {}, lowlevel.Func(p.tell)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	if told != "13" {
		t.Errorf("told %q, want 13", told)
	}
}
