//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package host

import "net"

// hasInput reports whether the operating system has input of conn that no code has read. Here it cannot tell.
func hasInput(net.Conn) bool { return false }
