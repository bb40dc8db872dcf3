package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// TestStyle is the promise that colours go to terminals only, and that what
// systemd stamps with a time is not stamped twice.
func TestStyle(t *testing.T) {
	const journal = "8:12345"
	for _, c := range []struct {
		configured string
		terminal   bool
		journal    string
		want       logStyle
	}{
		{"auto", true, "", tintStyle},
		{"auto", true, journal, tintStyle}, // inherited by a shell that systemd started
		{"auto", false, journal, journalStyle},
		{"auto", false, "", plainStyle},
		{"json", true, "", jsonStyle},
		{"json", false, journal, jsonStyle},
	} {
		if got := styleOf(c.configured, c.terminal, c.journal); got != c.want {
			t.Errorf("styleOf(%q, %v, %q) = %s, want %s", c.configured, c.terminal, c.journal, got, c.want)
		}
	}
}

func TestLoggerTime(t *testing.T) {
	for style, want := range map[logStyle]bool{plainStyle: true, jsonStyle: true, journalStyle: false} {
		var b bytes.Buffer
		newLogger(&b, style, slog.LevelInfo).Info("hello", "portal", "acme")
		if got := strings.Contains(b.String(), "time"); got != want {
			t.Errorf("%s: line has a time: %v, want %v: %s", style, got, want, b.String())
		}
		if !strings.Contains(b.String(), "acme") {
			t.Errorf("%s: attribute lost: %s", style, b.String())
		}
	}
}

func TestLoggerLevel(t *testing.T) {
	for _, style := range []logStyle{tintStyle, plainStyle, journalStyle, jsonStyle} {
		var b bytes.Buffer
		newLogger(&b, style, slog.LevelWarn).Info("hidden")
		if b.Len() > 0 {
			t.Errorf("%s: info line written at level warn", style)
		}
	}
}

// TestLoggerEscapes feeds every style what a hostile gift name could hold:
// nothing may break the line, colour the terminal or turn its direction.
func TestLoggerEscapes(t *testing.T) {
	const evil = "a\nb\x1b[31m\u202eback\u2066\u009b"
	for _, style := range []logStyle{tintStyle, plainStyle, journalStyle, jsonStyle} {
		var b bytes.Buffer
		log := newLogger(&b, style, slog.LevelInfo)
		log.Info("hello"+evil, "text", evil, "error", errors.New(evil), slog.Group("g", "in", evil))
		log.With("before", evil).Info("hello")
		line := b.String()
		if n := strings.Count(line, "\n"); n != 2 {
			t.Errorf("%s: 2 records in %d lines", style, n)
		}
		for _, bad := range []string{"\x1b[31m", "\u202e", "\u2066", "\u009b"} {
			if strings.Contains(line, bad) {
				t.Errorf("%s: %q got through: %q", style, bad, line)
			}
		}
	}
}
