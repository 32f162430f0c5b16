package loop

import (
	"slices"
	"testing"
)

func TestTextFrames(t *testing.T) {
	want := []textFrame{"main.f(0x1)\n\t/src/f.go:1 +0x2\n", "main.main()\n\t/src/main.go:3 +0x4\n"}
	if got := textFrames(join(want)); !slices.Equal(got, want) {
		t.Errorf("the frames are %q, want %q", got, want)
	}
}
