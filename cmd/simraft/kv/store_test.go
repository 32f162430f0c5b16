package kv

import (
	"fmt"
	"testing"
)

// A request is applied once, and not after a later one of its client.
func TestSessions(t *testing.T) {
	s := newStore()
	for i, c := range []struct {
		client, seq uint64
		last        bool
		want        string
	}{
		{1, 1, true, "a"},
		{1, 1, true, "a"},
		{2, 5, true, "ac"},
		{1, 3, true, "acd"},
		{1, 2, false, "acd"},
		{2, 5, true, "acd"},
	} {
		last := s.apply(&command{op: opAppend, client: c.client, seq: c.seq, key: "k", value: string(rune('a' + i))}, false)
		if last != c.last || s.data["k"] != c.want {
			t.Errorf("request %d of client %d: last %t, value %q; want %t, %q", c.seq, c.client, last, s.data["k"], c.last, c.want)
		}
	}
}

// A state, a command and an answer are read as they were written, and what is cut short is an error.
func TestEncodings(t *testing.T) {
	s := newStore()
	for i := range 50 {
		s.apply(&command{op: opPut, client: uint64(i % 7), seq: uint64(i + 1), key: fmt.Sprint("key", i%20), value: fmt.Sprint(i)}, false)
	}
	b := s.appendTo(nil)
	if got, err := parseStore(b); err != nil || !got.equal(s) {
		t.Errorf("the state is %v, %v; want %v", got, err, s)
	}
	for n := range b {
		if _, err := parseStore(b[:n]); err == nil {
			t.Errorf("%d of %d bytes of a state are no error", n, len(b))
		}
	}
	c := command{op: opAppend, client: 1 << 63, seq: 9, key: "key", value: "value"}
	b = c.appendTo(nil)
	if got, err := parseCommand(b); err != nil || got != c {
		t.Errorf("the command is %v, %v; want %v", got, err, c)
	}
	for n := range commandHeader + len(c.key) {
		if _, err := parseCommand(b[:n]); err == nil {
			t.Errorf("%d bytes of a command are no error", n)
		}
	}
	a := answer{seq: 7, verdict: unknown, leader: 3, value: "value"}
	if got, err := parseAnswer(a.appendTo(nil)); err != nil || got != a {
		t.Errorf("the answer is %v, %v; want %v", got, err, a)
	}
	if _, err := parseAnswer(make([]byte, 9)); err == nil {
		t.Error("nine bytes of an answer are no error")
	}
}

func TestBugNames(t *testing.T) {
	for _, b := range Bugs() {
		if got, err := ParseBug(b.String()); err != nil || got != b {
			t.Errorf("ParseBug(%q) is %v, %v", b, got, err)
		}
	}
	if b, err := ParseBug(""); err != nil || b != 0 {
		t.Errorf("no bug is %v, %v", b, err)
	}
	if _, err := ParseBug("none"); err == nil {
		t.Error("a bug that is none is no error")
	}
}
