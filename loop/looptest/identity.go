package looptest

import (
	"fmt"

	"github.com/takt-go/takt/loop"
)

// tasks has the tasks of a run by their IDs: from where each one came, and how many steps it has
// taken. The zero value is ready to use.
//
// Two runs of a program give the same ID to different tasks. The identity of a task is the same in
// all of them: it stands for the identity of the task that made it, and its number among the tasks
// that this one made. Tasks that callbacks made have no maker, and count among each other.
type tasks struct {
	all []origin // by ID; 0 stands for callbacks
}

type origin struct {
	identity uint64
	maker    uint64 // its ID; 0 if a callback made the task
	number   uint32 // among the tasks of its maker, from 1
	made     uint32 // how many tasks it has made
	steps    int32  // how many steps it has taken
	task     *loop.Task
}

// reset forgets all tasks.
func (ts *tasks) reset() { ts.all = append(ts.all[:0], origin{identity: 1}) }

func (ts *tasks) of(t *loop.Task) *origin { return &ts.all[t.ID()] }

// made adds t, a new task.
func (ts *tasks) made(t, by *loop.Task) {
	if len(ts.all) == 0 {
		ts.reset()
	}
	for uint64(len(ts.all)) <= t.ID() {
		ts.all = append(ts.all, origin{})
	}
	var maker uint64
	if by != nil {
		maker = by.ID()
	}
	m := &ts.all[maker]
	m.made++
	ts.all[t.ID()] = origin{identity: childOf(m.identity, m.made), maker: maker, number: m.made, task: t}
}

// childOf returns the identity of a task from that of its maker, and its number. It is never 0.
func childOf(maker uint64, number uint32) uint64 {
	return scramble(maker+uint64(number)*0x9e3779b97f4a7c15) | 1
}

// scramble makes another number of h, in which every bit depends on every bit of h (the finalizer of
// splitmix64).
func scramble(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// mix adds v to the hash h: FNV-1a, but by words instead of bytes.
func mix(h, v uint64) uint64 { return (h ^ v) * 0x100000001b3 }

// names returns a function that returns the name of the task with an identity. A task that the run does
// not have is described by its maker.
func (ts *tasks) names(lineages []lineage) func(identity uint64) string {
	var name func(identity uint64) string
	name = func(identity uint64) string {
		if n, ok := ts.name(identity); ok {
			return n
		}
		for _, l := range lineages {
			if l.identity == identity && l.maker >= 0 {
				return fmt.Sprintf("the task that %s makes as number %d", name(lineages[l.maker].identity), l.number)
			}
		}
		return "a task of a callback"
	}
	return name
}

// name returns the name of the task with an identity, and false if the run does not have it.
func (ts *tasks) name(identity uint64) (name string, ok bool) {
	for i := 1; i < len(ts.all); i++ {
		if ts.all[i].identity == identity {
			return ts.all[i].task.Name(), true
		}
	}
	return "", false
}
