package loop

import "github.com/takt-go/takt/timer"

// live holds the fields that are needed only until a task is done. Programs keep finished tasks, so
// a finished task should be small. When a task is done, the loop uses its live again for another
// task.
type live struct {
	body       body
	prev, next *Task     // the neighbors of the task in the registry
	on         Awaitable // what the task awaits; nil if it waits for time or a turn
	timer      timer.Key // of the sleep; zero if it is not armed
}

// maxLives is how many unused lives a loop keeps.
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
