package task_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/task/internal/testkit"
)

// TestLifecycle runs one task, called inner, through every life that it can have:
// each kind of task and of factory, each way to end and to be canceled, and each way
// in which another task, the waiter, can wait for it. What must be true of it all is
// not recorded: lifecycle_model_test.go derives it from the rules.
func TestLifecycle(t *testing.T) {
	all := lifecycles()
	// A case that silently drops out, or comes twice, is to be noticed.
	testkit.Equal(t, "the number of cases", len(all), 5754)
	byPlace, names := map[string][]lifecycle{}, map[string]bool{}
	for _, c := range all {
		byPlace[c.place()] = append(byPlace[c.place()], c)
		names[c.place()+"/"+c.name()] = true
	}
	testkit.Equal(t, "the number of different names", len(names), len(all))
	ran := 0
	for _, eager := range []bool{false, true} {
		for _, stackless := range []bool{false, true} {
			for w := range lifecycleWaits {
				place := lifecycle{eager: eager, stackless: stackless, wait: w}.place()
				ran += len(byPlace[place])
				t.Run(place, func(t *testing.T) {
					for _, c := range byPlace[place] {
						t.Run(c.name(), c.test)
					}
				})
			}
		}
	}
	testkit.Equal(t, "the number of cases that were run", ran, len(all))
}

// A lifecycle is one case.
type lifecycle struct {
	eager     bool
	stackless bool
	wait      lifecycleWait

	suspends bool            // inner sleeps before its end
	ends     lifecycleEnd    // how, if nobody disturbs it
	cancel   lifecycleMoment // when somebody does
	answers  lifecycleEnd    // what inner makes of a cancellation; endsCanceled lets it through
	tidies   bool            // inner sleeps a little before that answer
	limit    lifecycleLimit  // of a wait that has one

	shutsDown bool // the host shuts the loop down once the waiter has ended; else it runs it until nothing is left
	drivesOn  bool // after a Goexit the host drives the loop on, on another goroutine; else it closes it
	debug     bool // the loop is in debug mode
}

// Instants, by the loop's clock. The limits and cancellations that hit a suspended
// inner come at lifeCancel.
const (
	lifeCancel  = 4 * time.Second
	lifeTidying = time.Second // takes inner from its cancellation to its answer
	lifeBody    = 10 * time.Second
	lifeSibling = 20 * time.Second
	lifeFar     = 50 * time.Second // a limit that is never reached
)

type lifecycleEnd uint8

const (
	endsValue lifecycleEnd = iota
	endsError
	endsPanic
	endsGoexit
	endsCanceled
)

var lifecycleEnds = [...]string{"value", "error", "panic", "goexit", "canceled"}

func (e lifecycleEnd) String() string { return lifecycleEnds[e] }

type lifecycleMoment uint8

const (
	cancelNever           lifecycleMoment = iota
	cancelStartByCaller                   // inner is canceled before its first step, by the one that made it
	cancelStartByHook                     // the same, by a hook of the task factory
	cancelStartByHost                     // the same, by the host that made it, before the loop runs
	cancelStartByWaiter                   // the waiter is canceled, which waits already, before inner's first step
	cancelItself                          // inner cancels itself in its first step
	cancelSuspended                       // inner is canceled while it is suspended
	cancelSuspendedWaiter                 // the waiter is canceled while inner is suspended
	cancelBeforeLimit                     // the same, at the instant of the limit, and first
	cancelAfterLimit                      // the same, second
	cancelDone                            // inner is canceled when it is done, before anybody was told
	cancelDoneWaiter                      // the waiter is canceled when inner is done and the waiter was not told
)

var lifecycleMoments = [...]string{
	"not canceled", "canceled before start by caller", "canceled before start by hook",
	"canceled before start by host", "waiter canceled before start", "canceled by itself",
	"canceled while suspended", "waiter canceled while suspended",
	"waiter canceled just before the limit", "waiter canceled just after the limit",
	"canceled when done", "waiter canceled when done",
}

type lifecycleWait uint8

const (
	waitAwaited lifecycleWait = iota
	waitGathered
	waitCollected
	waitShielded
	waitGrouped        // the group's body has ended when inner ends
	waitGroupedAwaited // the group's body awaits inner
	waitWaitFor
	waitTimeout   // Timeout around an await
	waitForShield // WaitFor of a shield
	lifecycleWaits
)

func (w lifecycleWait) String() string {
	return [...]string{
		"awaited", "gathered", "collected", "shielded", "grouped", "grouped and awaited",
		"WaitFor", "Timeout", "WaitFor of a shield",
	}[w]
}

type lifecycleLimit uint8

const (
	limitFar     lifecycleLimit = iota
	limitReached                // while inner is suspended, or is tidying up
	limitZero                   // the limit is 0
)

func (l lifecycleLimit) duration() time.Duration {
	return [...]time.Duration{lifeFar, lifeCancel, 0}[l]
}

func (c lifecycle) place() string {
	return fmt.Sprintf("%s/%s/%v", either(c.eager, "eager", "lazy"), either(c.stackless, "stackless", "stackful"), c.wait)
}

func (c lifecycle) name() string {
	words := []string{either(c.suspends, "suspends", "does not suspend"), lifecycleMoments[c.cancel]}
	if c.limited() {
		words = append(words, [...]string{"limit far", "limit reached", "limit 0"}[c.limit])
	}
	words = append(words, "ends in "+c.ends.String())
	if c.answers != endsCanceled || c.tidies {
		words = append(words, either(c.tidies, "tidies and ", "")+"answers "+c.answers.String())
	}
	if c.shutsDown {
		words = append(words, "shutdown")
	}
	if c.drivesOn {
		words = append(words, "driven on")
	}
	if c.debug {
		words = append(words, "debug")
	}
	return strings.Join(words, ", ")
}

func either[T any](which bool, yes, no T) T {
	if which {
		return yes
	}
	return no
}

func (c lifecycle) limited() bool {
	return c.wait == waitWaitFor || c.wait == waitTimeout || c.wait == waitForShield
}

func (c lifecycle) hasShield() bool { return c.wait == waitShielded || c.wait == waitForShield }
func (c lifecycle) inGroup() bool   { return c.wait == waitGrouped || c.wait == waitGroupedAwaited }

// lifecycles returns every case that can exist and is not the same as another.
func lifecycles() []lifecycle {
	all := []lifecycle{{}}
	all = crossed(all, 2, func(c *lifecycle, n int) { c.eager = n == 1 })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.stackless = n == 1 })
	all = crossed(all, int(lifecycleWaits), func(c *lifecycle, n int) { c.wait = lifecycleWait(n) })
	all = crossed(all, len(lifecycleMoments), func(c *lifecycle, n int) { c.cancel = lifecycleMoment(n) })
	all = crossed(all, 3, func(c *lifecycle, n int) { c.limit = lifecycleLimit(n) })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.suspends = n == 1 })
	all = slices.DeleteFunc(all, func(c lifecycle) bool { return !c.exists() })
	all = crossed(all, int(endsCanceled), func(c *lifecycle, n int) { c.ends = lifecycleEnd(n) })
	all = crossed(all, len(lifecycleEnds), func(c *lifecycle, n int) { c.answers = lifecycleEnd(n) })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.tidies = n == 1 })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.shutsDown = n == 1 })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.drivesOn = n == 1 })
	all = crossed(all, 2, func(c *lifecycle, n int) { c.debug = n == 1 })
	return slices.DeleteFunc(all, func(c lifecycle) bool { return !c.canonical() })
}

// crossed returns each of all with each of n settings.
func crossed(all []lifecycle, n int, set func(c *lifecycle, at int)) []lifecycle {
	var product []lifecycle
	for _, c := range all {
		for at := range n {
			set(&c, at)
			product = append(product, c)
		}
	}
	return product
}

// exists reports whether there is such a moment in such a life.
func (c lifecycle) exists() bool {
	together := c.cancel == cancelBeforeLimit || c.cancel == cancelAfterLimit
	switch c.cancel {
	case cancelStartByCaller, cancelStartByWaiter:
		if c.eager {
			return false // inner has taken its first step when the call that makes it returns
		}
	case cancelStartByHost:
		if c.inGroup() {
			return false // a group is made by a running body, so nothing is spawned into it before
		}
	case cancelSuspended, cancelSuspendedWaiter, cancelBeforeLimit, cancelAfterLimit:
		if !c.suspends {
			return false // inner is never suspended
		}
	case cancelDoneWaiter:
		if c.eager && !c.suspends {
			return false // when inner is done the waiter has not begun to wait, and never will
		}
	}
	switch c.limit {
	case limitFar:
		return !together
	case limitReached: // it is what disturbs inner, so there is no other cancellation unless at that instant
		return c.limited() && c.suspends && (c.cancel == cancelNever || together)
	default: // the same; and no instant is left to come together at
		return c.limited() && c.cancel == cancelNever
	}
}

// canonical reports whether c says nothing about what makes no difference to it.
func (c lifecycle) canonical() bool {
	m := c.truth()
	// How a body ends makes no difference if it never comes to that; but that a body
	// never runs is to be seen of every one.
	beforeStart := cancelStartByCaller <= c.cancel && c.cancel <= cancelStartByWaiter
	switch {
	case c.ends != endsValue && !m.ownEnd && !beforeStart:
		return false
	case (c.answers != endsCanceled || c.tidies) && len(m.heard) == 0:
		return false
	case c.shutsDown && !m.outlived:
		return false
	case (c.drivesOn || c.debug) && !m.goexit:
		return false
	}
	return true
}
