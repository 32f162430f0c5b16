package looptest

import (
	"context"
	"encoding/binary"
	"flag"
	"slices"
	"testing"
	"time"
)

// Fuzz lets Go's fuzzer choose the schedules. It calls f.Fuzz, so call it last:
//
//	func FuzzDeposits(f *testing.F) {
//		looptest.Fuzz(f, deposits)
//	}
//
//	go test -run '^$' -fuzz FuzzDeposits -fuzztime 1m .
//
// Without -run go test runs all tests first, and does not fuzz if one of them fails.
//
// The input of the fuzzer is a list of bytes. Each byte is the option to take at a choice point: at the
// next pick among ready tasks, or at the next choice of the program ([T.Choose], [T.Chance]). A byte counts
// modulo the number of options. After the last byte the run is first in, first out, and benign. Where the
// program first calls [T.Rand], eight bytes are the seed of the noise. So each list of bytes is a schedule.
//
// The fuzzer keeps the inputs that reach code that no input before has reached, and changes them. That
// helps if a bug needs a rare state, to which only a few orders lead. Fuzz is slower than [Explore], and it
// does not know which schedules it has run.
//
// A failure is reported with the schedule to replay. While the fuzzer runs, the schedule is hardly
// minimised, because the fuzzer makes its inputs shorter itself. It writes the input into testdata/fuzz;
// go test runs it from then on, minimises the schedule, and says why the program fails. The inputs that
// the fuzzer begins with are the empty one and the schedules of the test's own corpus: see Long campaigns
// in the package's documentation. Nothing adds schedules there (testdata/looptest/FuzzDeposits), but you can
// copy those of another test with the same body.
//
// The options [For], [KeepGoing], [Parallel] and [AddToCorpus] have no effect. Of the environment variables
// only TAKT_REPLAY and TAKT_ARTIFACTS have one. Fuzz panics if f, body or an option is nil.
func Fuzz(f *testing.F, body Body, opts ...Option) {
	if f == nil || body == nil {
		panic("looptest: Fuzz with a nil test or body; give it both")
	}
	f.Helper()
	env, err := readEnvironment()
	if err != nil {
		f.Fatal(err)
	}
	c := configure(opts, defaultMaxSteps)
	c.corpusAdd = false
	if env.replay != "" {
		replay(f, c, env.replay, body)
		f.SkipNow() // a test that calls Skip need not call f.Fuzz
	}
	corpus, err := readCorpus(f.Name())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil))
	lane := watch(context.Background())
	defer lane.end()
	for _, k := range corpus {
		if slices.Contains(c.factories(), k.eager) && c.passing == k.timePasses {
			f.Add(inputOf(&explorer{outer: context.Background(), lane: lane, t: f, config: c, body: body}, k))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		runInput(t, c, body, input, isWorker())
	})
}

// runInput runs an input, and reports a failure. fuzzing says that the fuzzer runs many inputs.
func runInput(t testing.TB, c config, body Body, input []byte, fuzzing bool) {
	t.Helper()
	outer := context.Background()
	if fuzzing {
		c.minimiseFor, c.unexplained = min(c.minimiseFor, fuzzMinimiseFor), true
	} else { // to look for goroutines takes longer than a run
		marked, find := findGoroutines(t)
		outer = marked
		defer find()
	}
	lane := watch(outer)
	defer lane.end()
	for _, eager := range c.factories() {
		x := &explorer{outer: outer, lane: lane, t: t, config: c, body: body}
		x.eager = eager
		if r := x.one(&reader{input}, func(r *run) { r.from = "Fuzz" }); r.failed() {
			t.Error(x.describe(r))
			return
		}
	}
}

// fuzzMinimiseFor is how long a failure is minimised while the fuzzer runs.
const fuzzMinimiseFor = 50 * time.Millisecond

// isWorker reports whether Go's fuzzer runs, and this process runs its inputs.
func isWorker() bool {
	worker := flag.Lookup("test.fuzzworker")
	return worker != nil && worker.Value.String() == "true"
}

// A reader is a walk that takes its options from an input of the fuzzer.
type reader struct{ left []byte }

func (w *reader) Pick(p *ChoicePoint) int {
	return int(w.next(widthOf(p.Len())) % uint64(p.Len()))
}

// noise returns the seed of the noise. It is not 0, and odd as all seeds are.
func (w *reader) noise() uint64 { return w.next(8) | 1 }

// next returns the number in the next bytes, as many as width. What is missing at the end is 0.
func (w *reader) next(width int) uint64 {
	var b [8]byte
	w.left = w.left[copy(b[:width], w.left):]
	return binary.LittleEndian.Uint64(b[:])
}

// widthOf returns how many bytes an option of n has.
func widthOf(n int) int {
	switch {
	case n <= 1<<8:
		return 1
	case n <= 1<<16:
		return 2
	}
	return 4
}

// inputOf returns the input of the fuzzer for a schedule of the corpus.
func inputOf(x *explorer, k kept) []byte {
	w := &writer{by: newReplayer(k.deviations), seed: k.seed | 1}
	x.eager = k.eager
	x.one(w, nil)
	return w.input
}

// A writer is a walk that notes its options as an input of the fuzzer.
type writer struct {
	by    Walk
	seed  uint64
	input []byte
}

func (w *writer) Pick(p *ChoicePoint) int {
	option := w.by.Pick(p)
	w.add(uint64(option), widthOf(p.Len()))
	return option
}

func (w *writer) noise() uint64 {
	w.add(w.seed, 8)
	return w.seed
}

func (w *writer) add(v uint64, width int) {
	w.input = append(w.input, binary.LittleEndian.AppendUint64(nil, v)[:width]...)
}

// noise returns the seed of the run's noise. In an input of the fuzzer it stands where the program asks
// for it first.
func (r *run) noise() uint64 {
	if w, ok := r.policy.by.(interface{ noise() uint64 }); ok && len(r.t.streams) == 0 {
		r.seed = w.noise()
	}
	return r.seed
}
