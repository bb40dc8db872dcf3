package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"
)

// Keys of log lines.
const (
	logPortal  = "portal"
	logMode    = "mode"
	logError   = "error"
	logProblem = "problem"
)

// A logStyle is a way to write log lines.
type logStyle string

// The styles.
const (
	tintStyle    logStyle = "tint"    // coloured, for people at a terminal
	plainStyle   logStyle = "plain"   // key=value lines
	journalStyle logStyle = "journal" // the same without a time, which systemd's journal adds
	jsonStyle    logStyle = "json"
)

// styleOf chooses how to log. configured is the configuration's log.format,
// "auto" or "json"; journal is $JOURNAL_STREAM, which systemd sets where
// standard error goes to its journal.
func styleOf(configured string, terminal bool, journal string) logStyle {
	switch {
	case configured == "json":
		return jsonStyle
	case terminal:
		return tintStyle
	case journal != "":
		return journalStyle
	default:
		return plainStyle
	}
}

// newLogger returns a logger that writes lines of the given style. Times are
// in UTC, except at a terminal.
func newLogger(w io.Writer, style logStyle, level slog.Level) *slog.Logger {
	replace := func(groups []string, attr slog.Attr) slog.Attr {
		if len(groups) == 0 && attr.Key == slog.TimeKey {
			switch style {
			case journalStyle:
				return slog.Attr{}
			case tintStyle:
				return attr
			}
			return slog.Time(slog.TimeKey, attr.Value.Time().UTC())
		}
		return slog.Attr{Key: attr.Key, Value: safe(attr.Value)}
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: replace}
	switch style {
	case jsonStyle:
		return slog.New(slog.NewJSONHandler(w, opts))
	case tintStyle:
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, ReplaceAttr: replace, TimeFormat: time.TimeOnly}))
	default:
		return slog.New(slog.NewTextHandler(w, opts))
	}
}

// safe returns the value with its text made printable, so that no value can
// break a line, colour a terminal or turn the reading direction.
func safe(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(printable(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			return slog.StringValue(printable(x.Error()))
		case fmt.Stringer:
			return slog.StringValue(printable(x.String()))
		}
	}
	return v
}
