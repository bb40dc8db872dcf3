package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// writeJSON writes v as one indented JSON document. What a terminal would obey
// or not show stands in it as an escape, which means the same to who parses it.
func writeJSON(w io.Writer, v any) error {
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for line := range strings.Lines(doc.String()) { // such characters are in strings only, line breaks in none
		text, ended := strings.CutSuffix(line, "\n")
		out.WriteString(escaped(text, jsonEscape))
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.Flush()
}

// jsonEscape returns the escape of a character in a JSON string.
func jsonEscape(r rune) string {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// A document is what every command with --json prints: one element per
// portal.
type document[T any] struct {
	Portals []T `json:"portals"`
}
