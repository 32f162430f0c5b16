package testkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// T has the methods of a test that the checks need. Tests of packages testing and rapid have them.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Equal fails the test unless got equals want.
func Equal[V comparable](t T, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n\t%v\nwant\n\t%v", what, got, want)
	}
}

// ErrorIs fails the test unless errors.Is(err, target).
func ErrorIs(t T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("the error is %v, want %v", err, target)
	}
}

// NoError fails the test if err is not nil.
func NoError(t T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

// Panics calls fn, which must panic with a message that contains want, and returns the
// value of the panic.
func Panics(t T, want string, fn func()) (value any) {
	t.Helper()
	defer func() {
		t.Helper()
		value = recover()
		if value == nil {
			t.Errorf("there is no panic, want one that contains %q", want)
		} else if got := fmt.Sprint(value); !strings.Contains(got, want) {
			t.Errorf("the panic is %q, want one that contains %q", got, want)
		}
	}()
	fn()
	return nil
}

// Goexits runs fn on a goroutine of its own, and reports whether runtime.Goexit ended that
// goroutine.
func Goexits(fn func()) bool {
	ended := make(chan struct{})
	returned := false
	go func() {
		defer close(ended)
		fn()
		returned = true
	}()
	<-ended
	return !returned
}

// Allocs fails the test unless a call of fn makes want allocations. Under the race detector, which
// allocates, it does nothing.
func Allocs(t T, what string, want float64, fn func()) {
	t.Helper()
	if Race {
		return
	}
	if got := testing.AllocsPerRun(1000, fn); got != want {
		t.Errorf("%s: %v allocations, want %v", what, got, want)
	}
}
