package main

import (
	"bytes"
	"os"
	"testing"
)

// TestColours: only a terminal gets colours, and not one whose user denies them.
func TestColours(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here: ", err)
	}
	defer terminal.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		term, noColor string
		want          bool
	}{
		{"xterm", "", true},
		{"xterm", "1", false},
		{"dumb", "", false},
	} {
		t.Setenv("TERM", tt.term)
		t.Setenv("NO_COLOR", tt.noColor)
		if got := colours(terminal); got != tt.want {
			t.Errorf("TERM=%s NO_COLOR=%s: %v", tt.term, tt.noColor, got)
		}
		if colours(file) || colours(&bytes.Buffer{}) {
			t.Error("a file gets colours")
		}
	}
}
