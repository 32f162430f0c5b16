//go:build unix || js || wasip1

package host

import "syscall"

// directoryOnly is a flag that makes the opening of a file fail if it is no directory. Without it, the opening of a named pipe
// would wait for a process that writes.
const directoryOnly = syscall.O_DIRECTORY
