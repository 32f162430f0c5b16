package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/takt-go/takt/loop/internal/world"
)

// A logHandler is the handler of the Log of a machine. If the run keeps no record, it drops everything.
type logHandler struct {
	machine *machine
	prefix  string // of the attributes: the groups
	attrs   string // of With
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool {
	return h.machine.node.world.record != nil && h.machine.up()
}

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	if h.machine.up() {
		var b strings.Builder
		if r.Level != slog.LevelInfo {
			fmt.Fprintf(&b, "%v ", r.Level)
		}
		b.WriteString(r.Message + h.attrs)
		r.Attrs(func(a slog.Attr) bool {
			b.WriteString(h.text(a))
			return true
		})
		h.machine.node.world.tell(world.Event{Kind: world.Log, Node: h.machine.node.name, Text: b.String()})
	}
	return nil
}

func (h *logHandler) text(a slog.Attr) string {
	return fmt.Sprintf(" %s%s=%v", h.prefix, a.Key, a.Value.Resolve())
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += h.text(a)
	}
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.prefix += name + "."
	}
	return &with
}
