package configs

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// timeWords are the names that a time format may have instead of a layout.
var timeWords = []string{"rfc3339", "date", "epoch_s", "epoch_ms"}

// layoutElement matches the elements of Go's time layouts, the longer ones
// first; see the constants of package time.
var layoutElement = regexp.MustCompile(`January|Jan|Monday|Mon|MST|Z0700(?:00)?|Z07:00(?::00)?|Z07|-0700(?:00)?|-07:00(?::00)?|-07|_?2006|__2|_2|002|0[1-6]|15|[.,](?:0+|9+)|PM|pm|[1-5]`)

// fixedOffset matches an offset after the time of day that stands for itself
// alone: Go's layouts have no element that begins with a plus sign.
var fixedOffset = regexp.MustCompile(`(?:0[3-5]|[3-5]|15|PM|pm|[.,][09]+) ?(?:\+\d\d(?::?\d\d)?|-(?:0[0-689]|1[0-4])(?::?\d\d)(?:\D|$)|-(?:0[0-689]|1[0-4])$)`)

// What to do about a layout that does not read the time zone.
const (
	zoneRemedy  = "write Z07:00 or -0700 where the zone stands, or leave the zone out if every time is in the portal's"
	clockRemedy = "write 15 for the hour of a 24-hour clock, or add PM"
	dayRemedy   = "write year, month and day as Go's layouts do, such as 2006-01-02 15:04:05"
)

// timeFormats checks the formats of times.
func (r *report) timeFormats(key string, formats []string) {
	if formats != nil && len(formats) == 0 {
		r.add(key, "an empty list", "name at least one format, or remove the key")
	}
	for i, format := range formats {
		if what, remedy := layoutProblem(format); what != "" {
			r.add(item(key, i), what, remedy)
		}
	}
}

// layoutProblem says why times in this format would be misread, or "". A
// layout is refused if its text cannot carry the zone, because then it reads
// most times without an error and wrong by hours.
func layoutProblem(format string) (what, remedy string) {
	if slices.Contains(timeWords, format) {
		return "", ""
	}
	if strings.Contains(format, "MST") {
		return "reads a zone's abbreviation, which does not say how far it is from UTC", zoneRemedy
	}
	for _, zone := range []*time.Location{time.FixedZone("", 5*3600), time.FixedZone("", -3*3600)} {
		for _, at := range probes(zone) {
			if what, remedy := misread(format, at); what != "" {
				return what, remedy
			}
		}
	}
	switch {
	case fixedOffset.MatchString(format):
		return "has a fixed offset, which is compared as text and not read", zoneRemedy
	case namesZone(format):
		return "names a time zone, which is compared as text and not read", zoneRemedy
	}
	return "", ""
}

// namesZone reports whether a layout has a literal word that looks like the
// name of a time zone: UTC, Z, CET or Europe/Paris.
func namesZone(layout string) bool {
	literals := layoutElement.ReplaceAllString(layout, "\x00")
	for _, word := range strings.FieldsFunc(literals, func(r rune) bool { return !unicode.IsLetter(r) && r != '/' && r != '_' }) {
		name := strings.Trim(word, "/_")
		upper := strings.ToUpper(name)
		switch {
		case upper == "Z", upper == "UT", upper == "UTC", upper == "GMT", upper == "ZULU",
			len(name) > 1 && name == upper && name != "T", strings.Contains(name, "/"):
			return true
		}
	}
	return false
}

// probes are times that a layout has to read back: both halves of the day, and
// the borders of days, months and years.
func probes(zone *time.Location) []time.Time {
	return []time.Time{
		time.Date(2026, time.November, 21, 13, 4, 5, 0, zone),
		time.Date(2026, time.March, 2, 0, 30, 0, 0, zone),
		time.Date(2024, time.February, 29, 12, 0, 59, 0, zone),
		time.Date(2025, time.December, 31, 23, 59, 9, 0, zone),
		time.Date(2027, time.January, 1, 1, 1, 1, 0, zone),
	}
}

// misread says how a time differs from what is read of its text, or "".
func misread(layout string, at time.Time) (what, remedy string) {
	got, err := time.ParseInLocation(layout, at.Format(layout), at.Location())
	if err != nil {
		return "neither a known name nor a Go layout", dayRemedy
	}
	got = got.In(at.Location())
	y, m, d := at.Date()
	if gy, gm, gd := got.Date(); gy != y || gm != m || gd != d {
		return "does not read the day", dayRemedy
	}
	later := time.Date(y, m, d, (at.Hour()+1)%24, at.Minute(), at.Second(), 0, at.Location())
	if hasClock := at.Format(layout) != later.Format(layout); hasClock && got.Hour() != at.Hour() {
		return "does not read the hour", clockRemedy
	}
	return "", ""
}
