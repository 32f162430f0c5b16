package loop

// traits has facts about a task in a few bits each, because there may be very many tasks: how it is suspended, its
// start, and these flags.
type traits uint8

const (
	isStackless traits = 1 << (iota + 4) // its kind is stackless
	isSleeping                           // it sleeps, and its timer has not fired
	isUnwinding                          // every suspension fails from now on
	isStillborn                          // canceled before its factory has started it

	howBits    traits = 3
	startBits  traits = 3 << startShift
	startShift        = 2
)

// traitsOf returns the traits of a new task.
func traitsOf(k kind, s start) traits {
	all := traits(s) << startShift & startBits
	if k == stackless {
		all |= isStackless
	}
	return all
}

// is reports whether t has one of the flags.
func (t *Task) is(flags traits) bool { return t.traits&flags != 0 }

// how returns how the task is suspended, or was the last time; end if it never was.
func (t *Task) how() how { return how(t.traits & howBits) }

// setHow notes how the task is suspended.
func (t *Task) setHow(h how) { t.traits = t.traits&^howBits | traits(h) }

func (t *Task) start() start { return start(t.traits & startBits >> startShift) }

// rootMark is the idHigh of the root task of a loop or a realm, which never runs.
const rootMark uint16 = 1 << 15

// isRoot reports whether t is the root task of a loop or a realm. It is safe from any goroutine.
func (t *Task) isRoot() bool { return t.idHigh == rootMark }
