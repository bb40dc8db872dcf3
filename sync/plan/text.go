package plan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxText is how long a text property may be. HubSpot says 65,536 characters
// and not what a character is, so the limit is kept in bytes: what fits in
// bytes fits in UTF-16 units and in code points, too.
//
// See https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide.
const maxText = 65536

const ellipsis = "…"

// line returns s as the value of a single-line property: clean, on one line,
// no longer than HubSpot takes.
func line(s string) string {
	return cut(strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, unixLines(s))))
}

// paragraphs returns s as the value of a multi-line property: clean, with its
// line ends and tabs, no longer than HubSpot takes.
func paragraphs(s string) string {
	return cut(strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, unixLines(s))))
}

// unixLines makes s valid UTF-8 with plain newlines. Invalid bytes become
// U+FFFD, so that the loss is visible.
func unixLines(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// cut shortens s to maxText between two user-perceived characters (grapheme
// clusters: an emoji family is one) and marks the place.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	room := maxText - len(ellipsis)
	end, state := 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if end+len(cluster) > room {
			break
		}
		end += len(cluster)
	}
	if end == 0 { // one endless cluster: marks heaped on a single letter
		for end = room; !utf8.RuneStart(s[end]); end-- {
		}
	}
	return s[:end] + ellipsis
}
