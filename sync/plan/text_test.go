package plan

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCleaning(t *testing.T) {
	for _, tt := range []struct{ in, line, paragraphs string }{
		{"", "", ""},
		{" a\r\nb\rc\td ", "a b c d", "a\nb\nc\td"},
		{"nul\x00 bell\a c1\u0085 del\x7f", "nul bell c1 del", "nul bell c1 del"},
		{"bad\xff\xfe", "bad\uFFFD", "bad\uFFFD"},
		{"שלום 👨‍👩‍👧‍👦 <b>&amp; =1+1", "שלום 👨‍👩‍👧‍👦 <b>&amp; =1+1", "שלום 👨‍👩‍👧‍👦 <b>&amp; =1+1"},
		{"\n\x00\n", "", ""},
	} {
		if got := line(tt.in); got != tt.line {
			t.Errorf("line(%q) = %q", tt.in, got)
		}
		if got := paragraphs(tt.in); got != tt.paragraphs {
			t.Errorf("paragraphs(%q) = %q", tt.in, got)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	family := "👨‍👩‍👧‍👦" // 25 bytes, one character to the reader
	room := maxText - len(ellipsis)
	for _, tt := range []struct {
		name, in, want string
	}{
		{"just fits", strings.Repeat("a", maxText), strings.Repeat("a", maxText)},
		{"one too many", strings.Repeat("a", maxText+1), strings.Repeat("a", room) + "…"},
		{"a 4-byte rune across the cut", strings.Repeat("a", room-2) + "😀" + strings.Repeat("b", 5000), strings.Repeat("a", room-2) + "…"},
		{"a rune that just fits", strings.Repeat("a", room-4) + "😀" + strings.Repeat("b", 5000), strings.Repeat("a", room-4) + "😀…"},
		{"a family across the cut", strings.Repeat("a", room-20) + family + strings.Repeat("b", 99), strings.Repeat("a", room-20) + "…"},
		{"a letter and its accent", strings.Repeat("a", room-1) + "e\u0301" + strings.Repeat("b", 99), strings.Repeat("a", room-1) + "…"},
		{"marks without end", "e" + strings.Repeat("\u0301", maxText), "e" + strings.Repeat("\u0301", (room-1)/2) + "…"},
	} {
		if got := cut(tt.in); got != tt.want {
			t.Errorf("%s: %d bytes ending in %q, want %d ending in %q", tt.name, len(got), got[len(got)-9:], len(tt.want), tt.want[len(tt.want)-9:])
		}
	}
}

func TestTextProperties(t *testing.T) {
	long := rapid.Map(rapid.StringN(1, 40, -1), func(s string) string { return strings.Repeat(s, 1+maxText/len(s)) + s })
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(genText(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }), long).Draw(t, "in")
		for name, clean := range map[string]func(string) string{"line": line, "paragraphs": paragraphs} {
			got := clean(in)
			if !utf8.ValidString(got) || len(got) > maxText || len(utf16.Encode([]rune(got))) > maxText {
				t.Fatalf("%s: %d bytes, valid %v", name, len(got), utf8.ValidString(got))
			}
			if again := clean(got); again != got {
				t.Fatalf("%s is not idempotent", name)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return unicode.IsControl(r) && (name == "line" || r != '\n' && r != '\t') }); i >= 0 {
				t.Fatalf("%s: control character at %d", name, i)
			}
		}
	})
}
