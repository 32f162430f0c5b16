package host_test

import (
	"testing"

	"github.com/takt-go/takt/task/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
