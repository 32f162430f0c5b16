package trace

import (
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

// A Histogram counts durations by their order of magnitude. Its zero value is empty
// and ready to use. One goroutine adds; any number may look meanwhile, and see each
// number as it was at some moment.
type Histogram struct {
	count, sum, max atomic.Int64
	buckets         [histogramBuckets]atomic.Int64
}

// The buckets end at 0, 256 ns, 512 ns, and so on, each twice as wide as the one
// before, up to 137 s; the last one has no end.
const (
	histogramBuckets = 32
	firstBucket      = 8 // 1<<firstBucket ns is where the second bucket ends
)

// add counts d.
func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	bump(&h.count, 1)
	bump(&h.sum, int64(d))
	if int64(d) > h.max.Load() {
		h.max.Store(int64(d))
	}
	bump(&h.buckets[bucketOf(d)], 1)
}

// bump adds without a locked instruction: there is only one who adds.
func bump(n *atomic.Int64, by int64) { n.Store(n.Load() + by) }

// bucketOf returns the first bucket whose end is d or more.
func bucketOf(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return min(max(bits.Len64(uint64(d)-1)-firstBucket, 0)+1, histogramBuckets-1)
}

// bucketEnd returns the longest duration that the bucket counts.
func bucketEnd(bucket int) time.Duration {
	switch bucket {
	case 0:
		return 0
	case histogramBuckets - 1:
		return 1<<63 - 1
	}
	return 1 << (firstBucket + bucket - 1)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return h.count.Load() }

// Sum returns the sum of all durations that were counted.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum.Load()) }

// Max returns the longest duration that was counted, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Quantile returns a duration that the share q of those counted did not exceed, from
// above: it is up to twice too long, but never longer than Max. It returns 0 if
// nothing was counted, and panics unless 0 <= q <= 1.
func (h *Histogram) Quantile(q float64) time.Duration {
	if !(q >= 0 && q <= 1) {
		panic(fmt.Sprintf("trace: Quantile(%v); give a share from 0 to 1, such as 0.99", q))
	}
	rest := q * float64(h.Count())
	for i := range h.buckets {
		rest -= float64(h.buckets[i].Load())
		if rest <= 0 {
			return min(bucketEnd(i), h.Max())
		}
	}
	return h.Max()
}

// String returns the histogram as JSON, as an expvar.Var does: times in nanoseconds,
// and for every bucket that is not empty how much is in it, by its upper end; that of
// the last bucket, which has no end, is "+Inf".
func (h *Histogram) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"count": %d, "sum": %d, "max": %d, "p50": %d, "p90": %d, "p99": %d, "buckets": {`,
		h.Count(), h.Sum(), h.Max(), h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99))
	sep := ""
	for i := range h.buckets {
		n := h.buckets[i].Load()
		if n == 0 {
			continue
		}
		end := "+Inf"
		if i < histogramBuckets-1 {
			end = fmt.Sprint(int64(bucketEnd(i)))
		}
		fmt.Fprintf(&b, `%s"%s": %d`, sep, end, n)
		sep = ", "
	}
	b.WriteString("}}")
	return b.String()
}
