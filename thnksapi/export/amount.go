package export

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The problems of amounts.
var (
	errTwoAmounts = errors.New("may be read as two amounts, as its separator may be that of thousands or of decimals: export it with two decimals, or without thousands")
	errNoAmount   = errors.New("not a decimal number")
	errWhichMoney = errors.New("a currency symbol, and no currency: add a column with the currency's code, or set dialect.money.default_currency")
	errTwoMonies  = errors.New("in another currency than the row's")
)

var (
	grouped     = regexp.MustCompile(`^[1-9]\d{0,2}(?:[ '.,]\d{3})+$`)
	digits      = regexp.MustCompile(`^\d{1,30}$`)
	codeBefore  = regexp.MustCompile(`^([A-Z]{3})\s*(-?[\d.,].*)$`)
	codeAfter   = regexp.MustCompile(`^(.*\d)\s*([A-Z]{3})$`)
	apostrophes = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "’", "'")
)

// symbols maps the symbols of a single currency to its code, to notice a
// contradiction.
var symbols = map[rune]string{'€': "EUR", '₹': "INR", '₪': "ILS", '₺': "TRY", '₽': "RUB", '₫': "VND"}

// amount reads an amount of money as users and programs write it. It returns
// it in plain decimal notation, with the currency that the row or the amount
// itself names. An amount without either is in the dialect's default currency.
func amount(text, rowCurrency, defaultCurrency string) (plain, currency string, err error) {
	s := strings.TrimSpace(apostrophes.Replace(text))
	currency = strings.ToUpper(strings.TrimSpace(rowCurrency))
	code := ""
	if m := codeBefore.FindStringSubmatch(s); m != nil {
		code, s = m[1], m[2]
	} else if m := codeAfter.FindStringSubmatch(s); m != nil {
		s, code = m[1], m[2]
	}
	if code != "" && currency != "" && code != currency {
		return "", "", errTwoMonies
	}
	currency = cmp.Or(code, currency)
	s, symbol := cutSymbol(s)
	of := cmp.Or(currency, defaultCurrency)
	switch one := symbols[symbol]; {
	case symbol != 0 && of == "":
		return "", "", errWhichMoney
	case one != "" && one != of:
		return "", "", errTwoMonies
	}
	plain, err = decimalOf(s)
	return plain, currency, err
}

// cutSymbol removes a currency symbol from either end and keeps a minus before
// it.
func cutSymbol(s string) (rest string, symbol rune) {
	s, minus := strings.CutPrefix(s, "-")
	runes := []rune(strings.TrimSpace(s))
	switch n := len(runes); {
	case n > 0 && unicode.Is(unicode.Sc, runes[0]):
		symbol, runes = runes[0], runes[1:]
	case n > 0 && unicode.Is(unicode.Sc, runes[n-1]):
		symbol, runes = runes[n-1], runes[:n-1]
	}
	rest = strings.TrimSpace(string(runes))
	if minus {
		rest = "-" + rest
	}
	return rest, symbol
}

// decimalOf reads a number whose separators are unambiguous.
func decimalOf(s string) (string, error) {
	s, minus := strings.CutPrefix(s, "-")
	whole, fraction := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		whole, fraction = s[:i], s[i+1:]
		switch others := separators(whole); {
		case others == "" && grouped.MatchString(s):
			return "", errTwoAmounts
		case strings.Contains(others, s[i:i+1]):
			// Only thousands are separated more than once.
			whole, fraction = s, ""
		case !digits.MatchString(fraction):
			return "", errNoAmount
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
	if !digits.MatchString(whole) {
		return "", errNoAmount
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if minus {
		whole = "-" + whole
	}
	return whole, nil
}

// separators returns the distinct characters of a number that are no digits.
func separators(s string) string {
	found := slices.DeleteFunc([]byte(s), func(c byte) bool { return '0' <= c && c <= '9' })
	slices.Sort(found)
	return string(slices.Compact(found))
}
