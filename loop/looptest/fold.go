package looptest

// A group is a number of things in a row that are repeated: size of them, times times.
type group struct{ first, size, times int }

// maxGroup is the largest size of a group.
const maxGroup = 6

// fold divides n things into groups. Two things are equal if equal says so. A thing that is not
// repeated is a group too. Two or more things that alternate make a group only if they come three
// times: otherwise the reader has more to understand than to read.
func fold(n int, equal func(i, j int) bool) []group {
	var groups []group
	for i := 0; i < n; {
		best, most := group{i, 1, 1}, 0
		for size := 1; size <= maxGroup; size++ {
			end := i + size
			for end < n && equal(end-size, end) {
				end++
			}
			g := group{i, size, (end - i) / size}
			saved := size*(g.times-1) - 1 // a group of several things needs one more line
			if size == 1 {
				saved++
			}
			if saved > most && (size == 1 || g.times > 2) {
				best, most = g, saved
			}
		}
		groups = append(groups, best)
		i += best.size * best.times
	}
	return groups
}
