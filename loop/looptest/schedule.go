package looptest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A schedule holds what in a run was not first in, first out, and not benign. Replay takes it as text.
type schedule struct {
	eager      bool
	timePasses bool
	seed       uint64 // of the noise; 0 if there was none
	lineage    []lineage
	deviations []deviation
}

// A deviation is one of:
//
//   - a pick: the task of first was at the front of the queue, and the task of picked took a step;
//   - the passing of time: as a pick, but picked is zero;
//   - a choice of the program: the site is not empty, and first and picked are zero.
//
// None of them depends on how many others came before. So a deviation keeps its meaning when others
// are left out.
type deviation struct {
	first  upcoming
	picked upcoming
	site   string
	use    int // which use of the site, from 0
	value  int
}

// An upcoming is a step that a task is about to take.
type upcoming struct {
	task  uint64 // its identity
	steps int32  // how many steps it has taken
}

// A lineage says where the task with an identity comes from.
type lineage struct {
	identity uint64
	maker    int // its index in the lineage of the schedule; -1 if a callback made the task
	number   uint32
}

// schedule returns the schedule of the run, as far as it has come.
func (r *run) schedule() schedule {
	s := schedule{eager: r.eager, timePasses: r.passing, deviations: slices.Clone(r.policy.recorded)}
	if r.t.streams != nil {
		s.seed = r.seed
	}
	s.lineage = r.policy.tasks.lineageOf(s.deviations)
	return s
}

// lineageOf returns the lineages of the tasks in the deviations, and of their makers.
func (ts *tasks) lineageOf(deviations []deviation) []lineage {
	wanted := map[uint64]bool{}
	for _, d := range deviations {
		wanted[d.first.task], wanted[d.picked.task] = true, true
	}
	keep := make([]bool, len(ts.all))
	for id := len(ts.all) - 1; id > 0; id-- { // a maker has a smaller ID
		o := &ts.all[id]
		keep[id] = keep[id] || wanted[o.identity]
		keep[o.maker] = keep[o.maker] || keep[id]
	}
	var all []lineage
	index := make([]int, len(ts.all))
	index[0] = -1
	for id := 1; id < len(ts.all); id++ {
		if o := &ts.all[id]; keep[id] {
			index[id] = len(all)
			all = append(all, lineage{o.identity, index[o.maker], o.number})
		}
	}
	return all
}

const prefix = "takt2:"

// String returns the schedule as text: the version, then varints in base64.
func (s schedule) String() string {
	var flags uint64
	if s.eager {
		flags |= 1
	}
	if s.timePasses {
		flags |= 2
	}
	var sites []string
	for _, d := range s.deviations {
		if d.site != "" && !slices.Contains(sites, d.site) {
			sites = append(sites, d.site)
		}
	}
	index := map[uint64]int{}
	b := binary.AppendUvarint(nil, flags)
	b = binary.AppendUvarint(b, s.seed)
	b = binary.AppendUvarint(b, uint64(len(s.lineage)))
	for i, l := range s.lineage {
		index[l.identity] = i
		b = binary.AppendUvarint(b, uint64(l.maker+1))
		b = binary.AppendUvarint(b, uint64(l.number))
	}
	b = binary.AppendUvarint(b, uint64(len(sites)))
	for _, site := range sites {
		b = binary.AppendUvarint(b, uint64(len(site)))
		b = append(b, site...)
	}
	b = binary.AppendUvarint(b, uint64(len(s.deviations)))
	step := func(u upcoming) {
		b = binary.AppendUvarint(b, uint64(index[u.task]))
		b = binary.AppendUvarint(b, uint64(u.steps))
	}
	for _, d := range s.deviations {
		switch {
		case d.site != "":
			b = binary.AppendUvarint(b, uint64(2+slices.Index(sites, d.site)))
			b = binary.AppendUvarint(b, uint64(d.use))
			b = binary.AppendUvarint(b, uint64(d.value))
		case d.picked == upcoming{}:
			b = binary.AppendUvarint(b, 1)
			step(d.first)
		default:
			b = binary.AppendUvarint(b, 0)
			step(d.first)
			step(d.picked)
		}
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// A scheduleReader reads the numbers of a schedule's text. After an error it returns zeros.
type scheduleReader struct {
	b   []byte
	err error
}

func (r *scheduleReader) fail(format string, args ...any) {
	r.err = cmp.Or(r.err, fmt.Errorf(format, args...))
	r.b = nil
}

func (r *scheduleReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		if r.err == nil {
			r.fail("it is cut off, or has a number that is too large")
		}
		return 0
	}
	r.b = r.b[n:]
	return v
}

// number reads a number that is less than limit. what says what it counts.
func (r *scheduleReader) number(what string, limit int) int {
	v := r.uint()
	if r.err == nil && v >= uint64(limit) {
		r.fail("it has the %s %d, and the limit is %d", what, v, limit-1)
		return 0
	}
	return int(v)
}

func (r *scheduleReader) step(of []lineage) upcoming {
	at := r.number("task", len(of))
	steps := r.number("step", math.MaxInt32)
	if r.err != nil {
		return upcoming{}
	}
	return upcoming{of[at].identity, int32(steps)}
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
	r := &scheduleReader{b: b}
	flags := r.number("flags", 4)
	s.eager, s.timePasses = flags&1 != 0, flags&2 != 0
	s.seed = r.uint()
	// Every entry of a list has a byte or more, so a list is not longer than the rest of the text.
	for range r.number("length", len(r.b)+1) {
		l := lineage{maker: r.number("maker", len(s.lineage)+1) - 1, number: uint32(r.number("task number", math.MaxInt32))}
		from := uint64(1)
		if l.maker >= 0 {
			from = s.lineage[l.maker].identity
		}
		l.identity = childOf(from, l.number)
		s.lineage = append(s.lineage, l)
	}
	var sites []string
	for range r.number("length", len(r.b)+1) {
		n := r.number("length", len(r.b)+1)
		if n == 0 || n > len(r.b) {
			r.fail("the name of a site has %d bytes, and %d are left", n, len(r.b))
			break
		}
		sites = append(sites, string(r.b[:n]))
		r.b = r.b[n:]
	}
	for range r.number("length", len(r.b)+1) {
		var d deviation
		switch kind := r.number("kind", 2+len(sites)); kind {
		case 0:
			d.first, d.picked = r.step(s.lineage), r.step(s.lineage)
		case 1:
			d.first = r.step(s.lineage)
		default:
			d.site, d.use, d.value = sites[kind-2], r.number("use", math.MaxInt32), r.number("value", maxValues)
		}
		s.deviations = append(s.deviations, d)
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = errors.New("it goes on behind its end")
	}
	if r.err != nil {
		return s, fmt.Errorf("looptest: the schedule %s is damaged: %w", excerpt(text), r.err)
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
