package task

import (
	"context"
	"log/slog"
	"slices"

	"github.com/takt-go/takt/loop"
)

// NameOf returns the name of the task that ctx comes from, for logs and messages. ctx may be the
// context of a body, a context derived from it, the context of a [Blocking] call, or a context that
// [loop.Outside] has made. The task may have ended. The name is empty if ctx comes from no task, as
// in callbacks and outside of loops.
//
// Unlike [Current], NameOf may be called anywhere. It is safe from any goroutine, even during a
// call of SetName. It panics if ctx is nil. It allocates only if the program has given the task no
// name.
func NameOf(ctx context.Context) string {
	if ctx == nil {
		panic("task: NameOf(nil); give it a context, such as the one that the body was handed")
	}
	return loop.Internals.NameOf(ctx)
}

// LogHandler returns a handler that hands all log records to h. If a record was logged with the
// context of a task, the handler adds the attribute "task", with the name of that task ([NameOf]):
//
//	log := slog.New(task.LogHandler(slog.NewTextHandler(os.Stderr, nil)))
//	log.InfoContext(ctx, "connected") // ... msg=connected task=reader
//
// Records of slog methods that take no context get no attribute. The attribute stands at the top
// level, outside of all groups of the logger. If the program adds an attribute with the same key at
// the top level, the record has both.
//
// The handler is safe from any goroutine, as slog requires. For each record of a task, it copies
// the attributes of the record. If the logger has a group, the handler also makes, for each record
// of a task, one handler for each call of WithGroup and With from the first group on. LogHandler
// panics if h is nil.
func LogHandler(h slog.Handler) slog.Handler {
	if h == nil {
		panic("task: LogHandler(nil); give it a handler, such as slog.Default().Handler()")
	}
	return &logHandler{Handler: h, top: h}
}

// logHandler adds the name of the task.
type logHandler struct {
	slog.Handler                                   // for records without a task
	top          slog.Handler                      // the same handler without the groups
	groups       []func(slog.Handler) slog.Handler // applied to top, in order, these functions make Handler
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
		r = r.Clone() // other code may keep the record
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
		return h // as slog requires
	}
	return h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *logHandler) with(group func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{group(h.Handler), h.top, append(slices.Clip(h.groups), group)}
}
