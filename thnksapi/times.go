package thnksapi

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Years in which a gift can have been sent. A time outside of them was read in
// the wrong unit or means that there is none.
const (
	firstYear = 2000
	lastYear  = 2100
)

// parseTime reads a time by the first format that makes a believable one of
// it, and returns it in UTC. A text without a zone is in the given one. The
// first instants of the years 1 and 1970, which some systems write for no time,
// are the zero time.
func parseTime(s string, formats []string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	err := errors.New("not a time in any of dialect.time_formats")
	for _, format := range formats {
		t, wrong := parseFormat(s, format, zone)
		switch {
		case wrong != nil:
		case isNoTime(t):
			return time.Time{}, nil
		case t.UTC().Year() >= firstYear && t.UTC().Year() <= lastYear:
			return t.UTC(), nil
		default:
			err = errors.New("a time outside the years 2000 to 2100")
		}
	}
	return time.Time{}, err
}

// isNoTime reports whether a time is one that stands for none.
func isNoTime(t time.Time) bool {
	y, m, d := t.Date()
	midnight := t.Equal(time.Date(y, m, d, 0, 0, 0, 0, t.Location()))
	return midnight && m == time.January && d == 1 && (y == 1 || y == 1970) || t.Equal(time.Unix(0, 0))
}

func parseFormat(s, format string, zone *time.Location) (time.Time, error) {
	switch format {
	case FormatRFC3339:
		return parseISO(s, zone)
	case FormatDate:
		if len(s) == len("20060102") {
			return time.ParseInLocation("20060102", s, zone)
		}
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

// iso matches the ways of writing a time that ISO 8601 has and RFC 3339 leaves
// out, and some of what databases make of them: a blank for T, no seconds or no
// time of day, a comma, +0000, +00, a blank before the zone, UTC for Z.
var iso = regexp.MustCompile(`^(\d{4})(-?)(\d\d)(-?)(\d\d)(?:(?:[Tt]| +)(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9})\d*)?)?)? *(?:([Zz]|UTC|utc|GMT)|([+-]\d\d)(?::?(\d\d))?)?$`)

// parseISO reads a time as of RFC 3339 or ISO 8601.
func parseISO(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	m := iso.FindStringSubmatch(s)
	if m == nil || m[2] != m[4] {
		return time.Time{}, errors.New("no ISO time")
	}
	plain := m[1] + "-" + m[3] + "-" + m[5] + "T" + cmp.Or(m[6], "00") + ":" + cmp.Or(m[7], "00") + ":" + cmp.Or(m[8], "00")
	if m[9] != "" {
		plain += "." + m[9]
	}
	switch {
	case m[10] != "":
		return time.Parse(time.RFC3339, plain+"Z")
	case m[11] != "":
		return time.Parse(time.RFC3339, plain+m[11]+":"+cmp.Or(m[12], "00"))
	default:
		return time.ParseInLocation("2006-01-02T15:04:05", plain, zone)
	}
}
