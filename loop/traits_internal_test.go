package loop

import "testing"

// idle is a body that is never run in these tests.
type idle struct{}

func (idle) Step(*Task, error) Suspension { return Suspension{} }
func (idle) Fail(*Task, error)            {}

// The number of a task has more than 32 bits, and no number makes a task a root.
func TestNumbersOfTasks(t *testing.T) {
	for spawned, want := range map[uint64]uint64{
		0:         1,
		1<<32 - 2: 1<<32 - 1,
		1<<32 - 1: 1 << 32,
		1<<47 - 2: 1<<47 - 1,
		1<<47 - 1: 0,
		1 << 47:   1,
	} {
		l := New()
		l.spawned = spawned
		var one Task
		spawn(l.Context(), &one, stackless, idle{}, nil, "", asAsked)
		if one.ID() != want || one.isRoot() {
			t.Errorf("after %d tasks: task %d, and it is a root: %v; want %d, false", spawned, one.ID(), one.isRoot(), want)
		}
		l.first, l.last, l.tasks = nil, nil, 0
		l.ready.Reset()
		l.Close()
	}
}

// Each trait keeps its own bits.
func TestTraitsOfATask(t *testing.T) {
	for _, k := range []kind{stackful, stackless} {
		for _, s := range []start{asAsked, queuedStart, atOnce} {
			for _, h := range []how{end, turn, sleep, await} {
				one := Task{traits: traitsOf(k, s)}
				one.traits |= isSleeping | isStillborn
				one.setHow(await)
				one.setHow(h)
				one.traits &^= isStillborn
				if one.start() != s || one.how() != h || one.is(isStackless) != (k == stackless) || !one.is(isSleeping) || one.is(isUnwinding|isStillborn) {
					t.Errorf("kind %d, start %d, suspended by %d: traits %08b", k, s, h, one.traits)
				}
			}
		}
	}
}
