package send

import (
	"errors"
	"fmt"
	"time"
)

// furthest is how far ahead a gift may be scheduled.
const furthest = 366 * 24 * time.Hour

// clocks are the forms of a time without an offset.
var clocks = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

// ParseAt reads when a gift is to be sent: 2026-12-24 09:00 in the portal's time
// zone, or a time with its offset in RFC 3339. A local time that the clocks skip or
// show twice on that day is refused. zone is nil where it is not known; then the
// offset is needed.
func ParseAt(s string, zone *time.Location) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = parseLocal(s, zone)
	}
	return at.UTC(), err
}

// checkAt refuses a time in the past, or more than a year ahead.
func checkAt(at, now time.Time) error {
	switch {
	case at.Before(now):
		return errors.New("the time to send at is past")
	case at.Sub(now) > furthest:
		return errors.New("the time to send at is more than a year ahead")
	}
	return nil
}

func parseLocal(s string, zone *time.Location) (time.Time, error) {
	for _, clock := range clocks {
		wall, err := time.Parse(clock, s)
		if err != nil {
			continue
		}
		if zone == nil {
			return time.Time{}, errors.New("the portal's time zone is not known yet: give the time with its offset, as in 2026-12-24T09:00:00+01:00")
		}
		times := instants(wall, zone)
		switch len(times) {
		case 1:
			return times[0], nil
		case 0:
			return time.Time{}, fmt.Errorf("%s is not on the clocks of %s, which are put forward on that day: choose another time", wall.Format("2006-01-02 15:04"), zone)
		default:
			return time.Time{}, fmt.Errorf("%s is twice on the clocks of %s, which are put back on that day: give the time with its offset, %s or %s",
				wall.Format("2006-01-02 15:04"), zone, times[0].Format(time.RFC3339), times[1].Format(time.RFC3339))
		}
	}
	return time.Time{}, errors.New("not a time: write it like 2026-12-24 09:00, in the portal's time zone, or like 2026-12-24T09:00:00+01:00")
}

// instants returns the times at which the clocks of a zone show a wall time, in
// order: one, or on the days when they are changed perhaps none or two.
func instants(wall time.Time, zone *time.Location) []time.Time {
	var found []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		shown := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
		if shown.Equal(wall) && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	return found
}
