package loop

import "github.com/takt-go/takt/timer"

// live is what a task has until it is done, and the next task after it: people keep
// tasks, and what they keep is to be small.
type live struct {
	body       body
	prev, next *Task     // in the registry
	on         Awaitable // what it awaits, if that is an Awaitable
	timer      timer.Key // of the sleep; zero when it is not armed
}

// maxLives is how many a loop keeps for tasks to come.
const maxLives = 4096

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

// unregister takes t out.
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
	if len(l.lives) < maxLives {
		*v = live{}
		l.lives = append(l.lives, v)
	}
}

func (l *Loop) takeLive() *live {
	n := len(l.lives)
	if n == 0 {
		return new(live)
	}
	v := l.lives[n-1]
	l.lives = l.lives[:n-1]
	return v
}
