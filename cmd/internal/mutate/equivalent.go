package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// equivalents has the keys of the mutants that are equivalent to the original. In the text, a
// mutant is a line as in the report, but without the line number, and the indented lines below
// it are the reason. Lines that begin with # are comments.
type equivalents []string

func parseEquivalent(text string) (list equivalents, err error) {
	reason := true
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t' || line[0] == ' ':
			reason = true
		case !reason:
			return nil, fmt.Errorf("equivalent.txt:%d: the mutant above has no reason", i+1)
		case slices.Contains(list, line):
			return nil, fmt.Errorf("equivalent.txt:%d: the mutant is listed twice", i+1)
		default:
			list, reason = append(list, line), false
		}
	}
	if !reason {
		return nil, errors.New("equivalent.txt: the last mutant has no reason")
	}
	return list, nil
}

// mark marks the mutants that are in the list. It returns an error if the list has mutants that
// the packages do not have, which happens when the code has changed.
func (list equivalents) mark(mutants []mutant, packages []string) error {
	known := map[string]bool{}
	for i := range mutants {
		m := &mutants[i]
		known[m.key()] = true
		m.equivalent = slices.Contains(list, m.key())
	}
	var err error
	for _, key := range list {
		file, _, _ := strings.Cut(key, ": ")
		pkg := file[:max(0, strings.LastIndex(file, "/"))]
		if slices.Contains(packages, pkg) && !known[key] {
			err = errors.Join(err, fmt.Errorf("equivalent.txt lists a mutant that does not exist; change or remove it: %s", key))
		}
	}
	return err
}
