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
	tintStyle    logStyle = "tint"    // for people at a terminal, coloured where they may be
	plainStyle   logStyle = "plain"   // key=value lines
	journalStyle logStyle = "journal" // the same without a time, which systemd's journal adds
	jsonStyle    logStyle = "json"
)

// styleOf chooses how to log. configured is the configuration's log.format,
// "auto" or "json"; journal says that standard error goes to systemd's journal.
func styleOf(configured string, terminal, journal bool) logStyle {
	switch {
	case configured == "json":
		return jsonStyle
	case terminal:
		return tintStyle
	case journal:
		return journalStyle
	default:
		return plainStyle
	}
}

// newJournalLogger is newLogger for lines that go to systemd's journal, each with
// its priority.
func newJournalLogger(w io.Writer, style logStyle, level slog.Level) *slog.Logger {
	lines := &prefixWriter{w: w}
	return slog.New(priorityHandler{newLogger(lines, style, level).Handler(), lines})
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
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, ReplaceAttr: replace, TimeFormat: time.TimeOnly, NoColor: !coloured()}))
	default:
		return slog.New(slog.NewTextHandler(w, opts))
	}
}

// safe returns the value with its text made printable, so that no value can
// break a line, colour a terminal or turn the reading direction. Durations are
// brief.
func safe(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(printable(v.String()))
	case slog.KindDuration:
		return slog.StringValue(brief(v.Duration()))
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

// brief writes a duration as precisely as one reads it: 12ms, 1.2s, 3m4s.
func brief(d time.Duration) string {
	switch {
	case d.Abs() < time.Second:
		return d.Round(time.Millisecond).String()
	case d.Abs() < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
