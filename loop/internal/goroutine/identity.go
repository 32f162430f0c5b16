//go:build gc && (386 || amd64 || arm || arm64 || wasm)

package goroutine

// Identity returns a number that no other living goroutine has. One that has ended may
// have had it. It costs about a nanosecond.
//
// The number is the address of what the runtime knows of the goroutine. The address of a
// local variable would do without assembly, as two goroutines never share 2 KB of stack.
// But a stack that grows moves, and the runtime hands what it leaves to the next new
// goroutine: the most usual mistake, a body that starts a goroutine, would be overlooked.
func Identity() uintptr
