package export

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	"thnks-hubspot-sync/thnksapi"
)

// The problems of ids that a spreadsheet made of others.
var (
	errRounded = errors.New("the transaction id was rounded by a spreadsheet: export the file again and do not save it with one")
	errDecimal = errors.New("the transaction id has decimals, as a spreadsheet or a program gave it that took it for a number: export the file again and keep the column as text")
	errFormula = errors.New("the transaction id is the error of a spreadsheet's formula: export the file again and do not save it with one")
)

var (
	rounded  = regexp.MustCompile(`^[+-]?(?:\d(?:[.,]\d+)?[Ee]\+?|\d+[.,]\d+[Ee][+-]?|\d+[Ee][+-])\d+$`)
	decimals = regexp.MustCompile(`^[+-]?\d+[.,]\d*$`)
	// Error words are translated; all begin with # and most end in ! or ?. A
	// column that is too narrow for a number is all #.
	formulaError = regexp.MustCompile(`^(?:#[\pL\d/.¿¡]+[!?]|#N/A|#NA|#NV|#N/D|#GETTING_DATA|#+|Err:\d+)$`)
)

// identifier returns a transaction id without what programs put around it to
// keep a spreadsheet from reading it as a number, and without invisible
// characters.
func (f *Format) identifier(text string) (string, error) {
	id := visible(unwrap(cell(visible(text))))
	if rest, ok := strings.CutPrefix(id, "'"); ok && rest != "" {
		id = visible(unwrap(rest))
	}
	switch {
	case rounded.MatchString(id):
		return "", errRounded
	case decimals.MatchString(id):
		return "", errDecimal
	case formulaError.MatchString(id):
		return "", errFormula
	case f.saysNothing(id):
		return "", thnksapi.ErrNoID
	}
	return id, nil
}

// maxID bounds what is believed to be an id, in bytes.
const maxID = 255

// knownID returns the id of a row that is no transaction otherwise, "" if it
// has none that can be relied on.
func (f *Format) knownID(text string) string {
	if len(text) > 2*maxID || strings.ContainsRune(text, unicode.ReplacementChar) {
		return ""
	}
	id, err := f.identifier(strings.ToValidUTF8(text, "\x00"))
	if err != nil || len(id) > maxID || strings.ContainsFunc(id, unicode.IsControl) {
		return ""
	}
	return id
}
