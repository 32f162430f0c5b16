package task_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/task/internal/testkit"
)

// TestLifecycle runs one task, inner, through every possible life: each kind of body and of factory,
// each way to end and to be canceled, and each way in which another task, the waiter, can wait for
// it. The expected results are not recorded: lifecycle_model_test.go derives them from the rules.
func TestLifecycle(t *testing.T) {
	all := lifecycles()
	// The numbers show if a case drops out, or comes twice.
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
	ends     lifecycleEnd    // how inner ends if no cancellation disturbs it
	cancel   lifecycleMoment // when inner or the waiter is canceled
	answers  lifecycleEnd    // how inner ends after a cancellation; endsCanceled lets it through
	tidies   bool            // inner sleeps a little before that end
	limit    lifecycleLimit  // the time limit, for waits that have one

	shutsDown bool // the host calls Shutdown when the waiter has ended; otherwise it runs the loop to its end
	drivesOn  bool // after a Goexit the host runs the loop again, on another goroutine; otherwise it closes the loop
	debug     bool // the loop is in debug mode
}

// Instants and durations, by the loop's clock.
const (
	lifeCancel  = 4 * time.Second  // when limits expire and cancellations come, if inner is suspended
	lifeTidying = time.Second      // the time from a cancellation of inner to its end, if it tidies
	lifeBody    = 10 * time.Second // when inner ends
	lifeSibling = 20 * time.Second // when the sibling ends
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
	cancelStartByCaller                   // inner is canceled before its first step, by the code that made it
	cancelStartByHook                     // the same, by a hook of the task factory
	cancelStartByHost                     // the same, by the host that made it, before the loop runs
	cancelStartByWaiter                   // the waiter is canceled while it waits, before inner's first step
	cancelItself                          // inner cancels itself in its first step
	cancelSuspended                       // inner is canceled while it is suspended
	cancelSuspendedWaiter                 // the waiter is canceled while inner is suspended
	cancelBeforeLimit                     // the same, at the instant of the limit, just before it expires
	cancelAfterLimit                      // the same, just after the limit has expired
	cancelDone                            // inner is canceled when it is done, before its waiters run
	cancelDoneWaiter                      // the waiter is canceled when inner is done, before the waiter runs
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
	limitReached                // the limit expires while inner is suspended
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

// lifecycles returns every case that can exist and that differs from all others.
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

// crossed returns every case of all with each of n settings.
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

// exists reports whether the life of c has the moments of c.cancel and c.limit.
func (c lifecycle) exists() bool {
	together := c.cancel == cancelBeforeLimit || c.cancel == cancelAfterLimit
	switch c.cancel {
	case cancelStartByCaller, cancelStartByWaiter:
		if c.eager {
			return false // inner has taken its first step when the call that makes it returns
		}
	case cancelStartByHost:
		if c.inGroup() {
			return false // a running body makes the group, so no task is made in it before the loop runs
		}
	case cancelSuspended, cancelSuspendedWaiter, cancelBeforeLimit, cancelAfterLimit:
		if !c.suspends {
			return false // inner is never suspended
		}
	case cancelDoneWaiter:
		if c.eager && !c.suspends {
			return false // inner is done before the waiter would wait, so the waiter never waits
		}
	}
	switch c.limit {
	case limitFar:
		return !together
	case limitReached: // the limit cancels inner, so another cancellation must come at the same instant, or not at all
		return c.limited() && c.suspends && (c.cancel == cancelNever || together)
	default: // the same, but here no other cancellation can come at the same instant
		return c.limited() && c.cancel == cancelNever
	}
}

// canonical reports whether every setting of c that has no effect has its zero value.
func (c lifecycle) canonical() bool {
	m := c.truth()
	// c.ends has no effect if the body does not reach its own end. But a body that must never run
	// is tested with every end.
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
