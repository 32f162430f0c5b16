package loop

import (
	"testing"

	"github.com/takt-go/takt/timer"
)

// The timer of a sleep may get another key while the task sleeps: then its realm has another clock. It keeps the
// memory of the key, which the loop gets back once.
func TestAlarmThatMoves(t *testing.T) {
	l := New()
	defer l.Close()
	one := Task{env: &l.rootEnv, live: new(live)}
	for at := range int64(3) {
		one.keepAlarm(timer.Key{Deadline: at, Seq: 1})
		if one.alarm().Deadline != at || len(l.keys) > 0 {
			t.Errorf("the alarm is %v and the loop has %d keys; want the instant %d and no key", one.alarm(), len(l.keys), at)
		}
	}
	kept := one.live.timer
	for range 2 {
		one.dropAlarm()
	}
	if len(l.keys) != 1 || l.keys[0] != kept || one.alarm() != (timer.Key{}) {
		t.Errorf("the loop has %d keys, and the task the alarm %v; want one key, and none", len(l.keys), one.alarm())
	}
	if l.takeKey() != kept || len(l.keys) > 0 {
		t.Error("the loop does not use the key again")
	}
}
