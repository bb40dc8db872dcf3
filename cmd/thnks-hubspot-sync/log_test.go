package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLogStyle is the promise that colours go to terminals only, and that what
// systemd stamps with a time is not stamped twice.
func TestLogStyle(t *testing.T) {
	for _, c := range []struct {
		configured string
		terminal   bool
		journal    bool
		want       logStyle
	}{
		{"auto", true, false, tintStyle},
		{"auto", true, true, tintStyle},
		{"auto", false, true, journalStyle},
		{"auto", false, false, plainStyle},
		{"json", true, false, jsonStyle},
		{"json", false, true, jsonStyle},
	} {
		if got := styleOf(c.configured, c.terminal, c.journal); got != c.want {
			t.Errorf("styleOf(%q, %v, %v) = %s, want %s", c.configured, c.terminal, c.journal, got, c.want)
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

// TestJournalPriorities: journalctl -p finds a line by its level, in every style,
// also where a part of the program has a logger of its own.
func TestJournalPriorities(t *testing.T) {
	for _, style := range []logStyle{journalStyle, jsonStyle} {
		var b bytes.Buffer
		log := newJournalLogger(&b, style, slog.LevelDebug)
		log.Debug("one")
		log.With("portal", "acme").Info("two")
		log.WithGroup("g").Warn("three", "n", 3)
		log.Error("four\nfive")
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("%s: %d lines: %q", style, len(lines), lines)
		}
		for i, want := range []string{"<7>", "<6>", "<4>", "<3>"} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: line %q begins otherwise than with %s", style, lines[i], want)
			}
		}
	}
	var b bytes.Buffer
	newLogger(&b, plainStyle, slog.LevelInfo).Error("not to the journal")
	if strings.Contains(b.String(), "<3>") {
		t.Errorf("a priority elsewhere: %s", b.String())
	}
}

// TestJournalIsTheStreamItself: the variable that names the journal's stream is
// inherited by processes whose output goes elsewhere.
func TestJournalIsTheStreamItself(t *testing.T) {
	dir := t.TempDir()
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	info, err := files[0].Stat()
	if err != nil {
		t.Fatal(err)
	}
	id := reflect.ValueOf(info.Sys()).Elem()
	if dev, ino := id.FieldByName("Dev"), id.FieldByName("Ino"); dev.IsValid() && ino.IsValid() {
		t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%v:%v", dev, ino))
	}
	if onLinux := runtime.GOOS == "linux"; toJournal(files[0]) != onLinux || toJournal(files[1]) || toJournal(new(bytes.Buffer)) {
		t.Error("the stream is not distinguished from others")
	}
	printError(files[0], "one\ntwo")
	printError(files[1], "three")
	for i, want := range []string{"<3>thnks-hubspot-sync: one\n<3>two\n", "thnks-hubspot-sync: three\n"} {
		if got, err := os.ReadFile(files[i].Name()); err != nil || runtime.GOOS == "linux" && string(got) != want {
			t.Errorf("an error is written as %q, want %q (%v)", got, want, err)
		}
	}
	t.Setenv("JOURNAL_STREAM", "")
	if toJournal(files[0]) {
		t.Error("a journal without the variable")
	}
}

// TestBriefDurations is how durations stand in every log line.
func TestBriefDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 12_345 * time.Microsecond: "12ms", 1234 * time.Millisecond: "1.2s",
		59_940 * time.Millisecond: "59.9s", 184*time.Second + 567*time.Millisecond: "3m5s",
	} {
		for _, style := range []logStyle{plainStyle, jsonStyle} {
			var b bytes.Buffer
			newLogger(&b, style, slog.LevelInfo).Info("run finished", "took", d)
			if !strings.Contains(b.String(), "took="+want+"\n") && !strings.Contains(b.String(), `"took":"`+want+`"`) {
				t.Errorf("%v is written otherwise than %s: %s", d, want, b.String())
			}
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
