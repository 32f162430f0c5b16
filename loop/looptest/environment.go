package looptest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// environment holds the settings for explorations from the environment variables.
type environment struct {
	factor    float64 // TAKT_SCHEDULES: the factor for the number of schedules of a strategy
	shard     int     // TAKT_SHARD=i/n: run only part i of n parts; i is at least 1
	shards    int
	replay    string        // TAKT_REPLAY: replay this schedule only
	seed      uint64        // TAKT_SEED
	seeded    bool          // TAKT_SEED is set
	budget    time.Duration // TAKT_FOR; 0 if not set
	keepGoing int           // TAKT_KEEP_GOING; 0 if not set
	corpusAdd bool          // TAKT_CORPUS_ADD=1
}

func readEnvironment() (environment, error) {
	e := environment{factor: 1, replay: os.Getenv("TAKT_REPLAY")}
	if text := os.Getenv("TAKT_SCHEDULES"); text != "" {
		f, err := strconv.ParseFloat(strings.TrimPrefix(text, "x"), 64)
		if err != nil || !(f > 0) || f > 1e9 {
			return e, fmt.Errorf("looptest: TAKT_SCHEDULES=%q; give a factor such as 100 or x100", text)
		}
		e.factor = f
	}
	if text := os.Getenv("TAKT_SEED"); text != "" {
		e.seeded = true
		var err error
		if text == "fresh" {
			e.seed = rand.Uint64()
		} else if e.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return e, fmt.Errorf("looptest: TAKT_SEED=%q; give a number, or fresh", text)
		}
	}
	if text := os.Getenv("TAKT_FOR"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return e, fmt.Errorf("looptest: TAKT_FOR=%q; give a duration such as 90s or 10m", text)
		}
		e.budget = d
	}
	if text := os.Getenv("TAKT_KEEP_GOING"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return e, fmt.Errorf("looptest: TAKT_KEEP_GOING=%q; give how many failures to look for, such as 5", text)
		}
		e.keepGoing = n
	}
	switch text := os.Getenv("TAKT_CORPUS_ADD"); text {
	case "", "0":
	case "1":
		e.corpusAdd = true
	default:
		return e, fmt.Errorf("looptest: TAKT_CORPUS_ADD=%q; give 1 to add failures to the corpus, or 0", text)
	}
	return e, e.readShard()
}

// maxShards is how many parts an exploration may have.
const maxShards = 1 << 20

// readShard reads which part of an exploration to run. TAKT_SHARD=i/n counts from 1. A Kubernetes Indexed
// Job sets JOB_COMPLETION_INDEX, which counts from 0; then TAKT_SHARDS is the number of parts.
func (e *environment) readShard() error {
	e.shard, e.shards = 1, 1
	if text := os.Getenv("TAKT_SHARD"); text != "" {
		i, n, _ := strings.Cut(text, "/")
		var err1, err2 error
		e.shard, err1 = strconv.Atoi(i)
		e.shards, err2 = strconv.Atoi(n)
		if err1 != nil || err2 != nil || e.shard < 1 || e.shard > e.shards || e.shards > maxShards {
			return fmt.Errorf("looptest: TAKT_SHARD=%q; give i/n, with i from 1 to n, and n up to %d", text, maxShards)
		}
		return nil
	}
	text := os.Getenv("TAKT_SHARDS")
	if text == "" {
		return nil
	}
	index := os.Getenv("JOB_COMPLETION_INDEX")
	n, err1 := strconv.Atoi(text)
	i, err2 := strconv.Atoi(index)
	if err1 != nil || err2 != nil || i < 0 || i >= n || n > maxShards {
		return fmt.Errorf("looptest: TAKT_SHARDS=%q with JOB_COMPLETION_INDEX=%q; give the number of parts, up to %d, and an index from 0 that is less, or set TAKT_SHARD=i/n", text, index, maxShards)
	}
	e.shard, e.shards = i+1, n
	return nil
}

// change returns the configuration with what the environment sets.
func (e environment) change(c config) config {
	if e.budget > 0 {
		c.budget = e.budget
	}
	if e.keepGoing > 0 {
		c.keepGoing = e.keepGoing
	}
	c.corpusAdd = c.corpusAdd || e.corpusAdd
	return c
}

// seedText tells the seed of TAKT_SEED, as the end of a list. It returns an empty string if that is not
// set.
func (e environment) seedText() string {
	if !e.seeded {
		return ""
	}
	return fmt.Sprintf(", TAKT_SEED=%d", e.seed)
}

// seedOf returns the seed of an exploration: that of the environment, or of the strategy.
func (e environment) seedOf(s Strategy) uint64 {
	if e.seeded {
		return e.seed
	}
	if s, ok := s.(interface{ Seed() uint64 }); ok {
		return s.Seed()
	}
	return 0
}
