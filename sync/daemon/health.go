package daemon

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// A faultKind is a kind of fault, of which a portal has at most one each.
type faultKind string

// The kinds of faults, those of the engine among them.
const (
	faultOpen    faultKind = "open" // the portal cannot be opened
	faultHubSpot           = faultKind(giftsync.FaultHubSpot)
	faultThnks             = faultKind(giftsync.FaultThnks)
	faultDisk              = faultKind(giftsync.FaultDisk)
	faultInbox   faultKind = "inbox" // no room for further webhook events
)

// faultKinds are all kinds, in the order in which they are shown.
var faultKinds = []faultKind{faultOpen, faultHubSpot, faultThnks, faultDisk, faultInbox}

// stops reports whether webhook events wait until the fault is over. A full disk
// or inbox is no reason: processing events is what empties the inbox.
func (k faultKind) stops() bool { return k != faultDisk && k != faultInbox }

// An origin is what met a fault. What that does next may show that it is over.
type origin int

// The origins.
const (
	byRun     origin = iota // a run, or its beginning
	byWorker                // the processing of webhook events
	byReceipt               // the receipt of webhook events
)

// A fault is one thing that needs an admin.
type fault struct {
	err   error
	cause string // what it is, without what differs from time to time
	by    origin
	since time.Time
}

// health is how a portal stands. Each change is logged once.
//
// A fault stays until the call that failed succeeds: nothing else that goes
// well removes it. [Loop.prove] makes that call where nothing else does.
type health struct {
	portal string
	clock  func() time.Time
	log    *slog.Logger

	mu           sync.Mutex
	status       giftsync.Status   // what runs are doing, and did; not what is wrong
	progress     giftsync.Progress // of the run under way
	faults       map[faultKind]fault
	trouble      string // why the last run ended early
	troubleSince time.Time
}

func newHealth(portal string, clock func() time.Time, log *slog.Logger) *health {
	return &health{
		portal: portal, clock: clock, log: log,
		status: giftsync.Status{Portal: portal}, faults: make(map[faultKind]fault),
	}
}

// get returns the status without its next run.
func (h *health) get() giftsync.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.status
	s.Ready, s.Trouble, s.Since = len(h.faults) == 0, h.trouble, h.troubleSince
	var problems []string
	for _, kind := range faultKinds {
		if f, ok := h.faults[kind]; ok {
			problems = append(problems, h.text(f.err))
			if len(problems) == 1 || f.since.Before(s.Since) {
				s.Since = f.since
			}
		}
	}
	s.Problem = strings.Join(problems, "; ")
	return s
}

// stopped reports whether an admin has to do something before events can be
// processed.
func (h *health) stopped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for kind := range h.faults {
		if kind.stops() {
			return true
		}
	}
	return false
}

// standing returns the fault of a kind, if there is one.
func (h *health) standing(kind faultKind) (fault, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.faults[kind]
	return f, ok
}

// doing notes the mode of the run under way, "" for none.
func (h *health) doing(m giftsync.Mode) { h.progressed(giftsync.Progress{Mode: m}) }

// progressed notes how far the run under way has come. It may have turned into
// one of another mode.
func (h *health) progressed(p giftsync.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Doing, h.progress = p.Mode, p
}

// figures returns the kinds of the faults that stand, and how far the run under
// way has come.
func (h *health) figures() (faults map[string]bool, progress giftsync.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	faults = make(map[string]bool)
	for _, kind := range faultKinds {
		_, faults[string(kind)] = h.faults[kind]
	}
	return faults, h.progress
}

// synced notes when the last run without error finished.
func (h *health) synced(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.LastSync = at
}

// failed notes a fault, and logs one that is another than before.
func (h *health) failed(kind faultKind, by origin, err error) {
	if h.addFault(kind, by, err) {
		h.log.Error("portal needs attention", logProblem, h.text(err))
	}
}

// addFault notes a fault, and reports whether it is another one than before.
func (h *health) addFault(kind faultKind, by origin, err error) bool {
	f := fault{err: err, cause: h.text(err), by: by, since: h.clock().UTC()}
	if fatal, ok := errors.AsType[*giftsync.Fatal](err); ok {
		f.cause = fatal.What // the error behind it differs from time to time
	}
	if kind == faultDisk || kind == faultInbox {
		f.cause = string(kind)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble, h.troubleSince = "", time.Time{}
	before, stood := h.faults[kind]
	same := stood && before.cause == f.cause
	if same {
		f.since, f.by = before.since, before.by
	}
	h.faults[kind] = f
	return !same
}

// delayed notes that a run ended early although it may succeed by itself, and
// logs the first one that did.
func (h *health) delayed(err error) {
	if h.setTrouble(err) {
		h.log.Warn("a run ended early; the next one goes on", logError, h.text(err))
	}
}

// setTrouble notes why a run ended early, and reports whether it is the first.
func (h *health) setTrouble(err error) bool {
	now := h.clock().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.trouble == "" && len(h.faults) == 0
	if h.trouble == "" {
		h.troubleSince = now
	}
	h.trouble = h.text(err)
	return first
}

// succeeded notes that a pass ended well.
func (h *health) succeeded() { h.change(func() { h.trouble, h.troubleSince = "", time.Time{} }) }

// proved removes the faults of some kinds: the call that failed has succeeded.
func (h *health) proved(kinds ...faultKind) {
	h.change(func() {
		for _, kind := range kinds {
			delete(h.faults, kind)
		}
	})
}

// provedBy is proved for what an origin met itself.
func (h *health) provedBy(by origin, kinds ...faultKind) {
	h.change(func() {
		for _, kind := range kinds {
			if h.faults[kind].by == by {
				delete(h.faults, kind)
			}
		}
	})
}

// change removes some of what is wrong, and logs that nothing is left of it.
func (h *health) change(remove func()) {
	h.mu.Lock()
	wrong := func() bool { return len(h.faults) > 0 || h.trouble != "" }
	before := wrong()
	remove()
	recovered := before && !wrong()
	h.mu.Unlock()
	if recovered {
		h.log.Info("portal recovered")
	}
}

// text is an error without the portal's name, which the log line and the status have anyway.
func (h *health) text(err error) string {
	return strings.TrimPrefix(err.Error(), "portal "+h.portal+": ")
}

// kindOf is the kind of the fault that err is; "" for none.
func kindOf(err error) faultKind { return faultKind(giftsync.FaultOf(err)) }
