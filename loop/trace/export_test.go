package trace

import (
	"time"
	"unsafe"
)

// TextBytes is what the texts are accounted with.
func (r *Recorder) TextBytes() int { return r.texts.used }

// The ring is made for this size.
var _ = [1]struct{}{}[unsafe.Sizeof(record{})-recordSize]

// Add is what Stats does with a duration.
func (h *Histogram) Add(d time.Duration) { h.add(d) }
