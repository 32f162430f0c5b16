package trace

import "unsafe"

// TextBytes is what the texts are accounted with.
func (r *Recorder) TextBytes() int { return r.texts.used }

// The ring is made for this size.
var _ = [1]struct{}{}[unsafe.Sizeof(record{})-recordSize]
