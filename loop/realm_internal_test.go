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

// The loop keeps nothing of paused realms that have ended.
func TestEndOfPausedRealms(t *testing.T) {
	l := New(WithVirtualTime())
	defer l.Close()
	r := newRealm(l.Context())
	inner := newRealm(r.Context())
	callLater(inner.Context(), time.Second, func() { t.Error("the callback of an ended realm runs") })
	r.Pause()
	inner.Pause()
	callLater(inner.Context(), time.Second, func() { t.Error("the callback of an ended realm runs") })
	r.End()
	if err := l.Run(); err != nil {
		t.Error(err)
	}
	if p := l.pauses; p.realms != 0 || len(p.held) != 0 || len(p.timers) != 0 || len(l.moved) != 0 || l.guided || l.attended {
		t.Errorf("left: %+v, %d moved, guided %v, attended %v", p, len(l.moved), l.guided, l.attended)
	}
}
