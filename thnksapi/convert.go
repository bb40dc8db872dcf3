package thnksapi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Bounds of an amount of money: longer texts and larger exponents only cost
// time.
const (
	maxAmountText     = 40
	maxAmountExponent = 30
)

// parse reads an amount in the dialect's unit. The empty text is no amount.
func (m Money) parse(s, currency string) (decimal.NullDecimal, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return decimal.NullDecimal{}, nil
	}
	if len(s) > maxAmountText {
		return decimal.NullDecimal{}, fmt.Errorf("a decimal number of more than %d characters", maxAmountText)
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > maxAmountExponent || d.Exponent() < -maxAmountExponent {
		return decimal.NullDecimal{}, errors.New("not a decimal number")
	}
	if m.Unit == UnitMinor {
		if !d.IsInteger() {
			return decimal.NullDecimal{}, errors.New("not a whole number of minor units: check dialect.money.unit")
		}
		exponent, err := minorExponent(currency)
		if err != nil {
			return decimal.NullDecimal{}, err
		}
		d = d.Shift(-exponent)
	}
	return decimal.NewNullDecimal(d), nil
}

// minorExponent returns how many decimal places a currency has by ISO 4217
// (list one, as maintained by SIX). CLDR's table is no substitute: it has the
// digits in everyday use, which are fewer for some currencies.
func minorExponent(currency string) (int32, error) {
	code := strings.ToUpper(strings.TrimSpace(currency))
	switch code {
	case "":
		return 0, errors.New("in minor units of no currency: set dialect.money.default_currency")
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0, nil
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, nil
	case "CLF", "UYW":
		return 4, nil
	}
	if !isCurrency(code) {
		return 0, errors.New("in minor units of something that is no currency code")
	}
	return 2, nil
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// A Zone returns the time zone of times that name none. It is called for each
// of them, because the zone may become known only after the client was made.
// If it is nil or returns nil, they are in UTC.
type Zone func() *time.Location

func (z Zone) location() *time.Location {
	if z != nil {
		if l := z(); l != nil {
			return l
		}
	}
	return time.UTC
}
