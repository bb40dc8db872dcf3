package stats

import (
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Deadline is the last day on which a gift can be opened or, once it was opened,
// redeemed.
type Deadline struct {
	Day  string // 2026-12-24
	Left int    // days from today to it; negative once it is past
}

// DeadlineOf returns the deadline of a gift in a time zone; ok is false where the gift
// has ended, was not sent yet, or has no known end.
func DeadlineOf(g plan.Gift, zone *time.Location, now time.Time) (d Deadline, ok bool) {
	f := NewTally(zone).read(g)
	if !f.pending || f.days.deadline == unknownDay {
		return Deadline{}, false
	}
	return Deadline{Day: dayText(f.days.deadline), Left: f.days.deadline - dayOf(now, zone)}, true
}
