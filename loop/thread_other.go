//go:build !wasm

package loop

// oneThread is false here, because other goroutines have threads of their own: see thread_wasm.go.
const oneThread = false

type thread struct{}

func (*thread) letOthersRun(*Loop) {}
func (*thread) othersRan()         {}
