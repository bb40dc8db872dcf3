package card

import (
	"context"
	"sync"
	"time"

	"thnks-hubspot-sync/sync/stats"
)

// statsFor is how long statistics are shown before they are computed again.
const statsFor = time.Minute

// statistics answers with the portal's statistics, without who got the gifts: not
// every user may see every contact.
func (s *Server) statistics(ctx context.Context, v visit) (any, error) {
	return s.stats.get(v.portal.Name, time.Now(), func() (stats.Report, error) {
		rep, err := v.portal.Stats(ctx)
		for i := range rep.RecentActivity {
			rep.RecentActivity[i].Recipient = ""
		}
		return rep, err
	})
}

// A statsCache keeps the statistics of portals for a while.
type statsCache struct {
	mu  sync.Mutex
	all map[string]statsEntry
}

type statsEntry struct {
	report stats.Report
	until  time.Time
}

// get returns what is kept of a portal, or else computes it. It computes one at a
// time.
func (c *statsCache) get(portal string, now time.Time, compute func() (stats.Report, error)) (stats.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, known := c.all[portal]; known && now.Before(e.until) {
		return e.report, nil
	}
	rep, err := compute()
	if err != nil {
		return stats.Report{}, err
	}
	if c.all == nil {
		c.all = make(map[string]statsEntry)
	}
	c.all[portal] = statsEntry{rep, now.Add(statsFor)}
	return rep, nil
}

// settings answers with what is connected, and what is missing.
func (s *Server) settings(ctx context.Context, v visit) (any, error) { return v.portal.Settings(ctx) }
