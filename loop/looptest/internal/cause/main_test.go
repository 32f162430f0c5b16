package cause_test

import (
	"testing"

	"github.com/takt-go/takt/loop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
