package sync

import (
	"cmp"
	"maps"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// Spent are the calls to HubSpot that the runs and the events of one day made.
// The day is one of the HubSpot account: HubSpot's daily limit ends at its
// midnight. A run's calls are counted once a run has ended without error.
type Spent struct {
	Day     string    `json:"day"` // "2026-11-30"
	Calls   int       `json:"calls"`
	Listing int       `json:"listing,omitempty"` // of these, by the daily listing of deals and companies
	Limit   int       `json:"limit,omitempty"`   // HubSpot's, of this access; 0 where it names none
	Left    int       `json:"left,omitempty"`    // of the limit, after the last call
	At      time.Time `json:"at"`                // of the last count
}

const spentEntry = "spent"

// SpentToday returns the calls of the day that now is in. Without any, only the
// day is set, and HubSpot's limit as it was named last.
func SpentToday(j History, now time.Time) (Spent, error) {
	var s Spent
	_, err := Recall(j, spentEntry, &s)
	if today := dayOfAccount(j, now); s.Day != today {
		s = Spent{Day: today, Limit: s.Limit, Left: s.Limit, At: s.At}
	}
	return s, err
}

// dayOfAccount returns the day of a time where the HubSpot account is.
func dayOfAccount(j History, at time.Time) string {
	return at.In(cmp.Or(PortalZone(j), time.UTC)).Format(time.DateOnly)
}

// spent returns the day's calls with those that were made since they were last
// counted. It is called by one run at a time.
func (e *Engine) spent(now time.Time, listing int) (Spent, error) {
	s, err := SpentToday(e.cfg.Journal, now)
	if err != nil {
		return s, err
	}
	made, _ := e.Calls()
	s.Calls += made - e.counted
	s.Listing += listing
	s.At = now
	e.counted = made
	if e.cfg.Budget == nil {
		return s, nil
	}
	if b := e.cfg.Budget(); b != (hubspot.Budget{}) {
		s.Limit, s.Left = b.Limit, b.Left
	}
	return s, nil
}

// addSpent adds the day's calls to the commit of a run that ends without error.
func addSpent(r *run, c *store.Commit, at time.Time) error {
	if r.req.DryRun {
		return nil
	}
	s, err := r.engine.spent(at, r.counts.listing)
	if err != nil {
		return err
	}
	if c.Meta == nil {
		c.Meta = make(map[string][]byte)
	}
	maps.Copy(c.Meta, Meta(spentEntry, s))
	return nil
}
