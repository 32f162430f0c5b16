package kv

import (
	"context"
	"fmt"
	"log/slog"
)

// A logger is the Logger of raft on the Log of a host. It builds no text that the Log does not take.
type logger struct{ log *slog.Logger }

func (l logger) print(level slog.Level, v ...any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, fmt.Sprint(v...))
	}
}

func (l logger) printf(level slog.Level, format string, v ...any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}

func (l logger) Debug(...any)                     {}
func (l logger) Debugf(string, ...any)            {}
func (l logger) Info(v ...any)                    { l.print(slog.LevelInfo, v...) }
func (l logger) Infof(format string, v ...any)    { l.printf(slog.LevelInfo, format, v...) }
func (l logger) Warning(v ...any)                 { l.print(slog.LevelWarn, v...) }
func (l logger) Warningf(format string, v ...any) { l.printf(slog.LevelWarn, format, v...) }
func (l logger) Error(v ...any)                   { l.print(slog.LevelError, v...) }
func (l logger) Errorf(format string, v ...any)   { l.printf(slog.LevelError, format, v...) }
func (l logger) Fatal(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l logger) Fatalf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
func (l logger) Panic(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l logger) Panicf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
