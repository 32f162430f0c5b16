package loop

import (
	"sync/atomic"

	"github.com/takt-go/takt/loop/internal/goroutine"
)

// inside reports whether the calling code runs on a loop: see Inside in package lowlevel.
//
// A goroutine that waits for a loop asks again and again, and the answer changes only if the goroutine
// itself begins to drive a loop. So inside remembers the goroutines that are outside.
func inside() bool {
	if !goroutine.Cheap {
		return onLoop()
	}
	me := goroutine.Identity()
	known := outsider(me)
	if known.Load() == me {
		return false
	}
	if onLoop() {
		return true
	}
	known.Store(me)
	return false
}

// outsiders has goroutines that were outside of all loops when they called inside, each at the place that
// outsider returns for it. Several goroutines may have one place. Then the last one stays, and the others must
// walk their stacks again.
//
// Only a goroutine itself enters its identity, and sit removes it when that goroutine begins to drive a loop. A
// new goroutine may get the identity of one that has ended. It is outside, too, or it begins with sit.
var outsiders [1 << outsidersBits]atomic.Uintptr

const outsidersBits = 12

// outsider returns the place in outsiders of the goroutine me.
func outsider(me uintptr) *atomic.Uintptr {
	const golden = 0x9e3779b97f4a7c15 // spreads the addresses, which are multiples of a power of two
	return &outsiders[uint64(me)*golden>>(64-outsidersBits)]
}

// enterLoop notes that the goroutine me is not outside any more.
func enterLoop(me uintptr) {
	if known := outsider(me); known.Load() == me {
		known.Store(0)
	}
}

// onLoop is inside by a walk of the stack: every function that a loop calls runs in drive, or on a stack.
func onLoop() bool {
	return goroutine.Inside(func(function string) bool { return function == loopDrive || function == stackMain })
}
