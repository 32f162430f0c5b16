package looptest

import "slices"

// keep chooses the blocks to list if there is not room for all. It returns their indices, in order.
// It takes the end of the run and the deviations first, then what is around them, and then what
// there is room for.
func (f *layout) keep(room int) []int {
	k := &keeper{blocks: f.blocks, room: room}
	last := len(f.blocks) - 1
	k.add(last)
	k.add(0)
	k.add(last - 1)
	k.add(last - 2)
	var deviations, fails, logs []int
	for i, b := range f.blocks {
		if b.deviates && len(deviations) < maxDeviations {
			deviations = append(deviations, i)
		}
		if b.fails && len(fails) < maxSaid {
			fails = append(fails, i)
		}
		if b.logs && len(logs) < manyLogs {
			logs = append(logs, i)
		}
	}
	if f.inWorld { // the faults have a list of their own
		k.around(0, fails)
	}
	k.around(0, deviations, fails)
	for on := 1; on <= max(before, after); on++ {
		if on <= after {
			k.around(on, deviations, fails)
		}
		if on <= before {
			k.around(-on, deviations, fails)
		}
	}
	k.around(0, logs)
	k.add(1)
	k.add(2)
	for i := range room {
		k.add(last - i)
	}
	for i := range room {
		k.add(i)
	}
	k.close()
	return k.kept
}

// A keeper chooses blocks as long as there is room.
type keeper struct {
	blocks []block
	room   int
	kept   []int
}

// around adds the blocks so many blocks after those that the lists name.
func (k *keeper) around(on int, lists ...[]int) {
	for _, list := range lists {
		for _, i := range list {
			k.add(i + on)
		}
	}
}

// add adds block i, if there is such a block, and room for it.
func (k *keeper) add(i int) {
	if i < 0 || i >= len(k.blocks) {
		return
	}
	at, found := slices.BinarySearch(k.kept, i)
	if found {
		return
	}
	k.kept = slices.Insert(k.kept, at, i)
	if k.lines() > k.room {
		k.kept = slices.Delete(k.kept, at, at+1)
	}
}

// lines returns how many lines the blocks have, with a line for each gap between them.
func (k *keeper) lines() int {
	n, next := 0, 0
	for _, i := range append(k.kept, len(k.blocks)) {
		if i > next {
			n++
		}
		if i < len(k.blocks) {
			n += k.blocks[i].brief
		}
		next = i + 1
	}
	return n
}

// close adds the blocks that need no more room than the gap that they leave.
func (k *keeper) close() {
	var single []int
	for i := 1; i < len(k.kept); i++ {
		if gap := k.kept[i] - 1; k.kept[i-1] == gap-1 && k.blocks[gap].brief == 1 {
			single = append(single, gap)
		}
	}
	k.around(0, single)
}
