//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package host

import (
	"net"
	"syscall"
)

// hasInput reports whether the operating system has input of conn that no code has read.
func hasInput(conn net.Conn) (has bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		for err == syscall.EINTR {
			n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		}
		has = err == nil && n > 0
	})
	return has
}
