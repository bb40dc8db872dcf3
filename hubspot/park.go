package hubspot

import "time"

const (
	// migrationWait is how long to wait for an account that is moving between
	// data centres when HubSpot does not say.
	migrationWait = time.Hour

	// If a daily limit is still exhausted within lateReset after it should have
	// ended, it has only not ended yet: clocks differ. We then try again every
	// lateResetWait instead of a day later.
	lateReset     = 15 * time.Minute
	lateResetWait = 5 * time.Minute
)

// park stops all calls until a limit ends that outlasts any retry. It sets
// e.Until.
func (c *Client) park(class Class, e *Error) {
	zone := time.UTC
	if c.timeZone != nil {
		if z := c.timeZone(); z != nil {
			zone = z
		}
	}
	now := time.Now()
	c.mu.Lock()
	switch {
	case e.Kind == Daily:
		e.Until = c.dailyEnd(now, zone)
	case e.RetryAfter > 0:
		e.Until = now.Add(e.RetryAfter)
	default:
		e.Until = now.Add(migrationWait)
	}
	first := !now.Before(c.parkedUntil) // calls in flight may report the same limit
	if e.Until.After(c.parkedUntil) {
		c.parkedUntil = e.Until
	}
	c.mu.Unlock()

	parked := *e // the caller may change its own
	for _, b := range []*bucket{c.objects, c.associations, c.search} {
		b.stop(&parked, e.Until)
	}
	if first {
		c.log.Warn("HubSpot calls parked", keyReason, e.Kind.String(), keyUntil, e.Until,
			keyClass, string(class), keyCorrelation, e.CorrelationID)
	}
}

// dailyEnd returns when the daily limit, found exhausted now, ends. It is called
// with mu held.
func (c *Client) dailyEnd(now time.Time, zone *time.Location) time.Time {
	if since := now.Sub(c.dailyReset); since >= 0 && since < lateReset {
		return now.Add(lateResetWait)
	}
	c.dailyReset = nextMidnight(now, zone)
	return c.dailyReset
}

// nextMidnight returns when the next day begins in the zone. If clocks go forward
// at midnight, that is at one o'clock.
func nextMidnight(now time.Time, zone *time.Location) time.Time {
	year, month, day := now.In(zone).Date()
	noon := time.Date(year, month, day+1, 12, 0, 0, 0, zone)
	midnight := time.Date(year, month, day+1, 0, 0, 0, 0, zone)
	if midnight.Day() != noon.Day() {
		_, midnight = midnight.ZoneBounds()
	}
	return midnight
}
