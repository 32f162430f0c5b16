//go:build !(unix || js || wasip1)

package host

// directoryOnly is a flag that makes the opening of a file fail if it is no directory. Here there is none.
const directoryOnly = 0
