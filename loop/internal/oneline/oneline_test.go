package oneline

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for given, want := range map[string]string{
		"":                        "",
		"a usual name":            "a usual name",
		`"quoted" \ Ünïcode`:      `"quoted" \ Ünïcode`,
		"a\n\tb":                  `a\n\tb`,
		"\xff":                    `\xff`,
		strings.Repeat("x", 256):  strings.Repeat("x", 256),
		strings.Repeat("x", 257):  strings.Repeat("x", 253) + "…",
		strings.Repeat("xü", 100): strings.Repeat("xü", 84) + "x…",
	} {
		if got := Of(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}
