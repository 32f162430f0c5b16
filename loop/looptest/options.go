package looptest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// An Option configures [Run], [Explore] or [Replay]. An option that does not apply to the function
// has no effect.
type Option func(*config)

type config struct {
	eager    bool
	both     bool
	passing  bool
	parallel int
	maxSteps int
}

// Eager makes the loop use the eager task factory: the body of a new task starts inside the call
// that makes the task.
func Eager() Option { return func(c *config) { c.eager = true } }

// BothFactories makes Explore explore twice: with the lazy and with the eager task factory.
func BothFactories() Option { return func(c *config) { c.both = true } }

// TimePasses makes the passing of time one more choice: while tasks are ready and a timer is
// armed, the timer may come due before the tasks run, as on a busy machine. Without TimePasses work
// takes no time under a virtual clock, so many time limits never expire.
func TimePasses() Option { return func(c *config) { c.passing = true } }

// Parallel makes Explore run schedules on all cores at once. The body must not share variables with
// the test, or with other runs of the body.
func Parallel() Option { return func(c *config) { c.parallel = runtime.GOMAXPROCS(0) } }

// MaxSteps limits the length of a run. A run that has not ended after n steps counts as endless and
// fails. Each step of a task and each timer that fires counts as one step. The default is 100,000
// for Explore and Replay, and no limit for Run. MaxSteps panics if n is less than 1.
func MaxSteps(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("looptest: MaxSteps(%d); give a positive number", n))
	}
	return func(c *config) { c.maxSteps = n }
}

// defaultMaxSteps is the limit of Explore and Replay.
const defaultMaxSteps = 100_000

// mustBeGiven panics if t or body is nil.
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

// environment holds the settings for explorations from the environment variables.
type environment struct {
	factor float64 // TAKT_SCHEDULES: the factor for the number of schedules of Random and PCT
	shard  int     // TAKT_SHARD=i/n: run only part i of n parts; i is at least 1
	shards int
	replay string // TAKT_REPLAY: replay this schedule only
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
