package plan

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxID bounds a transaction id, in bytes. A longer one is some other text.
const maxID = 255

// CanonicalID returns the one spelling of a transaction id, whether it came from
// the API, a file, an event or a command: without characters that cannot be
// seen (zero width, byte order marks, soft hyphens, direction marks, tags),
// without space around it, in NFC. Letters keep their case, and space within
// the id stays, because either may tell two ids apart.
//
// An id is refused if nothing is left, if it has control characters or some that
// are not valid text, or if it is longer than 255 bytes. The error says which,
// and does not quote the id.
func CanonicalID(s string) (string, error) {
	s = strings.TrimSpace(norm.NFC.String(strings.TrimSpace(strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, s))))
	switch {
	case s == "":
		return "", errors.New("the transaction id is empty")
	case len(s) > maxID:
		return "", fmt.Errorf("the transaction id is %d bytes long; the limit is %d", len(s), maxID)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }):
		return "", errors.New("the transaction id has control or invalid characters")
	}
	return s, nil
}

// ignorable reports whether a character only formats a text, or is one that
// Unicode has left out where it means nothing (Default_Ignorable_Code_Point). A
// few of the former can be seen, and stay.
func ignorable(r rune) bool {
	return r > unicode.MaxASCII && unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}
