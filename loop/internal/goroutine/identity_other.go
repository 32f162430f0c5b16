//go:build !gc || !(386 || amd64 || arm || arm64 || wasm)

package goroutine

// Identity returns a number that no other goroutine has. On these platforms it costs microseconds.
func Identity() uintptr {
	n, _ := Number()
	return uintptr(n)
}

// Cheap says that Identity costs about a nanosecond, and not microseconds.
const Cheap = false
