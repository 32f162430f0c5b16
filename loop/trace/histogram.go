package trace

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

// A Histogram counts durations by their order of magnitude. Its zero value is empty and ready to
// use. Any goroutine may call its methods while the loop adds durations. Each number that they
// return was true at some moment during the call, but not all at the same moment.
type Histogram struct {
	count, sum, max atomic.Int64
	buckets         [histogramBuckets]atomic.Int64
}

// The buckets end at 0, 256 ns, 512 ns, and so on, doubling up to 137 s. The last bucket has no end.
const (
	histogramBuckets = 32
	firstBucket      = 8 // the second bucket ends at 1<<firstBucket ns
)

// add counts d.
func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	bump(&h.count, 1)
	h.sum.Store(h.sum.Load() + min(int64(d), math.MaxInt64-h.sum.Load()))
	if int64(d) > h.max.Load() {
		h.max.Store(int64(d))
	}
	bump(&h.buckets[bucketOf(d)], 1)
}

// bump adds without a locked instruction: only one goroutine adds.
func bump(n *atomic.Int64, by int64) { n.Store(n.Load() + by) }

// bucketOf returns the index of the bucket that counts d.
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

// Count returns the number of counted durations.
func (h *Histogram) Count() int64 { return h.count.Load() }

// Sum returns the sum of all counted durations, or the longest Duration (some 292 years) if the sum is longer.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum.Load()) }

// Max returns the longest counted duration, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Quantile returns an upper bound of the q-quantile of the counted durations. For quantiles from
// 256 ns to 137 s the bound is at most twice the true value, and it is never more than Max. Quantile
// returns 0 if no duration was counted. It panics unless 0 <= q <= 1.
func (h *Histogram) Quantile(q float64) time.Duration {
	if !(q >= 0 && q <= 1) {
		panic(fmt.Sprintf("trace: Quantile(%v); give a share from 0 to 1, such as 0.99", q))
	}
	var buckets [histogramBuckets]int64 // a copy, because the loop may go on counting
	count := int64(0)
	for i := range buckets {
		buckets[i] = h.buckets[i].Load()
		count += buckets[i]
	}
	rest := q * float64(count)
	for i, n := range buckets {
		rest -= float64(n)
		if n > 0 && rest <= 0 {
			return min(bucketEnd(i), h.Max())
		}
	}
	return h.Max()
}

// String returns the histogram as JSON, as an expvar.Var must. Times are in nanoseconds. The object
// "buckets" has the count of each bucket that is not empty; the keys are the upper ends of the
// buckets, and "+Inf" for the last one, which has no end.
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
