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

// parseTime reads a time by the first format that fits and returns it in UTC.
// A text without a zone is in the given one. The empty text is the zero time,
// and so is the first of January of the year 1, which some systems write for
// it.
func parseTime(s string, formats []string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, nil
	}
	for _, format := range formats {
		t, err := parseFormat(s, format, zone)
		if err != nil {
			continue
		}
		if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
			return time.Time{}, errors.New("a time outside the years 0 to 9999")
		}
		return t, nil
	}
	return time.Time{}, errors.New("not a time in any of dialect.time_formats")
}

func parseFormat(s, format string, zone *time.Location) (time.Time, error) {
	switch format {
	case FormatRFC3339:
		return time.Parse(time.RFC3339, s)
	case FormatDate:
		return time.ParseInLocation(time.DateOnly, s, zone)
	case FormatEpochSecond:
		return parseEpoch(s, int64(time.Second))
	case FormatEpochMilli:
		return parseEpoch(s, int64(time.Millisecond))
	default:
		return time.ParseInLocation(format, s, zone)
	}
}

// parseEpoch reads a count of units (in nanoseconds) since 1970. It may have a
// fraction.
func parseEpoch(s string, unit int64) (time.Time, error) {
	if len(s) > maxAmountText {
		return time.Time{}, errors.New("no epoch time")
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > maxAmountExponent || d.Exponent() < -maxAmountExponent {
		return time.Time{}, errors.New("no epoch time")
	}
	seconds := d.Mul(decimal.New(unit, -9))
	whole := seconds.Floor()
	if whole.Abs().GreaterThan(decimal.New(1, 12)) {
		return time.Time{}, errors.New("no epoch time")
	}
	nanos := seconds.Sub(whole).Shift(9).IntPart()
	return time.Unix(whole.IntPart(), nanos), nil
}
