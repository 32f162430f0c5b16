package kv

import (
	"fmt"
	"slices"
)

// A Bug is a fault that a node can be built with, to see whether tests find it. The zero Bug is none.
type Bug int

const (
	SendEarly  Bug = iota + 1 // messages are sent before the entries that they promise are synced
	StaleRead                 // a leader answers a Get from its own state, without asking the others
	VoteUnsync                // the vote is written, and not synced
	ApplyTwice                // after a restart, entries are applied that the checkpoint already contains
	Duplicate                 // a request that comes again is carried out again
	RefuseLate                // a leader that steps down refuses requests that are in its log already
)

var bugs = []string{"", "send-early", "stale-read", "vote-unsync", "apply-twice", "duplicate", "refuse-late"}

func (b Bug) String() string { return bugs[b] }

// ParseBug returns the Bug of a name.
func ParseBug(name string) (Bug, error) {
	if i := slices.Index(bugs, name); i >= 0 {
		return Bug(i), nil
	}
	return 0, fmt.Errorf("kv: there is no bug %q; there are %q", name, bugs[1:])
}

// Bugs returns all bugs.
func Bugs() (all []Bug) {
	for i := range bugs[1:] {
		all = append(all, Bug(i+1))
	}
	return all
}
