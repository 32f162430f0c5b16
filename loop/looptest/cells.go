package looptest

// A cell is a piece of the memory of a tree. It is one of:
//
//   - a node with kids: the number of its kids, how many of them can be taken, and six slots;
//   - a leaf: 0, 1, the first piece of its tail, how many bytes of the tail are used, and the first bytes;
//   - a branch: eight slots;
//   - a piece of a tail: the next piece, and bytes.
//
// A slot stands for the kid of a node, or for so many kids in a row that the slots are enough. A branch
// divides the kids of a slot among its own slots.
//
// A cell refers to others by their numbers, so the garbage collector has nothing to look at. All cells
// have the same size. So each cell that is free can become anything.
type cell [8]int32

// The words of a node and of a leaf.
const (
	cellOf    = 0 // how many kids the node has; 0 for a leaf
	cellOpen  = 1 // how many kids a run can take; 1 for a leaf
	cellSlots = 2 // of a node
	cellTail  = 2 // of a leaf: the first piece of its tail
	cellUsed  = 3 // how many bytes of the tail are used up
	cellBytes = 4
)

// What a slot has that is not the number of a cell.
const (
	unseen    = 0  // no run has taken the kid
	claimed   = -1 // a run has claimed the kid
	exhausted = -2 // there is nothing more to run below the kid, or below all kids of the slot
)

const (
	cellSize   = 32            // bytes
	bytesFirst = cellSize - 16 // of a tail, in the leaf
	bytesMore  = cellSize - 4  // in a piece
	chunkCells = 1024
)

// cells is the memory of a tree.
type cells struct {
	chunks []*[chunkCells]cell
	made   int32 // cells that are or have been in use. No cell has the number 0.
	free   int32 // the first free one, which names the next
	used   int   // the cells in use
}

func (cs *cells) bytes() int { return cs.used * cellSize }

func (cs *cells) at(n int32) *cell { return &cs.chunks[uint32(n)/chunkCells][uint32(n)%chunkCells] }

// take returns an empty cell.
func (cs *cells) take() int32 {
	cs.used++
	if n := cs.free; n != 0 {
		c := cs.at(n)
		cs.free = c[0]
		*c = cell{}
		return n
	}
	if cs.made++; int(cs.made) >= len(cs.chunks)*chunkCells {
		cs.chunks = append(cs.chunks, new([chunkCells]cell))
	}
	return cs.made
}

func (cs *cells) drop(n int32) {
	cs.used--
	cs.at(n)[0] = cs.free
	cs.free = n
}

// perSlot returns for how many kids a slot of a node with of kids stands.
func perSlot(of int32) int32 {
	width := int32(1)
	for (cellSize/4-cellSlots)*width < of {
		width *= 8
	}
	return width
}

// slot returns the slot of a kid, which is not exhausted.
func (cs *cells) slot(node, kid int32) *int32 {
	c := cs.at(node)
	width := perSlot(c[cellOf])
	s := &c[cellSlots+kid/width]
	for width > 1 {
		if *s == unseen {
			*s = cs.take()
		}
		kid %= width
		width /= 8
		s = &cs.at(*s)[kid/width]
	}
	return s
}

// left adds the kids of a node that a run can take to kids. Each is counted from the number from.
func (cs *cells) left(node int32, from int, kids []int32) []int32 {
	c := cs.at(node)
	return cs.leftIn(c[cellSlots:], perSlot(c[cellOf]), int32(from), int32(from)+c[cellOf], kids)
}

// leftIn adds the kids of slots. Each slot stands for width kids, from the number from up to to.
func (cs *cells) leftIn(slots []int32, width, from, to int32, kids []int32) []int32 {
	for _, s := range slots {
		if from >= to {
			break
		}
		next := from + width
		switch {
		case s == unseen:
			for kid := from; kid < min(next, to); kid++ {
				kids = append(kids, kid)
			}
		case s < 0:
		case width > 1:
			kids = cs.leftIn(cs.at(s)[:], width/8, from, min(next, to), kids)
		case cs.at(s)[cellOpen] > 0:
			kids = append(kids, from)
		}
		from = next
	}
	return kids
}

// exhaust notes that there is nothing more to run below a kid that has a slot. It reports whether that
// is so for the whole node.
func (cs *cells) exhaust(node, kid int32) bool {
	c := cs.at(node)
	return cs.exhaustIn(c[cellSlots:], perSlot(c[cellOf]), c[cellOf], kid)
}

// exhaustIn does it for slots that stand for of kids.
func (cs *cells) exhaustIn(slots []int32, width, of, kid int32) bool {
	first := kid / width * width
	s := &slots[kid/width]
	switch {
	case width == 1:
		*s = exhausted
	case cs.exhaustIn(cs.at(*s)[:], width/8, min(width, of-first), kid-first):
		cs.drop(*s)
		*s = exhausted
	}
	for at := int32(0); at*width < of; at++ {
		if slots[at] != exhausted {
			return false
		}
	}
	return true
}

// A tail has a byte for each option that a run has taken: the number of options, which is 2 or more, and
// the pick, with four bits each. If they need more, the byte has 1 and the length of a number, and both
// numbers follow. A byte 0 is behind the end.

// appendOption adds an option to a tail.
func appendOption(tail []byte, pick, of int) []byte {
	if of < 16 {
		return append(tail, byte(of<<4|pick))
	}
	size := 1
	for of>>(8*size) > 0 {
		size++
	}
	tail = append(tail, byte(1<<4|size))
	for _, v := range [...]int{of, pick} {
		for range size {
			tail = append(tail, byte(v))
			v >>= 8
		}
	}
	return tail
}

// newLeaf returns a leaf with a tail.
func (cs *cells) newLeaf(tail []byte) int32 {
	leaf := cs.take()
	c := cs.at(leaf)
	c[cellOpen] = 1
	tail = fill(c[cellBytes:], tail)
	for next := &c[cellTail]; len(tail) > 0; {
		*next = cs.take()
		piece := cs.at(*next)
		tail = fill(piece[1:], tail)
		next = &piece[0]
	}
	return leaf
}

// fill puts bytes into words, and returns those that are left.
func fill(words []int32, bytes []byte) []byte {
	n := min(len(bytes), 4*len(words))
	for i, b := range bytes[:n] {
		words[i/4] |= int32(b) << (8 * (i % 4))
	}
	return bytes[n:]
}

// byteAt returns a byte of the tail of a leaf, and 0 behind the end.
func (cs *cells) byteAt(c *cell, at int32) int {
	words := c[cellBytes:]
	if at >= bytesFirst {
		at -= bytesFirst
		piece := c[cellTail]
		for ; piece != 0 && at >= bytesMore; at -= bytesMore {
			piece = cs.at(piece)[0]
		}
		if piece == 0 {
			return 0
		}
		words = cs.at(piece)[1:]
	}
	return int(byte(words[at/4] >> (8 * (at % 4))))
}

// option returns the first option of a leaf's tail that is not used up, and where the next one begins. At
// the end of the tail, of is 0.
func (cs *cells) option(c *cell) (pick, of, next int32) {
	next = c[cellUsed]
	b := cs.byteAt(c, next)
	next++
	if b>>4 != 1 {
		return int32(b & 15), int32(b >> 4), next
	}
	for _, v := range [...]*int32{&of, &pick} {
		for i := range b & 15 {
			*v |= int32(cs.byteAt(c, next)) << (8 * i)
			next++
		}
	}
	return pick, of, next
}

// use notes that the tail of a leaf is used up to a byte, and drops what is used up.
func (cs *cells) use(c *cell, upTo int32) {
	for ; upTo >= bytesFirst+bytesMore && c[cellTail] != 0; upTo -= bytesMore {
		piece := c[cellTail]
		c[cellTail] = cs.at(piece)[0]
		cs.drop(piece)
	}
	c[cellUsed] = upTo
}

// split makes a node with kids of a leaf. It reports whether the node has of kids: it has another number
// if the program is not deterministic.
func (cs *cells) split(leaf, of int32) bool {
	c := cs.at(leaf)
	pick, had, next := cs.option(c)
	if had != of {
		return false
	}
	rest := cs.take()
	r := cs.at(rest)
	*r = *c
	cs.use(r, next)
	*c = cell{cellOf: of, cellOpen: of}
	s := cs.slot(leaf, pick)
	*s = rest
	if _, more, _ := cs.option(r); more == 0 {
		if piece := r[cellTail]; piece != 0 {
			cs.drop(piece)
		}
		cs.drop(rest)
		c[cellOpen]--
		cs.exhaust(leaf, pick)
	}
	return true
}
