package looptest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// An Option sets up Run, Explore or Replay. What makes no sense there has no effect.
type Option func(*config)

type config struct {
	eager    bool
	both     bool
	passing  bool
	parallel int
	maxSteps int
}

// Eager makes the loop's task factory the eager one.
func Eager() Option { return func(c *config) { c.eager = true } }

// BothFactories runs every schedule with the lazy and with the eager task factory.
func BothFactories() Option { return func(c *config) { c.both = true } }

// TimePasses makes the clock a choice too: where tasks are ready and a timer is armed, the
// timer may come due before they run, as on a machine that is busy. Time limits expire then
// that are never reached otherwise, since under a virtual clock work takes no time.
func TimePasses() Option { return func(c *config) { c.passing = true } }

// Parallel runs schedules on all cores at once. The body must allow that: it may not
// share variables with the test or with other runs of itself.
func Parallel() Option { return func(c *config) { c.parallel = runtime.GOMAXPROCS(0) } }

// MaxSteps sets how long a schedule may be: one that has not ended after n steps of tasks
// and timers fired is taken for endless, and fails. The default is 100,000 for Explore
// and Replay, and no limit for Run. It panics unless n is positive.
func MaxSteps(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("looptest: MaxSteps(%d); give a positive number", n))
	}
	return func(c *config) { c.maxSteps = n }
}

// defaultMaxSteps is that of Explore and Replay.
const defaultMaxSteps = 100_000

// mustBeGiven panics for a nil test or body.
func mustBeGiven(what string, t testing.TB, body Body) {
	if t == nil || body == nil {
		panic("looptest: " + what + " with a nil test or body; give it both")
	}
}

func configure(opts []Option, maxSteps int) config {
	c := config{parallel: 1, maxSteps: maxSteps}
	for _, opt := range opts {
		if opt == nil {
			panic("looptest: a nil Option; leave it out")
		}
		opt(&c)
	}
	return c
}

// environment is what the environment asks of every exploration.
type environment struct {
	factor float64 // TAKT_SCHEDULES: so many times the schedules of Random and PCT
	shard  int     // TAKT_SHARD=i/n: only the i-th of n parts, from 1
	shards int
	replay string // TAKT_REPLAY: this schedule only
}

func readEnvironment() (environment, error) {
	e := environment{factor: 1, shard: 1, shards: 1, replay: os.Getenv("TAKT_REPLAY")}
	if text := os.Getenv("TAKT_SCHEDULES"); text != "" {
		f, err := strconv.ParseFloat(strings.TrimPrefix(text, "x"), 64)
		if err != nil || !(f > 0) || f > 1e9 {
			return e, fmt.Errorf("looptest: TAKT_SCHEDULES=%q; give a factor such as 100 or x100", text)
		}
		e.factor = f
	}
	if text := os.Getenv("TAKT_SHARD"); text != "" {
		i, n, _ := strings.Cut(text, "/")
		var err1, err2 error
		e.shard, err1 = strconv.Atoi(i)
		e.shards, err2 = strconv.Atoi(n)
		if err1 != nil || err2 != nil || e.shard < 1 || e.shard > e.shards {
			return e, fmt.Errorf("looptest: TAKT_SHARD=%q; give i/n, with i from 1 to n", text)
		}
	}
	return e, nil
}
