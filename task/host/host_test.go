package host_test

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

func TestSystem(t *testing.T) {
	h := host.System()
	name, err := os.Hostname()
	testkit.NoError(t, err)
	testkit.Equal(t, "the name", h.Name, name)
	testkit.Equal(t, "the log", h.Log, slog.Default())
	before := time.Now()
	now := h.Now()
	testkit.Equal(t, "the time of day is right", !now.Before(before) && !now.After(time.Now()), true)
	secrets := map[[16]byte]bool{}
	for range 2 {
		var secret [16]byte
		_, err := io.ReadFull(h.Entropy, secret[:])
		testkit.NoError(t, err)
		secrets[secret] = true
	}
	testkit.Equal(t, "different secrets", len(secrets), 2)
}

// Rand has other numbers each time, and is safe from any goroutine.
func TestRand(t *testing.T) {
	h := host.System()
	var mu sync.Mutex
	var all sync.WaitGroup
	numbers := map[uint64]bool{}
	for range 4 {
		all.Go(func() {
			for range 100 {
				n := h.Rand.Uint64()
				mu.Lock()
				numbers[n] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	testkit.Equal(t, "different numbers", len(numbers), 400)
	testkit.Equal(t, "another Host begins with the same number", numbers[host.System().Rand.Uint64()], false)
}

func TestBadOptions(t *testing.T) {
	testkit.Panics(t, "host: System with a nil Option; leave it out", func() { host.System(nil) })
	testkit.Panics(t, "host: WithFileCalls(0); give it", func() { host.WithFileCalls(0) })
	testkit.Panics(t, "host: WithRoot(nil); give it", func() { host.WithRoot(nil) })
}
