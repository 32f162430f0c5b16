package host

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
)

// A Reader reads lines and other parts of a stream, as asyncio's StreamReader does. It has a buffer.
//
// A method that is canceled takes nothing: the bytes stay in the buffer, and the next call returns them. So a
// task can read each line under a time limit, and go on after the limit has expired:
//
//	line, err := task.Within(ctx, time.Minute, r.ReadLine)
//
// The same holds for a deadline of the connection, and for every other error, with two exceptions: the end of
// the stream, after which no method can complete the part (see [Reader.ReadUntil]), and Discard. The
// ReadString method of a bufio.Reader is different: it hands out the half of a line that it has when its Read
// fails, and most callers drop that.
//
// The methods with a context wait under it. It must belong to the running task. The methods without one,
// [Reader.Read] and [Reader.ReadByte], are for code that takes an io.Reader: a Reader can be handed on with
// what is in its buffer. They wait as Read of the source does.
//
// A Reader has no lock. If a task uses it while another task waits in one of its methods, that panics: let
// one task do all the reading.
type Reader struct {
	source io.Reader
	limit  int
	buf    []byte // buf[start:end] has the bytes that were read and not taken
	start  int
	end    int
	err    error // of the source, which has come together with bytes; nil otherwise
	busy   bool
}

// A ReaderOption sets up a [Reader].
type ReaderOption func(*Reader)

// DefaultReadLimit is the limit of a Reader, in bytes, unless [WithReadLimit] sets another one. asyncio has the same.
const DefaultReadLimit = 64 << 10

// WithReadLimit sets how many bytes a line may have, with its end, and a part that ReadUntil returns, and how
// many bytes Peek may ask for. The limit bounds the memory of the buffer. WithReadLimit panics unless n is
// positive.
func WithReadLimit(n int) ReaderOption {
	if n < 1 {
		panic(fmt.Sprintf("host: WithReadLimit(%d); the number of bytes must be positive", n))
	}
	return func(r *Reader) { r.limit = n }
}

// A LimitError says that a part of a stream is longer than the limit of the Reader. Nothing was taken from
// the stream: Read and Discard still get all bytes. It wraps [bufio.ErrTooLong].
type LimitError struct {
	What  string // what was read
	Limit int    // the limit in bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("host: %s is longer than the limit of %d bytes; nothing was taken: close the connection, take the bytes by Read or Discard, or make the Reader by NewReader with a larger WithReadLimit", e.What, e.Limit)
}

// Unwrap returns [bufio.ErrTooLong].
func (e *LimitError) Unwrap() error { return bufio.ErrTooLong }

// A contextReader can wait under a context: Conn and Reader can.
type contextReader interface {
	ReadContext(ctx context.Context, p []byte) (int, error)
}

// NewReader makes a Reader that reads from source, usually a [Conn], or a tls.Conn over one. If source has a
// method ReadContext, as a Conn has, the methods of the Reader wait under their context. Otherwise they call
// Read of the source, which waits as it does: a standard context that ends does not end that Read, but the
// cancellation of the task does. The buffer begins small, and grows with the parts that are read, up to the
// limit. NewReader panics if source is nil.
func NewReader(source io.Reader, opts ...ReaderOption) *Reader {
	if source == nil {
		panic("host: NewReader(nil); give it the connection to read from")
	}
	r := &Reader{source: source, limit: DefaultReadLimit}
	for _, opt := range opts {
		if opt == nil {
			panic("host: NewReader with a nil ReaderOption; leave it out")
		}
		opt(r)
	}
	return r
}

// Buffered returns how many bytes are in the buffer.
func (r *Reader) Buffered() int { return r.end - r.start }

// ReadLine reads a line, and returns it without its end, which is "\n" or "\r\n". It suspends the running
// task until the line has come; if the line is in the buffer, it does not suspend. Errors are as with
// [Reader.ReadUntil]: if the stream ends without the end of a line, the rest comes with
// [io.ErrUnexpectedEOF]. A program that takes such a rest for a line accepts that error. asyncio: readline.
func (r *Reader) ReadLine(ctx context.Context) (string, error) {
	r.use()
	defer r.over()
	part, err := r.until(ctx, newline, "a line")
	if line, ok := bytes.CutSuffix(part, newline); ok {
		part, _ = bytes.CutSuffix(line, []byte{'\r'})
	}
	return string(part), err
}

var newline = []byte{'\n'}

// ReadUntil reads until the separator, and returns the bytes with it. It suspends the running task until they
// have come; if they are in the buffer, it does not suspend. It panics if sep is empty.
//
// If the stream ends before the separator, ReadUntil takes and returns the rest, with [io.ErrUnexpectedEOF].
// After that, and if there is no rest, the error is [io.EOF]. If the separator does not end within the limit,
// the error is a [*LimitError]. In the case of this and of all other errors, such as a cancellation,
// ReadUntil takes nothing. asyncio: readuntil.
func (r *Reader) ReadUntil(ctx context.Context, sep []byte) ([]byte, error) {
	if len(sep) == 0 {
		panic("host: ReadUntil with an empty separator; give it at least one byte")
	}
	r.use()
	defer r.over()
	part, err := r.until(ctx, sep, fmt.Sprintf("what is before %q", sep))
	return bytes.Clone(part), err
}

// until is ReadUntil. The result is valid until the next change of the buffer.
func (r *Reader) until(ctx context.Context, sep []byte, what string) (part []byte, err error) {
	for seen := 0; ; {
		have := r.buf[r.start:r.end]
		from := max(0, seen-len(sep)+1)
		within := have[:min(len(have), r.limit)]
		if at := bytes.Index(within[min(from, len(within)):], sep); at >= 0 {
			return r.take(from + at + len(sep)), nil
		}
		if len(have) >= r.limit {
			return nil, &LimitError{what, r.limit}
		}
		seen = len(have)
		if err := r.fill(ctx); err == io.EOF && r.Buffered() > 0 {
			return r.take(r.Buffered()), io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
}

// ReadFull reads exactly len(p) bytes. It suspends the running task until they have come; if they are in the
// buffer, it does not suspend. If the stream ends before, it returns what there is with
// [io.ErrUnexpectedEOF], or 0 with [io.EOF] if there is nothing. In the case of all other errors, such as a
// cancellation, it takes nothing and returns 0: the Reader keeps the bytes that have come, however many. p
// may be longer than the limit. asyncio: readexactly.
func (r *Reader) ReadFull(ctx context.Context, p []byte) (n int, err error) {
	r.use()
	defer r.over()
	done := false
	defer func() {
		if !done { // an error, a panic or a Goexit: take nothing
			r.putBack(p[:n])
			n = 0
		}
	}()
	for n < len(p) {
		m, err := r.read(ctx, p[n:])
		n += m
		if err == io.EOF && n > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			done = err == io.EOF || err == io.ErrUnexpectedEOF
			return n, err
		}
	}
	done = true
	return n, nil
}

// Peek returns the next n bytes, and takes nothing. It suspends the running task until they have come. If
// fewer are returned, the error says why. The bytes are those of the buffer: they are valid until the next
// call of a method that reads. If n is greater than the limit, the error is a [*LimitError]. Peek panics if n
// is negative.
func (r *Reader) Peek(ctx context.Context, n int) ([]byte, error) {
	mustCount("Peek", n)
	r.use()
	defer r.over()
	if n > r.limit {
		return nil, &LimitError{"what Peek asks for", r.limit}
	}
	for r.Buffered() < n {
		if err := r.fill(ctx); err != nil {
			return r.buf[r.start:r.end], err
		}
	}
	return r.buf[r.start : r.start+n], nil
}

// Discard skips the next n bytes. It suspends the running task until they have come. If it returns an error,
// it has skipped fewer, and returns how many: these bytes are gone. Discard panics if n is negative.
func (r *Reader) Discard(ctx context.Context, n int) (discarded int, err error) {
	mustCount("Discard", n)
	r.use()
	defer r.over()
	for {
		discarded += len(r.take(min(n-discarded, r.Buffered())))
		if discarded == n {
			return n, nil
		}
		if err := r.fill(ctx); err != nil {
			return discarded, err
		}
	}
}

func mustCount(method string, n int) {
	if n < 0 {
		panic(fmt.Sprintf("host: %s(%d); the number of bytes must not be negative", method, n))
	}
}

// ReadContext is [Reader.Read] that waits under ctx.
func (r *Reader) ReadContext(ctx context.Context, p []byte) (int, error) {
	r.use()
	defer r.over()
	return r.read(ctx, p)
}

// Read reads up to len(p) bytes. If the buffer is empty, it reads once from the source, in the way of its
// Read.
func (r *Reader) Read(p []byte) (int, error) {
	r.use()
	defer r.over()
	return r.read(none, p)
}

// ReadByte reads one byte, in the way of Read. With it, decoders such as those of encoding/gob read no
// further than they must.
func (r *Reader) ReadByte() (byte, error) {
	r.use()
	defer r.over()
	if r.Buffered() == 0 {
		if err := r.fill(none); err != nil {
			return 0, err
		}
	}
	return r.take(1)[0], nil
}

// none stands for no context: the source waits as its Read does.
var none context.Context

// read is ReadContext. If ctx is none, it is Read.
func (r *Reader) read(ctx context.Context, p []byte) (n int, err error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case r.Buffered() > 0:
	case len(p) >= max(len(r.buf), minBuffer):
		return r.readSource(ctx, p)
	default:
		if err := r.fill(ctx); err != nil {
			return 0, err
		}
	}
	return copy(p, r.take(min(len(p), r.Buffered()))), nil
}

// use marks the Reader as used, and over takes the mark off.
func (r *Reader) use() {
	if r == nil || r.source == nil {
		panic("host: a Reader that is nil or the zero Reader is used; NewReader makes readers")
	}
	if r.busy {
		panic("host: a Reader is used by two tasks at once; let one task do all the reading, and hand what it reads to the others by a queue")
	}
	r.busy = true
}

func (r *Reader) over() { r.busy = false }

// take takes n bytes from the buffer.
func (r *Reader) take(n int) []byte {
	part := r.buf[r.start : r.start+n]
	if r.start += n; r.start == r.end {
		r.start, r.end = 0, 0
	}
	return part
}

// putBack puts the bytes p, which were taken, before those in the buffer.
func (r *Reader) putBack(p []byte) {
	if len(p) > 0 {
		r.buf = slices.Concat(p, r.buf[r.start:r.end])
		r.start, r.end = 0, len(r.buf)
	}
}

// minBuffer is the length with which the buffer begins.
const minBuffer = 512

// fill reads at least one byte into the buffer, or returns an error.
func (r *Reader) fill(ctx context.Context) error {
	if r.end == len(r.buf) {
		buf := r.buf
		if r.Buffered() > len(buf)/2 || len(buf) == 0 {
			buf = make([]byte, max(minBuffer, 2*len(buf)))
		}
		r.end = copy(buf, r.buf[r.start:r.end])
		r.start, r.buf = 0, buf
	}
	n, err := r.readSource(ctx, r.buf[r.end:])
	r.end += n
	return err
}

// readSource reads at least one byte from the source, or returns an error. An error that comes together with
// bytes is kept for the next call.
func (r *Reader) readSource(ctx context.Context, p []byte) (n int, err error) {
	if err, r.err = r.err, nil; err != nil {
		return 0, err
	}
	for range maxEmptyReads {
		if c, ok := r.source.(contextReader); ok && ctx != none {
			n, err = c.ReadContext(ctx, p)
		} else {
			n, err = r.source.Read(p)
		}
		if n > 0 {
			r.err = err
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// maxEmptyReads is how many times in a row the source may read nothing and return no error. package bufio has
// the same.
const maxEmptyReads = 100
