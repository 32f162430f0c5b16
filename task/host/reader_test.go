package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/takt-go/takt/future"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// read is the result of a call that reads.
type read struct {
	text string
	err  error
}

func line(r *host.Reader, ctx context.Context) read {
	text, err := r.ReadLine(ctx)
	return read{text, err}
}

func TestReadLine(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for _, c := range []struct {
			sent string
			want []read
		}{
			{"a\nbc\r\n\n\r\nd\r", []read{{"a", nil}, {"bc", nil}, {"", nil}, {"", nil}, {"d\r", io.ErrUnexpectedEOF}, {"", io.EOF}, {"", io.EOF}}},
			{"", []read{{"", io.EOF}, {"", io.EOF}}},
			{"a\n", []read{{"a", nil}, {"", io.EOF}}},
			{"half", []read{{"half", io.ErrUnexpectedEOF}, {"", io.EOF}}},
			{strings.Repeat("x", 5000) + "\nend\n", []read{{strings.Repeat("x", 5000), nil}, {"end", nil}, {"", io.EOF}}},
		} {
			for _, source := range []io.Reader{
				strings.NewReader(c.sent),
				iotest.OneByteReader(strings.NewReader(c.sent)),
				iotest.DataErrReader(strings.NewReader(c.sent)),
				piped(ctx, c.sent),
			} {
				r := host.NewReader(source)
				for _, want := range c.want {
					testkit.Equal(t, fmt.Sprintf("line of %.20q from a %T", c.sent, source), line(r, ctx), want)
				}
			}
		}
	})
}

// piped returns the end of a pipe to which text was sent.
func piped(ctx context.Context, text string) *host.Conn {
	a, b := host.Pipe(ctx)
	if _, err := a.Write([]byte(text)); err != nil {
		panic(err)
	}
	if err := a.Close(); err != nil {
		panic(err)
	}
	return b
}

func TestReadUntil(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for _, one := range []bool{false, true} {
			var source io.Reader = strings.NewReader("a--b---cc-")
			if one {
				source = iotest.OneByteReader(source)
			}
			r := host.NewReader(source)
			for _, want := range []read{{"a--", nil}, {"b--", nil}, {"-cc-", io.ErrUnexpectedEOF}, {"", io.EOF}} {
				got, err := r.ReadUntil(ctx, []byte("--"))
				testkit.Equal(t, "part", read{string(got), err}, want)
			}
		}
		testkit.Panics(t, "host: ReadUntil with an empty separator", func() {
			_, _ = host.NewReader(strings.NewReader("")).ReadUntil(ctx, nil)
		})
	})
}

// What ReadUntil returns stays as it is when the buffer is used again.
func TestReadUntilReturnsACopy(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		r := host.NewReader(iotest.OneByteReader(strings.NewReader("one;two;")))
		first, _ := r.ReadUntil(ctx, []byte(";"))
		_, _ = r.ReadUntil(ctx, []byte(";"))
		testkit.Equal(t, "the first part", string(first), "one;")
	})
}

// A line that is too long is told, and stays.
func TestReaderLimit(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		for _, size := range []int{1, 2, 3, 511, 512, 513, 5000} {
			fits, long := strings.Repeat("x", size-1)+"\n", strings.Repeat("y", size)+"\nrest"
			r := host.NewReader(piped(ctx, fits+long), host.WithReadLimit(size))
			testkit.Equal(t, "the line that fits", line(r, ctx), read{fits[:size-1], nil})
			for range 2 {
				_, err := r.ReadLine(ctx)
				var e *host.LimitError
				if !errors.As(err, &e) || e.Limit != size || !errors.Is(err, bufio.ErrTooLong) || !strings.Contains(err.Error(), "WithReadLimit") {
					t.Errorf("with the limit %d, a longer line gives the error %v", size, err)
				}
			}
			_, err := r.Peek(ctx, size+1)
			testkit.ErrorIs(t, err, bufio.ErrTooLong)
			left, err := io.ReadAll(r)
			testkit.Equal(t, "what is left", read{string(left), err}, read{long, nil})
		}
	})
	testkit.Panics(t, "host: WithReadLimit(0)", func() { host.WithReadLimit(0) })
	testkit.Panics(t, "host: NewReader(nil)", func() { host.NewReader(nil) })
}

func TestReadFullPeekAndDiscard(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		text := "0123456789" + strings.Repeat("z", 3000) + "end"
		for _, source := range []io.Reader{piped(ctx, text), iotest.OneByteReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
			r := host.NewReader(source)
			got, err := r.Peek(ctx, 3)
			testkit.Equal(t, "Peek", read{string(got), err}, read{"012", nil})
			got, err = r.Peek(ctx, 0)
			testkit.Equal(t, "Peek of nothing", read{string(got), err}, read{"", nil})
			p := make([]byte, 7)
			n, err := r.ReadFull(ctx, p)
			testkit.Equal(t, "ReadFull", read{string(p[:n]), err}, read{"0123456", nil})
			b, err := r.ReadByte()
			testkit.Equal(t, "ReadByte", read{string(b), err}, read{"7", nil})
			p = make([]byte, 3002)
			n, err = r.ReadFull(ctx, p)
			testkit.Equal(t, "a long ReadFull", read{string(p[:n]), err}, read{text[8:3010], nil})
			n, err = r.Discard(ctx, 1)
			testkit.Equal(t, "Discard", fmt.Sprint(n, err), "1 <nil>")
			got, err = r.Peek(ctx, 3)
			testkit.Equal(t, "Peek at the end", read{string(got), err}, read{"nd", io.EOF})
			testkit.Equal(t, "Buffered", r.Buffered(), 2)
			n, err = r.ReadFull(ctx, p)
			testkit.Equal(t, "ReadFull at the end", read{string(p[:n]), err}, read{"nd", io.ErrUnexpectedEOF})
			n, err = r.ReadFull(ctx, p)
			testkit.Equal(t, "ReadFull after the end", fmt.Sprint(n, err), "0 EOF")
			n, err = r.ReadFull(ctx, nil)
			testkit.Equal(t, "ReadFull of nothing", fmt.Sprint(n, err), "0 <nil>")
			n, err = r.Discard(ctx, 1)
			testkit.Equal(t, "Discard after the end", fmt.Sprint(n, err), "0 EOF")
			_, err = r.ReadByte()
			testkit.Equal(t, "ReadByte after the end", err, io.EOF)
		}
		r := host.NewReader(strings.NewReader(""))
		testkit.Panics(t, "host: Peek(-1)", func() { _, _ = r.Peek(ctx, -1) })
		testkit.Panics(t, "host: Discard(-2)", func() { _, _ = r.Discard(ctx, -2) })
	})
}

// Each method is canceled when half of what it wants has come. Then it has taken nothing.
func TestReaderTakesNothingWhenCanceled(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, r *host.Reader) (string, error){
		"ReadLine": func(ctx context.Context, r *host.Reader) (string, error) { return r.ReadLine(ctx) },
		"ReadUntil": func(ctx context.Context, r *host.Reader) (string, error) {
			s, err := r.ReadUntil(ctx, newline)
			return strings.TrimSuffix(string(s), "\n"), err
		},
		"ReadFull": func(ctx context.Context, r *host.Reader) (string, error) { return full(ctx, r, 3000) },
		"Peek": func(ctx context.Context, r *host.Reader) (string, error) {
			s, err := r.Peek(ctx, 3000)
			if err != nil {
				return "", err
			}
			return string(s), nil
		},
	} {
		want := strings.Repeat("0123456789", 300)
		ways := map[string]func(ctx context.Context, c *host.Conn, r *host.Reader) error{
			"by a time limit": func(ctx context.Context, _ *host.Conn, r *host.Reader) error {
				_, err := task.Within(ctx, time.Second, func(ctx context.Context) (string, error) { return call(ctx, r) })
				testkit.ErrorIs(t, err, context.DeadlineExceeded)
				return err
			},
			"by a derived context": func(ctx context.Context, _ *host.Conn, r *host.Reader) error {
				derived, cancel := context.WithCancelCause(ctx)
				testkit.Spawn(ctx, "ender", func(ctx context.Context) error {
					defer cancel(testkit.ErrEnded)
					return task.Sleep(ctx, time.Second)
				})
				_, err := call(derived, r)
				testkit.ErrorIs(t, err, testkit.ErrEnded)
				return err
			},
			"by a deadline": func(ctx context.Context, c *host.Conn, r *host.Reader) error {
				testkit.NoError(t, c.SetReadDeadline(task.Current(ctx).Loop().Now().Add(time.Second)))
				_, err := call(ctx, r)
				testkit.NoError(t, c.SetReadDeadline(time.Time{}))
				return err
			},
			"by a request": func(ctx context.Context, _ *host.Conn, r *host.Reader) error {
				me := task.Current(ctx)
				me.Loop().CallLater(time.Second, func() { me.Cancel(testkit.ErrCause) })
				_, err := call(ctx, r)
				testkit.ErrorIs(t, err, future.ErrCanceled)
				me.Uncancel()
				return err
			},
		}
		for way, fails := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				testkit.Run(t, func(ctx context.Context) {
					a, b := host.Pipe(ctx)
					r := host.NewReader(b)
					for at := 0; at < len(want); at += 1000 {
						_, err := a.Write([]byte(want[at : at+1000]))
						testkit.NoError(t, err)
						if at < 2000 {
							if err := fails(ctx, b, r); err == nil {
								t.Errorf("%d bytes were enough", at+1000)
							}
						}
					}
					_, err := a.Write(newline)
					testkit.NoError(t, err)
					got, err := call(task.Current(ctx).Context(), r)
					testkit.NoError(t, err)
					testkit.Equal(t, "it is whole", got == want, true)
				})
			})
		}
	}
}

var newline = []byte("\n")

func full(ctx context.Context, r *host.Reader, n int) (string, error) {
	p := make([]byte, n)
	n, err := r.ReadFull(ctx, p)
	return string(p[:n]), err
}

// Discard says how much it has skipped when it was canceled.
func TestDiscardCanceled(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx)
		r := host.NewReader(b)
		_, err := a.Write([]byte("12345"))
		testkit.NoError(t, err)
		err = task.Timeout(ctx, time.Second, func(ctx context.Context, _ *task.Deadline) error {
			n, err := r.Discard(ctx, 8)
			testkit.Equal(t, "discarded", n, 5)
			return err
		})
		testkit.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = a.Write([]byte("678next\n"))
		testkit.NoError(t, err)
		n, err := r.Discard(ctx, 3)
		testkit.Equal(t, "discarded", fmt.Sprint(n, err), "3 <nil>")
		testkit.Equal(t, "the rest", line(r, ctx), read{"next", nil})
	})
}

// A second task that uses a Reader in the meantime panics, and the first one goes on.
func TestReaderOfTwoTasks(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx)
		r := host.NewReader(b)
		first := testkit.Spawn(ctx, "first", func(ctx context.Context) error {
			testkit.Equal(t, "line", line(r, ctx), read{"text", nil})
			return nil
		})
		testkit.NoError(t, testkit.Yield(ctx, 1))
		testkit.Panics(t, "host: a Reader is used by two tasks at once; let one task do all the reading", func() { _, _ = r.ReadLine(ctx) })
		testkit.Panics(t, "host: a Reader is used by two tasks at once", func() { _, _ = r.ReadByte() })
		_, err := a.Write([]byte("text\n"))
		testkit.NoError(t, err)
		testkit.NoError(t, first.Wait(ctx))
	})
}

// An error of the source is told after the bytes that came with it, and what was read stays.
func TestReaderErrors(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		r := host.NewReader(iotest.DataErrReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(testkit.ErrCause))))
		testkit.Equal(t, "the line", line(r, ctx), read{"a", nil})
		testkit.Equal(t, "half a line", line(r, ctx), read{"", testkit.ErrCause})
		testkit.Equal(t, "Buffered", r.Buffered(), 1)
		n, err := r.ReadFull(ctx, make([]byte, 2))
		testkit.Equal(t, "half of what ReadFull wants", fmt.Sprint(n, err), fmt.Sprint(0, testkit.ErrCause))
		p := make([]byte, 8)
		n, err = r.Read(p)
		testkit.Equal(t, "Read", read{string(p[:n]), err}, read{"b", nil})
		once := &dataAndError{"c\nd", testkit.ErrEnded}
		r = host.NewReader(once)
		testkit.Equal(t, "the line that came with an error", line(r, ctx), read{"c", nil})
		testkit.Equal(t, "then the error", line(r, ctx), read{"", testkit.ErrEnded})
		testkit.Equal(t, "then what is next", line(r, ctx), read{"d", io.ErrUnexpectedEOF})
		_, err = host.NewReader(nothing{}).ReadLine(ctx)
		testkit.Equal(t, "a source that gives nothing", err, io.ErrNoProgress)
	})
}

// dataAndError returns its data with an error, once, and then EOF.
type dataAndError struct {
	data string
	err  error
}

func (d *dataAndError) Read(p []byte) (int, error) {
	n, err := copy(p, d.data), d.err
	*d = dataAndError{"", io.EOF}
	return n, err
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// A Reader allocates nothing but the lines.
func TestReaderAllocates(t *testing.T) {
	testkit.Run(t, func(ctx context.Context) {
		a, b := host.Pipe(ctx)
		r := host.NewReader(b)
		text, p := []byte("0123456789\n"), make([]byte, 11)
		testkit.Allocs(t, "ReadFull", 0, func() {
			_, _ = a.Write(text)
			_, _ = r.ReadFull(ctx, p)
		})
		testkit.Allocs(t, "ReadLine", 1, func() {
			_, _ = a.Write(text)
			_, _ = r.ReadLine(ctx)
		})
	})
}
