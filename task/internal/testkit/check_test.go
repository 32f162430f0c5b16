package testkit_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A recorder is a test that records its failures.
type recorder struct{ failures []string }

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// Every check passes in a good case, and fails in a bad one.
func TestChecksCanFail(t *testing.T) {
	made := 0
	for what, c := range map[string]struct{ passes, fails func(t testkit.T) }{
		"Equal": {
			func(t testkit.T) { testkit.Equal(t, "it", 1, 1) },
			func(t testkit.T) { testkit.Equal(t, "it", 1, 2) }},
		"ErrorIs": {
			func(t testkit.T) { testkit.ErrorIs(t, fmt.Errorf("read: %w", io.EOF), io.EOF) },
			func(t testkit.T) { testkit.ErrorIs(t, nil, io.EOF) }},
		"NoError": {
			func(t testkit.T) { testkit.NoError(t, nil) },
			func(t testkit.T) { testkit.NoError(t, io.EOF) }},
		"Panics": {
			func(t testkit.T) { testkit.Panics(t, "two", func() { panic("one two three") }) },
			func(t testkit.T) { testkit.Panics(t, "two", func() { panic("one") }) }},
		"Panics, without a panic": {
			func(t testkit.T) { testkit.Panics(t, "", func() { panic(io.EOF) }) },
			func(t testkit.T) { testkit.Panics(t, "", func() {}) }},
		"Allocs": {
			func(t testkit.T) { testkit.Allocs(t, "nothing", 0, func() {}) },
			func(t testkit.T) {
				testkit.Allocs(t, "an error", 0, func() { made += len(errors.New(fmt.Sprint(made)).Error()) })
				if testkit.Race { // Allocs does nothing
					t.Errorf("the race detector is on")
				}
			}},
	} {
		var r recorder
		if c.passes(&r); len(r.failures) != 0 {
			t.Errorf("%s fails with %q in a good case", what, r.failures)
		}
		r = recorder{}
		if c.fails(&r); len(r.failures) != 1 {
			t.Errorf("%s reports %q in a bad case, want one failure", what, r.failures)
		}
	}
}

func TestGoexits(t *testing.T) {
	testkit.Equal(t, "a return", testkit.Goexits(func() {}), false)
	testkit.Equal(t, "a Goexit", testkit.Goexits(runtime.Goexit), true)
}
