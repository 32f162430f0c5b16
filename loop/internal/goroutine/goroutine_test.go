package goroutine_test

import (
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/takt-go/takt/loop/internal/goroutine"
	"github.com/takt-go/takt/loop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// grow makes the stack of the calling goroutine grow and move.
//
//go:noinline
func grow(depth int) byte {
	var frame [512]byte
	if depth > 0 {
		frame[depth%len(frame)] = grow(depth - 1)
	}
	return frame[0]
}

func TestIdentityIsThatOfTheGoroutine(t *testing.T) {
	const n = 100
	seen := map[uintptr]bool{goroutine.Identity(): true}
	var mu sync.Mutex
	var told, over sync.WaitGroup
	told.Add(n)
	hold := make(chan struct{})
	for range n {
		over.Go(func() {
			before := goroutine.Identity()
			grow(1000)
			runtime.GC()
			if after := goroutine.Identity(); before != after {
				t.Errorf("the identity changed from %x to %x when the stack moved", before, after)
			}
			mu.Lock()
			seen[before] = true
			mu.Unlock()
			told.Done()
			<-hold
		})
	}
	told.Wait()
	close(hold)
	over.Wait()
	if len(seen) != n+1 {
		t.Errorf("%d goroutines have %d different identities", n+1, len(seen))
	}
}

func TestIdentityOfCoroutines(t *testing.T) {
	next, stop := iter.Pull(func(yield func(uintptr) bool) {
		for yield(goroutine.Identity()) {
		}
	})
	defer stop()
	one, _ := next()
	grow(100)
	again, _ := next()
	if own := goroutine.Identity(); one != again || one == own {
		t.Errorf("the identities of the coroutine are %x and %x, and that of its caller is %x", one, again, own)
	}
}

func TestNumberAndLock(t *testing.T) {
	locks := runtime.GOARCH != "wasm" // wasm has only one thread
	n, locked := goroutine.Number()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	same, under := goroutine.Number()
	if n == 0 || n != same || locked || under != locks {
		t.Errorf("before the lock: goroutine %d, locked %t; under the lock: goroutine %d, locked %t", n, locked, same, under)
	}
}

//go:noinline
func deep(depth int, what func()) {
	if depth == 0 {
		what()
		return
	}
	deep(depth-1, what)
}

func TestCoroutine(t *testing.T) {
	none := func(string) bool { return false }
	isDeep := func(function string) bool { return strings.HasSuffix(function, ".deep") }
	for _, depth := range []int{1, 50, 63, 64, 65, 300} { // around the size of the buffer
		deep(depth, func() {
			if goroutine.Coroutine(none) {
				t.Errorf("depth %d: Coroutine reports true on an ordinary goroutine", depth)
			}
		})
		next, stop := iter.Pull(func(yield func(bool) bool) {
			deep(depth, func() { yield(goroutine.Coroutine(none)) })
			deep(depth, func() { yield(goroutine.Coroutine(isDeep)) })
		})
		if is, _ := next(); !is {
			t.Errorf("depth %d: Coroutine reports false on a coroutine", depth)
		}
		if is, _ := next(); is {
			t.Errorf("depth %d: Coroutine reports true although ours is on the stack", depth)
		}
		stop()
	}
}

func TestPanicking(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	goexit := runtime.Goexit
	for name, c := range map[string]struct {
		body func()
		want bool
	}{
		"return":                    {func() {}, false},
		"panic":                     {func() { panic("oh") }, true},
		"panic of nil":              {func() { panic(nil) }, true},
		"panic of the runtime":      {func() { zero := 0; _ = 1 / zero }, true},
		"Goexit":                    {goexit, false},
		"Goexit in a panic":         {func() { defer goexit(); panic(nil) }, false},
		"panic in a Goexit":         {func() { defer panic(nil); goexit() }, true},
		"recovered before a Goexit": {func() { defer goexit(); defer func() { _ = recover() }(); panic(nil) }, false},
	} {
		var got, byAnother bool
		var over sync.WaitGroup
		over.Go(func() {
			another := func() bool { return goroutine.Panicking() }
			defer func() {
				_ = recover()
				got, byAnother = goroutine.Panicking(), another()
			}()
			c.body()
		})
		over.Wait()
		if got != c.want || byAnother != c.want {
			t.Errorf("%s: Panicking is %t in the deferred function, and %t in a function that it calls; want %t", name, got, byAnother, c.want)
		}
	}
}

//go:noinline
func waits(number chan<- uint64, hold <-chan struct{}) {
	n, _ := goroutine.Number()
	number <- n
	<-hold
}

func TestStackOfAnotherGoroutine(t *testing.T) {
	number, hold := make(chan uint64), make(chan struct{})
	var over sync.WaitGroup
	for range 500 { // more traces than the first buffer has room for, before the one that the test looks for
		over.Go(func() { <-hold })
	}
	over.Go(func() { waits(number, hold) })
	stack := goroutine.Stack(<-number)
	close(hold)
	over.Wait()
	if !strings.Contains(stack, "goroutine_test.waits(") || strings.HasPrefix(stack, "goroutine ") {
		t.Errorf("the stack trace is %q, want one with waits, without its first line", stack)
	}
	if gone := goroutine.Stack(1 << 60); gone != "" {
		t.Errorf("a goroutine that does not exist has the stack trace %q", gone)
	}
}

func BenchmarkIdentity(b *testing.B) {
	for b.Loop() {
		goroutine.Identity()
	}
}

func BenchmarkNumber(b *testing.B) {
	for b.Loop() {
		goroutine.Number()
	}
}

// Exiting is true in a deferred function that a Goexit runs, also if a panic has come in between.
func TestExiting(t *testing.T) {
	for name, c := range map[string]struct {
		end  func()
		want bool
	}{
		"return": {func() {}, false},
		"panic":  {func() { panic("oh") }, false},
		"Goexit": {runtime.Goexit, true},
		"Goexit, then a panic": {func() {
			defer func() { panic("oh") }()
			runtime.Goexit()
		}, true},
	} {
		got, ended := false, make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _, got = recover(), goroutine.Exiting() }()
			c.end()
		}()
		<-ended
		if got != c.want {
			t.Errorf("%s: Exiting is %t, want %t", name, got, c.want)
		}
	}
}
