package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/internal/testkit"
)

// readerModel is a simple model of a Reader: what the stream still has.
type readerModel struct {
	*rapid.T
	r     *host.Reader
	left  string // of the whole stream
	limit int
}

// took notes that text was taken, which must be the next part of the stream.
func (m *readerModel) took(what, text string) {
	if !strings.HasPrefix(m.left, text) {
		m.Errorf("%s took %q of %q", what, text, m.left)
		return
	}
	m.left = m.left[len(text):]
}

// failed checks the error of a call that wanted a part of the stream and took only rest.
func (m *readerModel) failed(what string, err error, rest string, tooLong bool) {
	switch {
	case errors.Is(err, context.DeadlineExceeded): // the limit has expired
		if rest != "" {
			m.Errorf("%s took %q, and was canceled", what, rest)
		}
	case errors.Is(err, bufio.ErrTooLong):
		if rest != "" || !tooLong {
			m.Errorf("%s took %q, and says that the part is too long: %v", what, rest, err)
		}
	case err == io.ErrUnexpectedEOF:
		if m.took(what, rest); rest == "" || m.left != "" {
			m.Errorf("%s took the rest %q, but %q is left", what, rest, m.left)
		}
	case err == io.EOF:
		if rest != "" || m.left != "" {
			m.Errorf("%s took %q, and returned EOF, but %q is left", what, rest, m.left)
		}
	default:
		m.Errorf("%s returned the error %v", what, err)
	}
}

// A readerCall is one random call under a time limit. It is drawn before the program runs, because a body must not draw.
type readerCall struct {
	op, n int
	sep   string
	limit time.Duration
}

func drawCall(t *rapid.T) readerCall {
	return readerCall{
		op:    rapid.IntRange(0, 6).Draw(t, "op"),
		n:     rapid.IntRange(0, 40).Draw(t, "n"),
		sep:   rapid.SampledFrom([]string{"a", "ab", "aab", "\r\n", "ba\n"}).Draw(t, "sep"),
		limit: time.Duration(rapid.IntRange(1, 4).Draw(t, "limit")) * time.Second,
	}
}

// call makes a call, and reports whether the stream may go on.
func (m *readerModel) call(ctx context.Context, c readerCall) bool {
	n, sep := c.n, c.sep
	var text string
	var got int
	under := func(body func(ctx context.Context) error) error {
		return task.Timeout(ctx, c.limit, func(ctx context.Context, _ *task.Deadline) error { return body(ctx) })
	}
	switch c.op {
	case 0:
		err := under(func(ctx context.Context) (err error) { text, err = m.r.ReadLine(ctx); return err })
		if err == nil {
			if strings.HasPrefix(m.left, text+"\r\n") {
				text += "\r"
			}
			m.took("ReadLine", text+"\n")
			if strings.Contains(text, "\n") || len(text) >= m.limit {
				m.Errorf("ReadLine returned %q, with the limit %d", text, m.limit)
			}
			return true
		}
		at := strings.IndexByte(m.left, '\n')
		m.failed("ReadLine", err, text, at < 0 || at >= m.limit)
		return err != io.EOF
	case 1:
		err := under(func(ctx context.Context) (err error) {
			part, err := m.r.ReadUntil(ctx, []byte(sep))
			text = string(part)
			return err
		})
		at := strings.Index(m.left, sep)
		if err == nil {
			if m.took("ReadUntil", text); len(text) != at+len(sep) || len(text) > m.limit {
				m.Errorf("ReadUntil of %q returned %q, with the limit %d", sep, text, m.limit)
			}
			return true
		}
		m.failed("ReadUntil", err, text, at < 0 || at+len(sep) > m.limit)
		return err != io.EOF
	case 2:
		err := under(func(ctx context.Context) (err error) { text, err = full(ctx, m.r, n); return err })
		if err == nil {
			if m.took("ReadFull", text); len(text) != n {
				m.Errorf("ReadFull of %d bytes returned %q", n, text)
			}
			return true
		}
		m.failed("ReadFull", err, text, false)
		return err != io.EOF
	case 3:
		err := under(func(ctx context.Context) error {
			part, err := m.r.Peek(ctx, n)
			text = string(part)
			return err
		})
		if !strings.HasPrefix(m.left, text) || err == nil && len(text) != n || err == io.EOF && text != m.left {
			m.Errorf("Peek of %d bytes of %q returned %q, %v", n, m.left, text, err)
		}
		if err != nil && err != io.EOF {
			m.failed("Peek", err, "", n > m.limit)
		}
		return err != io.EOF || m.left != ""
	case 4:
		err := under(func(ctx context.Context) (err error) { got, err = m.r.Discard(ctx, n); return err })
		if got > len(m.left) || err == nil && got != n {
			m.Errorf("Discard of %d bytes of %q returned %d, %v", n, m.left, got, err)
			return false
		}
		if m.left = m.left[got:]; err != nil {
			m.failed("Discard", err, "", false)
		}
		return err != io.EOF
	case 5:
		p := make([]byte, n)
		err := under(func(ctx context.Context) (err error) { got, err = m.r.ReadContext(ctx, p); return err })
		if m.took("Read", string(p[:got])); err != nil {
			m.failed("Read", err, "", false)
		} else if got == 0 && n > 0 {
			m.Errorf("Read returned nothing")
		}
		return err != io.EOF
	}
	var b byte
	err := under(func(context.Context) (err error) { b, err = m.r.ReadByte(); return err })
	if err == nil {
		m.took("ReadByte", string(b))
		return true
	}
	m.failed("ReadByte", err, "", false)
	return err != io.EOF
}

// Random calls under time limits, on a stream that comes in random pieces: no byte is lost or doubled.
func TestReaderModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("aab\r\n\n")), 0, 30, -1), 0, 12).Draw(t, "pieces")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3), len(pieces), len(pieces)).Draw(t, "pauses")
		m := &readerModel{T: t, left: strings.Join(pieces, ""), limit: rapid.IntRange(1, 40).Draw(t, "most")}
		calls := rapid.SliceOfN(rapid.Custom(drawCall), 0, 60).Draw(t, "calls")
		l := testkit.NewProgram(t).Loop
		defer l.Close()
		a, b := host.Pipe(l.Context())
		m.r = host.NewReader(b, host.WithReadLimit(m.limit))
		testkit.Spawn(l.Context(), "writer", func(ctx context.Context) error {
			for i, piece := range pieces {
				if err := task.Sleep(ctx, time.Duration(pauses[i])*time.Second); err != nil {
					return err
				}
				if _, err := io.WriteString(a, piece); err != nil {
					return err
				}
			}
			return a.CloseWrite()
		})
		ended := testkit.Spawn(l.Context(), "reader", func(ctx context.Context) error {
			for _, c := range calls {
				if !m.call(ctx, c) {
					break
				}
			}
			rest, err := io.ReadAll(m.r)
			if m.took("ReadAll", string(rest)); m.left != "" || err != nil {
				return fmt.Errorf("%q is left at the end, %w", m.left, err)
			}
			return nil
		})
		testkit.NoError(t, l.Run())
		testkit.NoError(t, ended.Err())
	})
}
