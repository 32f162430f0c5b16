package sim

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Start is a method of host.Transport.
func (e *end) Start(readable, writable func()) { e.readable, e.writable = readable, writable }

// Receive is a method of host.Transport.
func (e *end) Receive(p []byte) (int, error) {
	f := e.in
	if n := min(len(p), f.arrived); n > 0 {
		if !e.machine.up() {
			return 0, errOff
		}
		f.bytes.take(p[:n])
		f.receive(n)
		return n, nil
	}
	switch {
	case len(p) == 0:
		return 0, nil
	case !e.machine.up():
		return 0, errOff
	case f.complete:
		return 0, io.EOF
	case e.failure != 0:
		if e.receiveErr == nil {
			e.receiveErr = os.NewSyscallError("read", e.failure)
			e.reported = true
		}
		return 0, e.receiveErr
	}
	f.starved = true
	return 0, nil
}

// errOff is the error of a connection of a program on a machine that is off.
var errOff = os.NewSyscallError("socket", syscall.ENETDOWN)

// Send is a method of host.Transport.
func (e *end) Send(p []byte) (int, error) {
	f := e.out
	switch {
	case !e.machine.up():
		return 0, errOff
	case e.failure != 0:
		errno := e.failure
		if e.reported || e.in.complete { // the operating system tells each failure once
			errno = syscall.EPIPE
		}
		e.reported = true
		return 0, os.NewSyscallError("write", errno)
	case f.ended:
		return 0, os.NewSyscallError("write", syscall.EPIPE)
	}
	n := f.bytes.put(p, window-f.blind)
	f.stuffed = n < len(p)
	if n > 0 {
		f.push(data, n)
	}
	return n, nil
}

// CloseWrite is a method of host.Transport.
func (e *end) CloseWrite() error {
	switch {
	case !e.machine.up():
		return nil
	case e.failure != 0:
		return os.NewSyscallError("shutdown", syscall.ENOTCONN)
	case e.gone || e.out.ended:
		return nil
	}
	e.out.ended = true
	e.out.push(fin, 0)
	return nil
}

// Close is a method of host.Transport. If there is input that was not read, it is discarded for a while, as on the real
// machine, so that the peer gets what was written.
func (e *end) Close() error {
	if e.machine.up() {
		e.shut(e.nic.net.now() + lingerLimit)
	}
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }
