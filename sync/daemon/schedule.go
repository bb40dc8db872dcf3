package daemon

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// slots are the moments at which a portal's scheduled runs begin: those of a
// schedule, in UTC, each later by the portal's offset. They do not depend on
// when the program was started: an interval ("@every 90m"), which the library
// counts from the time it is given, is counted from midnight of 1 January of the
// year 1.
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

// A timetable knows when a portal's next scheduled run is due.
type timetable struct {
	slots slots
	clock func() time.Time

	mu   sync.Mutex
	last time.Time // when the last scheduled run began; zero before the first
	next time.Time // the first slot after last
}

// now returns the wall clock's time. UTC takes the monotonic reading off:
// slots are the wall clock's, and so is every comparison with them.
func (t *timetable) now() time.Time { return t.clock().UTC() }

// setBack is how far the wall clock must have been set back for it to matter:
// time servers move it by less all the time, and that must not make a slot
// come twice.
const setBack = time.Minute

// due reports whether a slot has come since the last scheduled run began.
func (t *timetable) due() bool {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dueAt(now)
}

// dueAt is called with mu held.
func (t *timetable) dueAt(now time.Time) bool {
	next := t.nextAfter(now)
	return !next.IsZero() && !next.After(now)
}

// nextRun returns the next slot, and the zero time where one is due already.
func (t *timetable) nextRun() time.Time {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dueAt(now) {
		return time.Time{}
	}
	return t.nextAfter(now)
}

// nextAfter returns the first slot after the last scheduled run's beginning, and
// now before the first one. A beginning that lies ahead is a clock's mistake,
// made then or now; counting from it would put all slots off until then. It is
// called with mu held.
func (t *timetable) nextAfter(now time.Time) time.Time {
	if t.last.IsZero() {
		return now
	}
	if t.last.After(now.Add(setBack)) {
		t.countFrom(now)
	}
	return t.next
}

// countFrom notes when a scheduled run began. It is called with mu held.
func (t *timetable) countFrom(began time.Time) {
	t.last, t.next = began, t.slots.Next(began)
}

// begin notes when the last scheduled run began, as it was recorded. A
// beginning that is yet to come counts as none.
func (t *timetable) begin(last time.Time) {
	if last.After(t.now().Add(setBack)) {
		last = time.Time{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.countFrom(last)
}

// take reports whether a slot is due at a time, and if so counts the slots up to
// then as taken.
func (t *timetable) take(at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dueAt(at) {
		return false
	}
	t.countFrom(at)
	return true
}
