package daemon

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// health is how a portal stands. Each change is logged once. A problem is
// cleared only by a successful pass; a later network error does not clear it.
type health struct {
	portal string
	clock  func() time.Time
	log    *slog.Logger

	mu     sync.Mutex
	status giftsync.Status // all but NextRun
	cause  string          // which problem status.Problem describes
}

func newHealth(portal string, clock func() time.Time, log *slog.Logger) *health {
	return &health{portal: portal, clock: clock, log: log, status: giftsync.Status{Portal: portal, Ready: true}}
}

// get returns the status without its next run.
func (h *health) get() giftsync.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

// ready reports whether no admin is needed.
func (h *health) ready() bool { return h.get().Ready }

// doing notes the mode of the run under way, "" for none.
func (h *health) doing(m giftsync.Mode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Doing = m
}

// synced notes when the last run without error finished.
func (h *health) synced(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.LastSync = at
}

// noteOutcome notes how the portal stands after a pass, or after an attempt to
// open it. admin says that the error does not pass by itself.
func (h *health) noteOutcome(err error, admin bool) {
	switch {
	case err == nil:
		if h.recovered() {
			h.log.Info("portal recovered")
		}
	case admin:
		if h.needsAttention(err) {
			h.log.Error("portal needs attention", logProblem, h.text(err))
		}
	default:
		if h.delayed(err) {
			h.log.Warn("a run ended early; the next one goes on", logError, h.text(err))
		}
	}
}

// recovered notes that all is well, and reports whether that is a change.
func (h *health) recovered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.status
	changed := !s.Ready || s.Trouble != ""
	s.Ready, s.Problem, s.Trouble, s.Since, h.cause = true, "", "", time.Time{}, ""
	return changed
}

// needsAttention notes a problem, and reports whether it is another one than
// before.
func (h *health) needsAttention(err error) bool {
	cause := h.text(err)
	if fatal, ok := errors.AsType[*giftsync.Fatal](err); ok {
		cause = fatal.What // the error behind it differs from time to time
	}
	now := h.clock().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.status
	s.Ready, s.Problem, s.Trouble = false, h.text(err), ""
	if cause == h.cause {
		return false
	}
	h.cause, s.Since = cause, now
	return true
}

// delayed notes that a run ended early, and reports whether it is the first one
// that did.
func (h *health) delayed(err error) bool {
	now := h.clock().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.status
	first := s.Ready && s.Trouble == ""
	if first {
		s.Since = now
	}
	s.Trouble = h.text(err)
	return first
}

// text is an error without the portal's name, which the log line and the status have anyway.
func (h *health) text(err error) string {
	return strings.TrimPrefix(err.Error(), "portal "+h.portal+": ")
}
