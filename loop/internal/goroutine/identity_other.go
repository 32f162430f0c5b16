//go:build !gc || !(386 || amd64 || arm || arm64 || wasm)

package goroutine

// Identity returns a number that no other goroutine has. It costs microseconds here.
func Identity() uintptr {
	n, _ := Number()
	return uintptr(n)
}
