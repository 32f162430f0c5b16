//go:build !wasm

package loop

// oneThread: see thread_wasm.go. Here other goroutines have threads of their own.
const oneThread = false

type thread struct{}

func (*thread) letOthersRun(*Loop) {}
func (*thread) othersRan()         {}
