package loop

import (
	"runtime"
	"time"
)

// A switch of stacks does not enter Go's scheduler. So a loop that is never idle keeps its processor
// until the scheduler preempts it, after 10 ms. Meanwhile the other goroutines of that processor wait,
// and one of them is the garbage collector's worker. Then the collector's mark phase, in which each
// store of a pointer costs several times as much, lasts ten times as long as its work takes. With one
// processor (GOMAXPROCS=1), that was a third of the cost of a spawn.
//
// So a busy loop gives way now and then, as other goroutines do with each operation on a channel.

const (
	wayEvery = 512 // entries of the ready queue, or new tasks, between two times that the loop gives way
	wayShare = 4   // the loop keeps the processor for at least this many times as long as it was away
)

// way remembers when the loop gave way last.
type way struct {
	at   uint64        // the position in the ready queue
	next time.Duration // since wayStart: not before this time
}

var wayStart = time.Now()

// giveWay lets other goroutines run, if the loop has had the processor for long enough. If another
// goroutine keeps the processor busy, the loop is away for up to 10 ms; because of wayShare, it spends
// at most a fifth of its time so. A goroutine that has locked its thread does not give way: that
// would cost two switches of threads. RunOnce and RunFor do not give way either: their host has a rhythm of
// its own, and waits between its calls.
//
//go:noinline
func (l *Loop) giveWay() {
	now := time.Since(wayStart)
	if who := l.stacks.Driver.Value.who; now < l.way.next || l.mode >= modeOnce || who != nil && who.locked {
		return
	}
	runtime.Gosched()
	back := time.Since(wayStart)
	l.way.next = back + wayShare*(back-now)
}
