package holes

import "testing"

func TestMax(t *testing.T) {
	if Max(1, 2) != 2 {
		t.Error("not 2")
	}
	Spin(1)
}
