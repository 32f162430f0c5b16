package kv

import (
	"encoding/binary"
	"maps"
	"slices"
)

// A store is the state that all nodes agree on: the keys with their values, and the sessions.
type store struct {
	data     map[string]string
	sessions map[uint64]uint64
}

// A session is the number of the last request of a client that was applied. A client has one request at a time, and
// sends it again until it knows the outcome. So a request with this number, or a lower one, has come before. Sessions are
// part of the state that all nodes agree on, and of each checkpoint. They are kept for ever: 16 bytes for each client.

func newStore() *store {
	return &store{data: map[string]string{}, sessions: map[uint64]uint64{}}
}

// apply carries a command out. It reports whether the command is the last one of its client, carried out now or
// before. If again is true, a command that was carried out before is carried out again: a bug.
func (s *store) apply(c *command, again bool) bool {
	last := s.sessions[c.client]
	if c.seq < last && !again {
		return false
	}
	if c.seq > last || again {
		s.sessions[c.client] = max(last, c.seq)
		switch c.op {
		case opPut:
			s.data[c.key] = c.value
		case opAppend:
			s.data[c.key] += c.value
		}
	}
	return true
}

// equal reports whether both stores have the same state.
func (s *store) equal(o *store) bool {
	return maps.Equal(s.data, o.data) && maps.Equal(s.sessions, o.sessions)
}

// appendTo appends the state to b, always in the same order.
func (s *store) appendTo(b []byte) []byte {
	text := func(t string) {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	b = binary.AppendUvarint(b, uint64(len(s.data)))
	for _, key := range slices.Sorted(maps.Keys(s.data)) {
		text(key)
		text(s.data[key])
	}
	b = binary.AppendUvarint(b, uint64(len(s.sessions)))
	for _, client := range slices.Sorted(maps.Keys(s.sessions)) {
		b = addU64(b, client)
		b = addU64(b, s.sessions[client])
	}
	return b
}

// parseStore reads what appendTo has written.
func parseStore(b []byte) (*store, error) {
	s, ok := newStore(), true
	number := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			ok = false
			return 0
		}
		b = b[size:]
		return n
	}
	take := func(n uint64) []byte {
		if uint64(len(b)) < n {
			ok = false
			return nil
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	for n := number(); n > 0 && ok; n-- {
		key := string(take(number()))
		s.data[key] = string(take(number()))
	}
	for n := number(); n > 0 && ok; n-- {
		if pair := take(16); ok {
			s.sessions[u64(pair)] = u64(pair[8:])
		}
	}
	if !ok || len(b) > 0 {
		return nil, errShort("a state")
	}
	return s, nil
}
