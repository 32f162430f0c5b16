// Package oneline makes the names and descriptions of a program fit for reports.
package oneline

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// most is the largest number of bytes of a name that a report shows.
const most = 256

// Of returns s as a report shows it: cut, and with escapes, as in a Go string, for the characters that are not
// printable, and for bytes that are not UTF-8. So s cannot break its line.
func Of(s string) string {
	s = Cut(s)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// Cut shortens s to 256 bytes.
func Cut(s string) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}
