package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// priority is what a line to systemd's journal begins with, so that it is stored
// with the priority of its level: see sd-daemon(3).
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "<3>"
	case level >= slog.LevelWarn:
		return "<4>"
	case level >= slog.LevelInfo:
		return "<6>"
	default:
		return "<7>"
	}
}

// toJournal reports whether w goes to systemd's journal. $JOURNAL_STREAM says
// where that is; a child whose output was redirected inherits the variable, too.
func toJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && sameStream(f, os.Getenv("JOURNAL_STREAM"))
}

// printError writes an error as a command ends with it. In the journal each of
// its lines is one of an error.
func printError(w io.Writer, text string) { printAt(w, slog.LevelError, text) }

// printCaution writes what the user of a command should know although it did its
// work.
func printCaution(w io.Writer, text string) { printAt(w, slog.LevelWarn, printable(text)) }

func printAt(w io.Writer, level slog.Level, text string) {
	before := ""
	if toJournal(w) {
		before = priority(level)
	}
	fmt.Fprintf(w, "%sthnks-hubspot-sync: %s\n", before, strings.ReplaceAll(text, "\n", "\n"+before))
}

// A prefixWriter writes each line behind a prefix.
type prefixWriter struct {
	w      io.Writer
	mu     sync.Mutex // held while a line is written
	prefix string
}

// Write writes a line that a handler made.
func (p *prefixWriter) Write(line []byte) (int, error) {
	n, err := p.w.Write(append([]byte(p.prefix), line...))
	return max(0, n-len(p.prefix)), err
}

// A priorityHandler gives each line its priority.
type priorityHandler struct {
	lines slog.Handler // writes to w
	w     *prefixWriter
}

// Enabled implements [slog.Handler].
func (h priorityHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.lines.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h priorityHandler) Handle(ctx context.Context, r slog.Record) error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.prefix = priority(r.Level)
	return h.lines.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h priorityHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return priorityHandler{h.lines.WithAttrs(attrs), h.w}
}

// WithGroup implements [slog.Handler].
func (h priorityHandler) WithGroup(name string) slog.Handler {
	return priorityHandler{h.lines.WithGroup(name), h.w}
}
