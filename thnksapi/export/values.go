package export

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"thnks-hubspot-sync/thnksapi"
)

// defaultNothing returns the words that databases, programs and people write
// for a date, an amount or a currency that there is not.
func defaultNothing() []string {
	return []string{
		"-", "--", "---", "–", "—", "?", ".", "n/a", "n.a.", "n. a.", "k. a.", "na", "n/d", "#n/a", "#n/a n/a", "#na", "#nv",
		"null", "(null)", "<null>", "[null]", "#null!", "nil", "<nil>", "none", "(none)", "<none>", "nan", "-nan", "#nan", "nat", "<na>", `\N`,
		"undefined", "unknown", "false", "never", "empty", "(empty)", "blank", "(blank)", "not available", "not applicable", "not set",
		"0000-00-00", "0000-00-00 00:00", "0000-00-00 00:00:00", "0000-00-00 00:00:00.000", "0000-00-00 00:00:00.000000",
		"0000-00-00T00:00:00", "0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z", "0000-00-00 00:00:00 UTC",
		"00000000", "0000/00/00", "00/00/0000", "00-00-0000", "00.00.0000", "1900-01-00",
	}
}

// saysNothing reports whether the text of a date, an amount or a currency means
// that there is none.
func (f *Format) saysNothing(text string) bool {
	key := nothingKey(text)
	return key == "" || f.nothing[key]
}

func nothingKey(word string) string { return strings.ToLower(visible(word)) }

// never are the fields that no column can hold.
const never = thnksapi.FieldRequestID | thnksapi.FieldSenderPhone

// transaction reads the values of a row, by field; a field without a value here
// is one that the row lacks.
func (f *Format) transaction(values map[string]string, decimal sign) (*thnksapi.Transaction, error) {
	id, err := f.identifier(values[fieldID])
	if err != nil {
		return nil, err
	}
	missing := never
	var has thnksapi.FieldSet
	element := make(map[string]any, len(values))
	for _, field := range fields {
		v, ok := values[field.name]
		if !ok {
			missing |= field.set
			continue
		}
		has |= field.set
		v = cell(v)
		switch {
		case (field.name == fieldAmount || field.name == fieldCurrency || isTime(field.name)) && f.saysNothing(v):
			v = ""
		case isTime(field.name):
			v = spelledTime(v)
		}
		element[field.name] = v
	}
	element[fieldID] = id
	currency, err := f.money(element, decimal)
	if err != nil {
		return nil, err
	}
	row := f.decoder.Decode(element, nil)
	if row.Err != nil {
		return nil, row.Err
	}
	t := row.Transaction
	switch currency {
	case currencyUnreadable:
		t.Currency = ""
		t.Dropped |= thnksapi.FieldCurrency
	case currencyNamed:
		has |= thnksapi.FieldCurrency
	}
	if t.Missing = missing &^ has; t.Missing.Has(thnksapi.FieldCurrency) {
		t.Currency = "" // the default is one of amounts
	}
	return t, nil
}

// A currencyCell says what a row tells of its currency.
type currencyCell int

const (
	currencyGiven      currencyCell = iota // by its column, as far as it has one
	currencyNamed                          // by the amount, or it is the default
	currencyUnreadable                     // the column has some other text
)

// money replaces the amount and the currency of an element by plain ones.
func (f *Format) money(element map[string]any, decimal sign) (currencyCell, error) {
	text, _ := element[fieldCurrency].(string)
	row, ok := currencyOf(text)
	said := currencyGiven
	if !ok {
		said = currencyUnreadable
	}
	if text != "" {
		element[fieldCurrency] = row
	}
	v, _ := element[fieldAmount].(string)
	if v == "" {
		return said, nil
	}
	byDefault := f.currency
	if !ok {
		byDefault = "" // of amounts that name none
	}
	m, err := amount(v, row, byDefault, decimal)
	if errors.Is(err, errWhichMoney) && !ok {
		err = nil // of the unreadable one
	}
	if err != nil {
		return said, fmt.Errorf("%s: %w", fieldAmount, err)
	}
	element[fieldAmount] = m.plain
	if m.currency != "" {
		element[fieldCurrency] = m.currency
	}
	if m.currency != row || row == "" && byDefault != "" {
		said = currencyNamed
	}
	return said, nil
}

func isTime(name string) bool {
	return strings.HasSuffix(name, "_date") || strings.HasSuffix(name, "_at")
}

// timeFormats returns the forms that are tried after the dialect's. None can
// mean two days.
func timeFormats() []string {
	formats := []string{thnksapi.FormatRFC3339}
	for _, clock := range []string{"T15:04:05", " 15:04:05", "T15:04", " 15:04"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " Z07"} {
			formats = append(formats, "2006-01-02"+clock+zone)
		}
	}
	return append(formats, thnksapi.FormatDate, "2006-01-02Z07:00", "20060102", "20060102T150405", "20060102T150405Z0700", "20060102T150405Z07")
}

// spelledTime returns a time with plain spaces, and without the names of the
// one zone that has no other meaning.
func spelledTime(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case noBreak(r):
			return ' '
		case invisible(r):
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if m := utcByName.FindStringSubmatch(text); m != nil {
		return m[1] + "Z"
	}
	return text
}

// utcByName matches a time in the zone UTC, which Go's and Ruby's ways of
// writing a time name, after an offset of 0 or without one.
var utcByName = regexp.MustCompile(`^(.*?\d)(?:\s*[+-]00:?00)?\s*(?i:UTC|GMT)$`)
