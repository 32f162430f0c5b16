package trace

import (
	"time"
	"unsafe"
)

// TextBytes returns the number of bytes that the texts of r use.
func (r *Recorder) TextBytes() int { return r.texts.used }

// WorldTextBytes returns the number of bytes that the texts of the simulated world use.
func (r *Recorder) WorldTextBytes() int { return r.world.texts.used }

// This does not compile if a record has another size than recordSize.
var _ = [1]struct{}{}[unsafe.Sizeof(record{})-recordSize]

// Add counts a duration, as Stats does.
func (h *Histogram) Add(d time.Duration) { h.add(d) }
