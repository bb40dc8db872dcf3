package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hostile are characters that command a terminal, turn the direction of text or
// hide in it.
var hostile = []string{
	"\x00", "\x1b[31m", "\x7f", "\u0085", "\u009b31m", // control characters
	"\u200b", "\u200e", "\u202e", "\u2066", "\ufeff", "\u00ad", // invisible, direction
	"\U000e0041", "\U000e007f", "\U000e0100", // tags, variation selectors
	"\u2028", "\u2029",
}

// TestJSONOnTerminal: a document has nothing that a terminal would obey, and
// means the same as without the escapes.
func TestJSONOnTerminal(t *testing.T) {
	t.Parallel()
	want := map[string]string{"calm": "Zoë Øst <zoë@example.com> 李 🎁 ❤️"}
	for i, evil := range hostile {
		want[fmt.Sprint("key", evil, i)] = "a" + evil + "b\nc"
	}
	var b bytes.Buffer
	if err := writeJSON(&b, want); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, evil := range hostile {
		if first := string([]rune(evil)[0]); strings.Contains(text, first) {
			t.Errorf("%q is in the document as it is", first)
		}
	}
	if !strings.Contains(text, want["calm"]) || !strings.HasSuffix(text, "}\n") || strings.Count(text, "\n") != len(want)+2 {
		t.Errorf("the document is\n%s", text)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%q means %q, want %q", k, got[k], v)
		}
	}
}

// TestUsageEchoesNothingRaw passes hostile arguments of every kind: what the
// program says of them has no character of theirs as it is, and no line of
// theirs.
func TestUsageEchoesNothingRaw(t *testing.T) {
	t.Parallel()
	for _, evil := range append([]string{"\nthnks-hubspot-sync: all is well"}, hostile...) {
		for _, args := range [][]string{
			{"x" + evil},
			{"--x" + evil},
			{"--x" + evil + "=" + evil},
			{"-" + evil},
			{"-z" + evil},
			{"sync", "--bac" + evil},
			{"sync", evil},
			{"quarantine", evil},
			{"stats", "--format", evil},
			{"stats", "--output=" + evil, "--format=" + evil},
			{"demo", "--transactions", evil},
			{"events", "list", "--state", evil},
			{"events", "replay", evil},
			{"stats", "--config", "/nowhere/" + evil},
			{"check", "--config", "/nowhere/" + evil},
		} {
			var stdout, stderr bytes.Buffer
			if got := run(t.Context(), args, &stdout, &stderr); got != misused {
				t.Errorf("%q ends with %d", args, got)
			}
			said := stdout.String() + stderr.String()
			if first := string([]rune(evil)[0]); first != "\n" && strings.Contains(said, first) {
				t.Errorf("%q says %q", args, said)
			}
			if strings.Contains(said, "\nthnks-hubspot-sync: all is well") {
				t.Errorf("%q writes a line of its own: %q", args, said)
			}
		}
	}
}

// TestHelpEchoesNothingRaw: nor has what the library of the command line writes by
// itself.
func TestHelpEchoesNothingRaw(t *testing.T) {
	t.Parallel()
	for _, evil := range hostile {
		for _, args := range [][]string{{"help", evil}, {"help", "sync", evil}, {"sync", evil, "--help"}, {"__complete", "sync", evil}, {"__complete", evil, evil}} {
			var stdout, stderr bytes.Buffer
			run(t.Context(), args, &stdout, &stderr)
			said := stdout.String() + stderr.String()
			if first := string([]rune(evil)[0]); said == "" || strings.Contains(said, first) {
				t.Errorf("%q says %q", args, said)
			}
		}
	}
}

// TestSaidJoined: of errors that were joined each is told.
func TestSaidJoined(t *testing.T) {
	t.Parallel()
	if got := said(errors.Join(errors.New("one"), errors.New("two"))); got != "one; two" {
		t.Errorf("said %q", got)
	}
}
