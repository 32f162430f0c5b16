package loop

import (
	"testing"
	"time"
)

// The loop forgets the callbacks of a realm that have other keys than their Handles, however they end.
func TestMovedCallbacksAreForgotten(t *testing.T) {
	l := New(WithVirtualTime())
	defer l.Close()
	for name, end := range map[string]func(r *realm, h Handle){
		"run":      func(*realm, Handle) {},
		"canceled": func(_ *realm, h Handle) { h.Cancel() },
		"dropped":  func(r *realm, _ Handle) { r.End() },
	} {
		r := newRealm(l.Context())
		h := callLater(r.Context(), time.Second, func() {})
		r.SetClock(0, 2)
		if len(l.moved) != 1 {
			t.Errorf("%s: %d at first", name, len(l.moved))
		}
		end(r, h)
		if err := l.Run(); err != nil || len(l.moved) != 0 {
			t.Errorf("%s: %d in the end, %v", name, len(l.moved), err)
		}
	}
}
