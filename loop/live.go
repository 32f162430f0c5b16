package loop

import "github.com/takt-go/takt/timer"

// live holds the fields that are needed only until a task is done. Programs keep finished tasks, so
// a finished task should be small. When a task is done, the loop uses its live again for another
// task.
type live struct {
	body       body       // of the program; once a stackful body has begun, an *occupied
	prev, next *Task      // the neighbors of the task in the registry
	on         Awaitable  // what the task awaits; nil if it waits for time or a turn
	timer      *timer.Key // of the sleep; nil if it is not armed
}

// maxLives is how many unused lives a loop keeps, and how many unused keys.
const maxLives = 4096

// livesAtOnce is how many lives are allocated together. So many fill a size class of Go's allocator, and one does not.
const livesAtOnce = 8

// register puts t, with body, at the end of the registry.
func (l *Loop) register(t *Task, body body) {
	v := l.takeLive()
	v.body, v.prev = body, l.last
	if l.last == nil {
		l.first = t
	} else {
		l.last.live.next = t
	}
	l.last, t.live = t, v
	l.tasks++
}

// unregister removes t from the registry, and keeps its live for a later task.
func (l *Loop) unregister(t *Task) {
	v := t.live
	for _, c := range l.cursors {
		if c.at == t {
			c.at = v.prev
		}
	}
	if v.prev == nil {
		l.first = v.next
	} else {
		v.prev.live.next = v.next
	}
	if v.next == nil {
		l.last = v.prev
	} else {
		v.next.live.prev = v.prev
	}
	t.live = nil
	l.tasks--
	*v = live{} // also if it is not kept: the lives that were allocated with it may be, and keep it in memory
	if len(l.lives) < maxLives {
		l.lives = append(l.lives, v)
	}
}

func (l *Loop) takeLive() *live {
	if len(l.lives) == 0 {
		l.makeLives()
	}
	n := len(l.lives) - 1
	v := l.lives[n]
	l.lives = l.lives[:n]
	return v
}

func (l *Loop) makeLives() {
	all := new([livesAtOnce]live)
	for i := range all {
		l.lives = append(l.lives, &all[i])
	}
}

// keepAlarm notes the key of the timer of a sleep.
func (t *Task) keepAlarm(key timer.Key) {
	if t.live.timer == nil {
		t.live.timer = t.env.loop.takeKey()
	}
	*t.live.timer = key
}

func (l *Loop) takeKey() *timer.Key {
	n := len(l.keys)
	if n == 0 {
		return new(timer.Key)
	}
	k := l.keys[n-1]
	l.keys = l.keys[:n-1]
	return k
}

// dropAlarm returns what alarm returns, and forgets the key.
func (t *Task) dropAlarm() timer.Key {
	key, k := t.alarm(), t.live.timer
	if l := t.env.loop; k != nil && len(l.keys) < maxLives {
		l.keys = append(l.keys, k)
	}
	t.live.timer = nil
	return key
}

// alarm returns the key of the timer of a sleep, or the zero Key if no timer is armed.
func (t *Task) alarm() timer.Key {
	if t.live.timer == nil {
		return timer.Key{}
	}
	return *t.live.timer
}
