//go:build !linux

package sim

const directoryOnly = 0
