//go:build gc && (386 || amd64 || arm || arm64 || wasm)

package goroutine

// Identity returns a number that identifies the calling goroutine while it lives. After its end, another
// goroutine may get the same number. Identity costs about a nanosecond.
//
// The number is the address of the runtime's data about the goroutine. The address of a local
// variable would need no assembly, because two goroutines never share 2 KB of stack. But a stack
// moves when it grows, and the runtime gives the old memory to the next new goroutine. So the
// address would not show the most usual mistake: a body starts a goroutine, which uses the loop.
func Identity() uintptr

// Cheap says that Identity costs about a nanosecond, and not microseconds.
const Cheap = true
