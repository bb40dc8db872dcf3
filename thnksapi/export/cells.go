package export

import (
	"strings"
	"unicode"
)

// endOfFile is Ctrl-Z, with which DOS ends a file; what joins files leaves it
// between them.
const endOfFile = "\x1a"

// notContent may stand before a record and is no part of it: the byte order
// mark of a file that was appended, and Ctrl-Z.
const notContent = "\uFEFF" + endOfFile

// invisible reports whether a character has no place in an id, a number or a
// date, because it is invisible: format characters such as the zero-width space,
// the soft hyphen and marks of direction, variation selectors, fillers, and
// spaces that do not break.
func invisible(r rune) bool {
	return r > unicode.MaxASCII && (noBreak(r) ||
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

func noBreak(r rune) bool { return r == '\u00a0' || r == '\u2007' || r == '\u202f' }

// visible returns text without invisible characters, and without the space
// around it.
func visible(text string) string {
	if strings.ContainsFunc(text, invisible) {
		text = strings.Map(func(r rune) rune {
			if invisible(r) {
				return -1
			}
			return r
		}, text)
	}
	return strings.TrimSpace(text)
}

// blank reports whether text has nothing to be seen.
func blank(text string) bool { return strings.Trim(visible(text), endOfFile) == "" }

// cell returns what a cell means. Exporters put an apostrophe before a text
// that a spreadsheet would take for a formula, or write any text as the formula
// ="…", which keeps its leading zeros.
func cell(text string) string {
	if rest, ok := strings.CutPrefix(text, "'"); ok && formula(rest) {
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "\t"); ok && formula(rest) {
		return rest
	}
	return unwrap(text)
}

// formula reports whether a spreadsheet might take a text for a formula. The
// line end is a CR that the file had.
func formula(text string) bool {
	return strings.IndexAny(text, "=+-@\t\r\n＝＋－＠") == 0
}

// unwrap returns the text in a formula that is nothing but a text.
func unwrap(text string) string {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), `="`)
	if !ok {
		return text
	}
	if inner, ok = strings.CutSuffix(inner, `"`); !ok {
		return text
	}
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return text // a formula that joins texts
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}
