package hubspot

import "time"

const (
	// migrationWait is how long to wait for an account that is moving between
	// data centres when HubSpot does not say.
	migrationWait = time.Hour

	// A daily limit that is still used up within lateReset after it was to end
	// has not ended yet: clocks differ, and HubSpot need not be punctual. It is
	// asked again every lateResetWait instead of a day later.
	lateReset     = 15 * time.Minute
	lateResetWait = 5 * time.Minute
)

// park ends all calls until a limit is over that waiting a little does not
// cure. It sets e.Until.
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
	news := !now.Before(c.parkedUntil) // else calls that were under way hear the same
	if e.Until.After(c.parkedUntil) {
		c.parkedUntil = e.Until
	}
	c.mu.Unlock()

	parked := *e // the caller may change its own
	for _, b := range []*bucket{c.objects, c.associations, c.search} {
		b.stop(&parked, e.Until)
	}
	if news {
		c.log.Warn("HubSpot calls parked", keyReason, e.Kind.String(), keyUntil, e.Until,
			keyClass, string(class), keyCorrelation, e.CorrelationID)
	}
}

// dailyEnd returns when the daily limit, found used up now, ends. It is called
// with mu held.
func (c *Client) dailyEnd(now time.Time, zone *time.Location) time.Time {
	if since := now.Sub(c.dailyReset); since >= 0 && since < lateReset {
		return now.Add(lateResetWait)
	}
	c.dailyReset = nextMidnight(now, zone)
	return c.dailyReset
}

// nextMidnight returns when the next day begins in the zone. Where clocks go
// forward at midnight, that is at one o'clock.
func nextMidnight(now time.Time, zone *time.Location) time.Time {
	year, month, day := now.In(zone).Date()
	noon := time.Date(year, month, day+1, 12, 0, 0, 0, zone)
	midnight := time.Date(year, month, day+1, 0, 0, 0, 0, zone)
	if midnight.Day() != noon.Day() {
		_, midnight = midnight.ZoneBounds()
	}
	return midnight
}
