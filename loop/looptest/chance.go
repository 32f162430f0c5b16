package looptest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// maxValues is how many values a choice may have. A strategy may look at all of them.
const maxValues = 1 << 20

// Choose returns a number from 0 to n-1, which the schedule chooses. It is for what the world decides
// and not the program: whether a message is lost, which of two requests is served first. 0 must stand
// for the harmless case: the first schedule, which runs first in, first out, has only zeros, and a
// minimised schedule has as few other values as possible.
//
// site names the place in reports and schedules. A schedule has the value for the first use of a site,
// for the second, and so on, so leaving out one of them moves no other. For [DelayBounded] a value that
// is not 0 is a deviation. [Exhaustive] runs all n values: so a race of n things is n schedules.
//
// Under [Run] Choose returns 0, and so it does while the loop is closed and in functions given to Cleanup.
// Only the tasks and callbacks of the run may call it. Choose panics if n is less than 1 or more than
// 1,048,576, or site is empty.
func (t *T) Choose(site string, n int) int {
	if n < 1 || n > maxValues || site == "" {
		panic(fmt.Sprintf("looptest: Choose(%q, %d); give the site a name, and from 1 to %d values", site, n, maxValues))
	}
	if t.run == nil || t.run.closing {
		return 0
	}
	return t.run.policy.choose(site, n, -1)
}

// Chance returns true with probability p under [Sample], [Random] and [PCT]. For other strategies it is
// a choice between false and true. It is [T.Choose] of 2, and false is the harmless case. Chance
// panics unless p is between 0 and 1, and if site is empty.
func (t *T) Chance(site string, p float64) bool {
	if !(p >= 0 && p <= 1) || site == "" {
		panic(fmt.Sprintf("looptest: Chance(%q, %v); give the site a name, and a probability between 0 and 1", site, p))
	}
	if t.run == nil || t.run.closing {
		return false
	}
	return t.run.policy.choose(site, 2, p) == 1
}

// Rand returns a random generator for noise: latencies, sizes, delays before a retry. Noise is what
// makes runs different, but no value of it is a fault. It is not recorded and not minimised. A
// schedule has a seed of its own, and of noise only this seed is written down. All schedules of
// [DelayBounded] and [Exhaustive] have the same seed, for they differ in picks and choices only. Each
// stream has random numbers that do not depend on the other streams, so give each user of noise a
// stream of its own.
// The same name returns the same generator.
//
// Use [T.Choose] for what should be minimised. A program that calls Rand may run the same picks with
// other noise. So Explore cannot know that all schedules have been run.
func (t *T) Rand(stream string) *rand.Rand {
	if t.streams == nil {
		beat := t.beat()
		beat.write()
		t.streams = map[string]*rand.Rand{}
		beat.wrote()
	}
	noise, ok := t.streams[stream]
	if !ok {
		var seed uint64
		if t.run != nil {
			seed = t.run.noise()
		}
		noise = rand.New(rand.NewPCG(seed, hashOf(stream)))
		t.streams[stream] = noise
	}
	return noise
}

// beat returns the beat of the run. It is nil if there is none.
func (t *T) beat() *beat {
	if t.run == nil {
		return nil
	}
	return t.run.policy.beat
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}
