package looptest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A schedule holds the picks of a run that were not first in, first out. Replay takes it as text.
type schedule struct {
	eager      bool
	timePasses bool
	length     int // number of choice points in the whole run
	picks      []deviation
}

// A deviation is a choice point at which the first choice was not picked.
type deviation struct {
	at   int // number of the choice point, from 0
	pick int // index of the choice that was picked
	of   int // number of choices
}

const prefix = "takt1:"

// String returns the schedule as text: the version, then varints in base64.
func (s schedule) String() string {
	var flags uint64
	if s.eager {
		flags |= 1
	}
	if s.timePasses {
		flags |= 2
	}
	b := binary.AppendUvarint(nil, flags)
	b = binary.AppendUvarint(b, uint64(s.length))
	last := 0
	for _, d := range s.picks {
		b = binary.AppendUvarint(b, uint64(d.at-last))
		b = binary.AppendUvarint(b, uint64(d.pick))
		b = binary.AppendUvarint(b, uint64(d.of))
		last = d.at
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

func parseSchedule(text string) (s schedule, err error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		return s, fmt.Errorf("looptest: %s is not a schedule; give the text that a failure printed, which begins with %q", excerpt(text), prefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return s, fmt.Errorf("looptest: the schedule %s is damaged: %w", excerpt(text), err)
	}
	damaged := func(format string, args ...any) (schedule, error) {
		return s, fmt.Errorf("looptest: the schedule %s is damaged: %w", excerpt(text), fmt.Errorf(format, args...))
	}
	next := func() int {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<31-1 {
			err = errors.New("it is cut off, or has a number that is too large")
			b = nil
			return 0
		}
		b = b[n:]
		return int(v)
	}
	flags := next()
	s.eager, s.timePasses = flags&1 != 0, flags&2 != 0
	s.length = next()
	if flags > 3 {
		return damaged("its flags are %d", flags)
	}
	for at := 0; len(b) > 0; {
		on := next()
		if on >= s.length-at && err == nil { // the sum of at and on may be too large for an int
			return damaged("it picks at choice point %d of %d", int64(at)+int64(on)+1, s.length)
		}
		at += on
		d := deviation{at: at, pick: next(), of: next()}
		last := len(s.picks) - 1
		switch {
		case err != nil:
		case last >= 0 && s.picks[last].at == at:
			return damaged("it picks twice at choice point %d", at+1)
		case d.pick < 1 || d.pick >= d.of:
			return damaged("it picks number %d of %d at choice point %d", d.pick, d.of, at+1)
		}
		s.picks = append(s.picks, d)
	}
	if err != nil {
		return damaged("%w", err)
	}
	return s, nil
}

// maxExcerpt is how many bytes of a text a message repeats.
const maxExcerpt = 200

// excerpt returns text in quotes. Of a long text it returns the beginning and the length, because
// a caller may pass a whole file as a schedule.
func excerpt(text string) string {
	if len(text) <= maxExcerpt {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q... (%d bytes)", text[:maxExcerpt], len(text))
}

// scheduleOf returns the schedule of a run.
func (x *explorer) scheduleOf(r *run) schedule {
	return schedule{eager: x.eager, timePasses: x.passing, length: len(r.policy.choices), picks: deviations(r.policy.choices)}
}

// A choice is the pick at a choice point, and the number of choices there.
type choice struct{ pick, of int32 }

// deviations returns the choices that are not first in, first out.
func deviations(choices []choice) []deviation {
	var all []deviation
	for at, c := range choices {
		if c.pick != 0 {
			all = append(all, deviation{at, int(c.pick), int(c.of)})
		}
	}
	return all
}
