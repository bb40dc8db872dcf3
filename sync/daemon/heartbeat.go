package daemon

import (
	"sync"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
)

// A State tells what a portal's state file holds. [*store.Store] is one.
type State interface {
	Count() (int, error) // gifts
	OrphanCounts() (map[plan.Orphan]int, error)
	QuarantineCount() (int, error)
	InboxLoad() (float64, error) // how full the inbox is, as a share of what it may hold
	AuditHead() (store.AuditHead, error)
}

var _ State = (*store.Store)(nil)

// A heartbeat makes one log line a day for a portal, so that a quiet week does
// not look like a dead one.
type heartbeat struct {
	mu     sync.Mutex
	day    time.Time        // the last that has its line; zero before the loop runs
	engine *giftsync.Engine // that makes the calls now
	past   calls            // of the engines before
	said   calls            // up to the last line
}

// calls are how many calls were made.
type calls struct{ hubspot, thnks int }

// use notes the engine that makes the calls from now on.
func (h *heartbeat) use(e *giftsync.Engine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past = h.total()
	h.engine = e
}

// total is called with mu held.
func (h *heartbeat) total() calls {
	if h.engine == nil {
		return h.past
	}
	hubspot, thnks := h.engine.Calls()
	return calls{h.past.hubspot + hubspot, h.past.thnks + thnks}
}

// figures returns the engine that makes the calls now, nil before the first, and
// how many were made.
func (h *heartbeat) figures() (*giftsync.Engine, calls) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.engine, h.total()
}

// due reports whether the first look at a new day is being taken, and how many
// calls were made since the last.
func (h *heartbeat) due(now time.Time) (since calls, due bool) {
	day := now.Truncate(24 * time.Hour)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !day.After(h.day) && h.day.Sub(day) <= 24*time.Hour { // else our clock was ahead
		return calls{}, false
	}
	first := h.day.IsZero()
	h.day = day
	if first {
		return calls{}, false
	}
	total := h.total()
	since = calls{total.hubspot - h.said.hubspot, total.thnks - h.said.thnks}
	h.said = total
	return since, true
}

// beat logs how the portal stands, once a day of UTC that is later by the
// portal's offset.
func (l *Loop) beat() {
	made, due := l.pulse.due(l.timetable.now().Add(-l.cfg.Offset))
	if !due {
		return
	}
	s := l.health.get()
	attrs := []any{"ready", s.Ready, "last_pass", s.LastSync, "hubspot_calls", made.hubspot, "thnks_calls", made.thnks}
	l.log.Info("heartbeat", append(attrs, l.holdings()...)...)
}

// holdings are the numbers of gifts, orphans and quarantined records, for a log
// line; none where they cannot be read, which the next run says.
func (l *Loop) holdings() []any {
	if l.cfg.State == nil {
		return nil
	}
	j, err := l.cfg.State()
	if err != nil {
		return nil
	}
	gifts, err := j.Count()
	if err != nil {
		return nil
	}
	reasons, err := j.OrphanCounts()
	if err != nil {
		return nil
	}
	quarantined, err := j.QuarantineCount()
	if err != nil {
		return nil
	}
	head, err := j.AuditHead() // of which the log keeps a copy outside the file
	if err != nil {
		return nil
	}
	orphans := 0
	for _, n := range reasons {
		orphans += n
	}
	return []any{"gifts", gifts, "orphans", orphans, "quarantine", quarantined, "audit_entry", head.Seq, "audit_head", head.Hash}
}
