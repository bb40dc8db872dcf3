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

// amount reads an amount of money as users and programs write it. row is the
// currency of the row, byDefault that of amounts that name none. decimal is the
// sign before the decimals of amounts that do not show it, "" if it is not
// known. With [errWhichMoney] all but the currency was read.
func amount(text, row, byDefault, decimal string) (money, error) {
	before, number, behind, negative, err := parts(visible(plainSigns.Replace(text)))
	if err != nil {
		return money{}, err
	}
	plain, shown, err := decimalOf(number, decimal)
	if err != nil {
		return money{}, err
	}
	if negative {
		plain = "-" + plain
	}
	currency, err := currencyNear(before, behind, row, byDefault)
	if err != nil && !errors.Is(err, errWhichMoney) {
		return money{}, err
	}
	return money{plain, currency, shown}, err
}

// shownDecimal returns the sign before the decimals that the text of an amount
// shows, "" for none.
func (f *Format) shownDecimal(text string) string {
	if f.saysNothing(text) {
		return ""
	}
	m, err := amount(text, "", "", "")
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

// decimalOf reads a number without a sign. decimal is the sign before its
// decimals if it does not show it; shown is the one that it shows.
func decimalOf(s, decimal string) (plain, shown string, err error) {
	whole, fraction := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		sign := s[i : i+1]
		others := separators(s[:i])
		switch {
		case others == "" && grouped.MatchString(s):
			if decimal == "" {
				return "", "", errTwoAmounts
			}
			if sign == decimal {
				whole, fraction = s[:i], s[i+1:]
			}
		case others == sign:
			// Only thousands are separated more than once.
			shown = otherSign(sign)
		case strings.Contains(others, sign):
			return "", "", errNoAmount
		default:
			whole, fraction, shown = s[:i], s[i+1:], sign
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

// otherSign returns what stands before the decimals if a sign separates
// thousands.
func otherSign(sign string) string {
	if sign == "," {
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
