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
	return s.counters[v.portal].stats.get(time.Now(), func() (stats.Report, error) {
		rep, err := v.portal.Stats(ctx)
		for i := range rep.RecentActivity {
			rep.RecentActivity[i].Recipient = ""
		}
		return rep, err
	})
}

// A statsCache keeps the statistics of a portal for a while.
type statsCache struct {
	mu     sync.Mutex
	report stats.Report
	until  time.Time
}

// get returns what is kept, or else computes it: once, however many wait for it.
func (c *statsCache) get(now time.Time, compute func() (stats.Report, error)) (stats.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.until) {
		return c.report, nil
	}
	rep, err := compute()
	if err == nil {
		c.report, c.until = rep, now.Add(statsFor)
	}
	return rep, err
}

// settings answers with what is connected, and what is missing.
func (s *Server) settings(ctx context.Context, v visit) (any, error) { return v.portal.Settings(ctx) }
