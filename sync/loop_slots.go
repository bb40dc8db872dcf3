package sync

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/robfig/cron/v3"
)

// slots are the moments at which a portal's scheduled runs begin: those of a
// schedule, in UTC, each later by the portal's offset. They lie where they
// lie, whenever the program was started: an interval ("@every 90m"), which the
// library counts from the time it is given, is counted from midnight of
// 1 January of the year 1.
type slots struct {
	schedule cron.Schedule
	offset   time.Duration
}

// Next returns the first slot after t, or the zero time where none comes.
func (s slots) Next(t time.Time) time.Time {
	t = t.UTC().Add(-s.offset)
	var next time.Time
	if every, ok := s.schedule.(cron.ConstantDelaySchedule); ok {
		next = t.Truncate(every.Delay).Add(every.Delay)
	} else {
		next = s.schedule.Next(t)
	}
	if next.IsZero() {
		return next
	}
	return next.Add(s.offset)
}

// Bounds of [Offset].
const (
	maxOffset   = 5 * time.Minute
	offsetShare = 10 // of an interval, an offset is less than this part
)

// Offset returns by how much a portal's slots are later than its schedule says,
// so that the portals of one installation, and all the installations in the
// world, do not all begin at the full hour. It follows from the name alone,
// in whole seconds, and is less than 5 minutes and less than a tenth of the
// schedule's shortest interval.
func Offset(portal string, schedule cron.Schedule) time.Duration {
	limit := min(maxOffset, shortest(schedule)/offsetShare).Truncate(time.Second)
	if limit <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(portal))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%uint64(limit/time.Second)) * time.Second
}

// shortest returns the shortest interval between two slots of a schedule, as
// far as the first hundred of a year show.
func shortest(schedule cron.Schedule) time.Duration {
	const enough = 100
	at := schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	least := maxOffset * offsetShare
	for end, n := at.AddDate(1, 0, 0), 0; n < enough && at.Before(end); n++ {
		next := schedule.Next(at)
		if next.IsZero() {
			break
		}
		least = min(least, next.Sub(at))
		at = next
	}
	return least
}
