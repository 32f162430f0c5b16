package task

import (
	"context"
	"log/slog"
	"slices"

	"github.com/takt-go/takt/loop"
)

// NameOf returns the name of the task that ctx comes from, for logs and messages. ctx may be the
// context of a body, one that is derived from it, that of a [Blocking] call, or one that
// [loop.Outside] has made; it may also be that of a task that has ended. The name is empty if ctx
// comes from no task, as in callbacks and outside of loops.
//
// Unlike [Current], NameOf asks nothing of the caller. It is safe from any goroutine, also while
// SetName is called. It panics if ctx is nil. It allocates only for a task that was not given a
// name.
func NameOf(ctx context.Context) string {
	if ctx == nil {
		panic("task: NameOf(nil); give it a context, such as the one that the body was handed")
	}
	return loop.Internals.NameOf(ctx)
}

// LogHandler returns a handler that adds the attribute task, with the name of the task
// ([NameOf]), to each record whose context comes from one, and hands all records to h:
//
//	log := slog.New(task.LogHandler(slog.NewTextHandler(os.Stderr, nil)))
//	log.InfoContext(ctx, "connected") // ... msg=connected task=reader
//
// Methods of slog that take no context have no task. The attribute stands at the top level, outside
// of all groups. What a program has put there under the same key stays, too.
//
// The handler is safe from any goroutine, as slog asks. A record of a task costs a copy of its
// attributes, and, in a logger with a group, a handler for each WithGroup and With since.
// LogHandler panics if h is nil.
func LogHandler(h slog.Handler) slog.Handler {
	if h == nil {
		panic("task: LogHandler(nil); give it a handler, such as slog.Default().Handler()")
	}
	return &logHandler{Handler: h, top: h}
}

// logHandler adds the name of the task.
type logHandler struct {
	slog.Handler                                   // for records of no task
	top          slog.Handler                      // it, without the groups
	groups       []func(slog.Handler) slog.Handler // make it of top
}

const taskAttr = "task"

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	name := ""
	if ctx != nil {
		name = NameOf(ctx)
	}
	if name == "" {
		return h.Handler.Handle(ctx, r)
	}
	attr := slog.String(taskAttr, name)
	if len(h.groups) == 0 {
		r = r.Clone() // others may have it
		r.AddAttrs(attr)
		return h.Handler.Handle(ctx, r)
	}
	under := h.top.WithAttrs([]slog.Attr{attr})
	for _, group := range h.groups {
		under = group(under)
	}
	return under.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return LogHandler(h.Handler.WithAttrs(attrs))
	}
	return h.with(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h // as slog asks
	}
	return h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *logHandler) with(group func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{group(h.Handler), h.top, append(slices.Clip(h.groups), group)}
}
