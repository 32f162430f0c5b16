package testkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// T is what the checks need of a test, of package testing or rapid.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Equal fails the test unless got is want.
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

// NoError fails the test if err is an error.
func NoError(t T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected: %v", err)
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
			t.Errorf("no panic; want one with %q", want)
		} else if got := fmt.Sprint(value); !strings.Contains(got, want) {
			t.Errorf("the panic is %q, want %q in it", got, want)
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

// Allocs fails the test unless a call of fn makes want allocations. It does nothing under
// the race detector, which allocates.
func Allocs(t T, what string, want float64, fn func()) {
	t.Helper()
	if Race {
		return
	}
	if got := testing.AllocsPerRun(1000, fn); got != want {
		t.Errorf("%s: %v allocations, want %v", what, got, want)
	}
}
