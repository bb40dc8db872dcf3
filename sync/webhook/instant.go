package webhook

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// noZone is why an event is answered 503 rather than kept.
const noZone = "the event's time names no zone, and the portal's time zone is not known before its first run: set time_zone, or let a run end"

var (
	errNoInstant = errors.New("the text is not a time")
	errNoZone    = errors.New(noZone)
)

// The forms of a time with and without a zone, after [clockForm] has parted it.
// The longer ones are those of RFC 3339, the others of ISO 8601.
var (
	clockLayouts = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "20060102T150405", "20060102T1504"}
	zoneLayouts  = []string{"Z07:00", "Z0700", "Z07"}
)

// clockForm matches date, time and zone. A zone of letters is a name of UTC.
var clockForm = regexp.MustCompile(`^([0-9-]+)[T ] ?([0-9:.,]+) ?(|Z|UTC|GMT|[+-][0-9:]+)$`)

// instant reads a time and returns it in UTC. It takes RFC 3339 and what programs
// write in its place: a blank for the T, no seconds, +0000, +00 or UTC. A time
// without a zone is in the one that zone returns; if that is nil, the error is
// errNoZone. Years before 2000 are refused: programs write 0001-01-01 or
// 1970-01-01 when they have no time. Transactions that are fetched follow the
// same rule.
func instant(text string, zone func() *time.Location) (time.Time, error) {
	parts := clockForm.FindStringSubmatch(strings.ToUpper(trimmed(text)))
	if parts == nil {
		return time.Time{}, errNoInstant
	}
	clock, offset := parts[1]+"T"+parts[2], parts[3]
	var at time.Time
	var ok bool
	switch offset {
	case "":
		if _, ok = parseAny(clock, clockLayouts, []string{""}, time.UTC); !ok {
			return time.Time{}, errNoInstant
		}
		local := zone()
		if local == nil {
			return time.Time{}, errNoZone
		}
		at, ok = parseAny(clock, clockLayouts, []string{""}, local)
	case "Z", "UTC", "GMT":
		at, ok = parseAny(clock, clockLayouts, []string{""}, time.UTC)
	default:
		at, ok = parseAny(clock+offset, clockLayouts, zoneLayouts, time.UTC)
	}
	if at = at.UTC(); !ok || at.Year() < 2000 {
		return time.Time{}, errNoInstant
	}
	return at, nil
}

// parseAny reads text by the first layout that fits: one of clocks, followed by
// one of zones.
func parseAny(text string, clocks, zones []string, in *time.Location) (time.Time, bool) {
	for _, clock := range clocks {
		for _, zone := range zones {
			if at, err := time.ParseInLocation(clock+zone, text, in); err == nil {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
