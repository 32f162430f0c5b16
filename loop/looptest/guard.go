package looptest

import (
	"fmt"
	"strings"

	"github.com/takt-go/takt/loop"
	"github.com/takt-go/takt/loop/lowlevel"
)

// A strategy may be implemented outside of this package. If one of its methods panics, calls Goexit or picks
// an option that does not exist, the exploration ends, and the test fails with a text that says so.

// ask calls fn, which calls a method of the search. If that panics or calls Goexit, the exploration ends.
func (x *explorer) ask(method string, fn func()) {
	returned := false
	defer func() {
		if !returned {
			x.parted = x.failedIn(method, lowlevel.Recovered(recover(), nil))
			x.changed.Broadcast()
		}
	}()
	fn()
	returned = true
}

// failedIn describes the failure of a method of the strategy.
func (x *explorer) failedIn(method string, err error) string {
	p, ok := err.(*loop.PanicError)
	if !ok {
		return fmt.Sprintf("looptest: the strategy %v called runtime.Goexit in %s; only the body may call FailNow", x.strategy, method)
	}
	return strings.Join(append([]string{fmt.Sprintf("looptest: the strategy %v panicked in %s: %v", x.strategy, method, p.Value)}, stackOf(p)...), "\n")
}

// ask asks the walk. If the walk panics or calls Goexit, the rest of the run is first in, first out.
func (r *recorder) ask() (option int) {
	asked := false
	defer func() {
		if !asked {
			r.fair, r.point.some, r.broken = true, nil, lowlevel.Recovered(recover(), nil)
		}
	}()
	option = pickOf(r.by, &r.point)
	asked = true
	return option
}

// pickOf returns the option that w picks. It panics if there is no such option.
func pickOf(w Walk, p *ChoicePoint) int {
	option := w.Pick(p)
	if option < 0 || option >= p.Len() {
		panic(fmt.Sprintf("looptest: a %T picked option %d of %d; pick one from 0 to %d", w, option, p.Len(), p.Len()-1))
	}
	return option
}
