package looptest

// A shard is a part of the schedules of a program: all that begin with certain picks. The parts of
// an exploration are divided among the options of the first choice point, then among the options of
// the next one, until a part has options of its own. So each schedule belongs to one part.
type shard struct{ part, parts int }

// narrow returns the options of the shard, from and up to to, at the next choice point of a run. n is
// the number of all options.
func (s *shard) narrow(n int) (from, to int) {
	switch {
	case s.parts <= 1:
		return 0, n
	case n >= s.parts: // some options for each part
		from, to = s.part*n/s.parts, (s.part+1)*n/s.parts
		*s = shard{0, 1}
		return from, to
	}
	for at := range n { // some parts for each option
		first, next := at*s.parts/n, (at+1)*s.parts/n
		if s.part < next {
			*s = shard{s.part - first, next - first}
			return at, at + 1
		}
	}
	panic("unreachable")
}

// foreign reports whether a run that has ended belongs to another part of the exploration: it has too
// few choice points for all parts, so the first of them has it.
func (s *shard) foreign() bool { return s.parts > 1 && s.part > 0 }
