package loop

import (
	"bytes"
	"runtime"
	"strconv"
)

// goid returns the number of the goroutine that calls it. It costs about a
// microsecond; debug mode only.
func goid() uint64 {
	var buf [64]byte
	line := buf[:runtime.Stack(buf[:], false)]
	line = bytes.TrimPrefix(line, []byte("goroutine "))
	number, _, _ := bytes.Cut(line, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}
