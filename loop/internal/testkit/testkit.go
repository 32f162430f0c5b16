// Package testkit is for the tests of package loop and of the packages below it. Only tests
// import it. It imports nothing of takt, so that tests inside package loop can use it.
package testkit

import (
	"log"
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, and fails if goroutines are left at the end. TestMain calls it. On
// js the runtime has a goroutine of its own, which waits for events of JavaScript. Main ignores it.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// LogTo makes h the handler of slog's default logger until the end of the test.
// slog.SetDefault makes package log write to that handler, too. A second SetDefault does not undo this,
// so LogTo restores package log itself.
func LogTo(t testing.TB, h slog.Handler) {
	logger, out, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(out)
		log.SetFlags(flags)
	})
	slog.SetDefault(slog.New(h))
}
