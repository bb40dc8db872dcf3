package stats

import (
	"fmt"
	"math"
	"time"
)

// Days are counted from the first of January 1970, as calendars have them: each
// one ends where the next one begins, even where a change of clocks makes it
// longer or shorter than 24 hours.

const secondsOfDay = 24 * 60 * 60

// unknownDay and unknownMonth stand for those of an unknown time.
const (
	unknownDay   = math.MinInt
	unknownMonth = math.MinInt
)

// dayOf returns the day of a time in a zone.
func dayOf(t time.Time, zone *time.Location) int {
	if t.IsZero() {
		return unknownDay
	}
	_, offset := t.In(zone).Zone()
	local := t.Unix() + int64(offset)
	day := local / secondsOfDay
	if local < day*secondsOfDay {
		day--
	}
	return int(day)
}

// dateOf is the inverse of dayOf for days that are known.
func dateOf(day int) time.Time { return time.Unix(int64(day)*secondsOfDay, 0).UTC() }

// dayText returns a day as people write it, as 2026-01-31.
func dayText(day int) string { return dateOf(day).Format(time.DateOnly) }

// parseDay is the inverse of dayText.
func parseDay(text string) (int, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || !t.After(time.Time{}) { // which stands for no day
		return 0, fmt.Errorf("%q is no day: write it as 2026-01-31", text)
	}
	return dayOf(t, time.UTC), nil
}

// monthOf returns the month of a day, counted from the beginning of our era.
func monthOf(day int) int {
	if day == unknownDay {
		return unknownMonth
	}
	t := dateOf(day)
	return t.Year()*12 + int(t.Month()) - 1
}

// monthText returns a month as people write it, as 2026-01, "" for an unknown one.
func monthText(month int) string {
	if month == unknownMonth {
		return ""
	}
	return time.Date(0, time.Month(month+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}
