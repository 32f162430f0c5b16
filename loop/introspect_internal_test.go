package loop

import "testing"

// A range over the tasks leaves no cursor behind in the loop, also if it ends early.
func TestRangeOverTasksLeavesNothingBehind(t *testing.T) {
	l := New()
	defer l.Close()
	for range 2 {
		l.register(new(Task), nil)
	}
	for range 3 {
		for range l.Tasks() {
			if len(l.cursors) != 1 {
				t.Errorf("the loop has %d cursors inside a range, want 1", len(l.cursors))
			}
			break
		}
	}
	if len(l.cursors) != 0 {
		t.Errorf("%d cursors are left", len(l.cursors))
	}
	l.first, l.last, l.tasks = nil, nil, 0
}
