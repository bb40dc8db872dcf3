package export

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The problems of amounts.
var (
	errTwoAmounts = errors.New("may be read as two amounts, as its separator may be that of thousands or of decimals: export it with two decimals, or without thousands, or set thnks.csv.decimal to \".\" or \",\"")
	errNoAmount   = errors.New("not a decimal number")
	errWhichMoney = errors.New("a currency symbol, and no currency: add a column with the currency's code, or set dialect.money.default_currency")
	errTwoMonies  = errors.New("in another currency than the row's")
)

var (
	grouped = regexp.MustCompile(`^[1-9]\d{0,2}(?:[ '.,]\d{3})+$`)
	digits  = regexp.MustCompile(`^\d{1,30}$`)
	// plainSigns spells the characters of amounts that come in several forms.
	plainSigns = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2007", " ", "\u2009", " ", "’", "'", "\u2212", "-", "\ufe63", "-", "\uff0d", "-")
)

// A money is an amount of money as it was read.
type money struct {
	plain    string // in plain decimal notation
	currency string // that the row or the amount names; "" is the default
	decimal  string // the sign before the decimals, "." or ",", if the amount shows it
}

// A sign is what stands before the decimals of amounts that do not show it, "."
// or ",", as far as it is known.
type sign struct {
	file    string // by the other amounts of the file
	setting string
}

// of returns the sign for an amount with a separator before three digits. A
// file that has decimals behind it does not decide for a currency with fewer:
// 1.234 USD may be an amount from elsewhere.
func (s sign) of(separator, currency string) string {
	if s.file == separator && currency != "" && !slices.Contains(manyDecimals, currency) {
		return s.setting
	}
	return cmp.Or(s.file, s.setting)
}

// manyDecimals are the currencies with three or four decimals by ISO 4217.
var manyDecimals = []string{"BHD", "CLF", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "UYW"}

// amount reads an amount of money as users and programs write it. row is the
// currency of the row, byDefault that of amounts that name none. With
// [errWhichMoney] all but the currency was read.
func amount(text, row, byDefault string, decimal sign) (money, error) {
	before, number, behind, negative, err := parts(visible(plainSigns.Replace(text)))
	if err != nil {
		return money{}, err
	}
	currency, which := currencyNear(before, behind, row, byDefault)
	if which != nil && !errors.Is(which, errWhichMoney) {
		return money{}, which
	}
	plain, shown, err := decimalOf(number, cmp.Or(currency, byDefault), decimal)
	if err != nil {
		return money{}, err
	}
	if negative {
		plain = "-" + plain
	}
	return money{plain, currency, shown}, which
}

// shownDecimal returns the sign before the decimals that the text of an amount
// shows, "" for none.
func (f *Format) shownDecimal(text string) string {
	if f.saysNothing(text) {
		return ""
	}
	m, err := amount(text, "", "", sign{})
	if err != nil && !errors.Is(err, errWhichMoney) {
		return ""
	}
	return m.decimal
}

// parts splits an amount into its number and the words before and behind it,
// without the sign: a minus on either side, or parentheses around it.
func parts(s string) (before, number, behind string, negative bool, err error) {
	first, last := strings.IndexAny(s, "0123456789"), strings.LastIndexAny(s, "0123456789")
	if first < 0 {
		return "", "", "", false, errNoAmount
	}
	// In "Rs.5" the full stop belongs to the word, in "$.5" to the number.
	if first > 0 && strings.ContainsRune(".,", rune(s[first-1])) {
		if r, _ := utf8.DecodeLastRuneInString(s[:first-1]); !unicode.IsLetter(r) {
			first--
		}
	}
	before, number, behind = s[:first], s[first:last+1], s[last+1:]
	around := before + behind
	minus, plus := strings.Count(around, "-"), strings.Count(before, "+")
	open, closed := strings.Count(before, "("), strings.Count(behind, ")")
	if open != closed || open+minus+plus > 1 {
		return "", "", "", false, errNoAmount
	}
	before = strings.NewReplacer("-", " ", "+", " ", "(", " ").Replace(before)
	behind = strings.NewReplacer("-", " ", ")", " ").Replace(behind)
	return before, number, behind, open+minus > 0, nil
}

// currencyNear returns the currency that an amount is in, by the words around
// it: each must be able to stand for it.
func currencyNear(before, behind, row, byDefault string) (string, error) {
	var may []string // what the words may stand for together
	named := false
	for i, word := range append(strings.Fields(before), strings.Fields(behind)...) {
		codes := standsFor(word)
		switch {
		case codes == nil:
			return "", errNoAmount
		case i == 0:
			may = codes
		default:
			may = slices.DeleteFunc(may, func(code string) bool { return !slices.Contains(codes, code) })
		}
		named = named || len(codes) == 1 && strings.ContainsFunc(word, unicode.IsLetter)
	}
	switch of := cmp.Or(row, byDefault); {
	case may == nil:
		return row, nil
	case len(may) == 0:
		return "", errTwoMonies
	case slices.Contains(may, of):
		return row, nil
	case row != "":
		return "", errTwoMonies
	case len(may) == 1 && (named || byDefault == ""):
		return may[0], nil
	case byDefault != "":
		return "", errTwoMonies
	default:
		return "", errWhichMoney
	}
}

// decimalOf reads a number of money, without a minus. shown is the sign before
// decimals that it shows.
func decimalOf(s, currency string, decimal sign) (plain, shown string, err error) {
	whole, fraction := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		separator := s[i : i+1]
		others := separators(s[:i])
		switch {
		case others == "" && grouped.MatchString(s):
			switch decimal.of(separator, currency) {
			case "":
				return "", "", errTwoAmounts
			case separator:
				whole, fraction = s[:i], s[i+1:]
			}
		case others == separator:
			// Only thousands are separated more than once.
			shown = otherSign(separator)
		case strings.Contains(others, separator):
			return "", "", errNoAmount
		default:
			whole, fraction, shown = s[:i], s[i+1:], separator
			if !digits.MatchString(fraction) {
				return "", "", errNoAmount
			}
		}
	}
	if grouped.MatchString(whole) && len(separators(whole)) == 1 {
		whole = strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, whole)
	}
	if whole == "" && fraction != "" {
		whole = "0"
	}
	if !digits.MatchString(whole) {
		return "", "", errNoAmount
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole, shown, nil
}

// otherSign returns what stands before the decimals if a separator is that of
// thousands.
func otherSign(separator string) string {
	if separator == "," {
		return "."
	}
	return ","
}

// separators returns the distinct characters of a number that are no digits.
func separators(s string) string {
	found := slices.DeleteFunc([]byte(s), func(c byte) bool { return '0' <= c && c <= '9' })
	slices.Sort(found)
	return string(slices.Compact(found))
}
