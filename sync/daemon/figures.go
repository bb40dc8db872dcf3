package daemon

import (
	"context"
	"errors"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/plan"
)

// An End is how a run ended.
type End string

// The ends.
const (
	EndWell       End = "ok"
	EndEarly      End = "early"       // the next run may well succeed
	EndNeedsAdmin End = "needs_admin" // no run succeeds before an admin does something
	EndRefused    End = "refused"     // what was asked for cannot be done, which says nothing of the portal
	EndStopped    End = "stopped"     // by a user, or because the daemon stops
)

// A Meter counts what a loop does. Its methods are called by several goroutines,
// and must not block.
type Meter interface {
	// RunEnded is called once for every run that began and was no dry run.
	RunEnded(rep giftsync.Report, end End)
	// EventsDone is called with how many webhook events were processed.
	EventsDone(n int)
}

type noMeter struct{}

func (noMeter) RunEnded(giftsync.Report, End) {}
func (noMeter) EventsDone(int)                {}

// meter counts a run that has ended.
func (l *Loop) meter(q *queuedRun) {
	if q.report.DryRun || q.report.StartedAt.IsZero() { // or none was due
		return
	}
	l.cfg.Meter.RunEnded(q.report, q.end())
}

// end is how a run ended.
func (q *queuedRun) end() End {
	var refused *giftsync.RequestError
	switch {
	case q.err == nil:
		return EndWell
	case errors.Is(q.err, giftsync.ErrStopping), errors.Is(q.err, context.Canceled):
		return EndStopped
	case errors.As(q.err, &refused):
		return EndRefused
	case q.needsAdmin, kindOf(q.err) != "":
		return EndNeedsAdmin
	}
	return EndEarly
}

// Figures are how a portal stands, in numbers.
type Figures struct {
	Status     giftsync.Status
	Faults     map[string]bool   // every kind of fault, and whether one stands
	Progress   giftsync.Progress // of the run under way
	Queued     int               // runs that wait for it to end
	ThnksCalls int               // since the daemon began
	// Watermark is the time up to which every change at the source is known; zero
	// where that is not known.
	Watermark time.Time
	Holdings  *Holdings // nil while the state file is not open or cannot be read
}

// Holdings are what a portal's state file holds.
type Holdings struct {
	Gifts       int
	Quarantined int
	Orphans     map[plan.Orphan]int
	Events      map[store.EventState]int // in the inbox
	InboxLoad   float64                  // how full the inbox is, as a share of what it may hold
	Backfilled  bool                     // the first backfill has finished
	Access      app.Standing             // by OAuth; zero without it
	Sends       *Sends                   // nil where the configuration lets nothing be sent
}

// Sends are what a portal's ledger of sends holds.
type Sends struct {
	Off    bool                    // sending is off until a person has looked
	Open   map[store.SendState]int // those to which something is still to happen
	Oldest time.Time               // when the oldest of unknown outcome was begun; zero if there is none
}

// sendsOf reads what a ledger holds.
func sendsOf(j *store.Store) (*Sends, error) {
	sending, err := j.Sending()
	if err != nil {
		return nil, err
	}
	open, err := j.OpenSends()
	if err != nil {
		return nil, err
	}
	s := &Sends{Off: sending.Off != "", Open: make(map[store.SendState]int)}
	for _, e := range open {
		s.Open[e.State]++
		if at := e.When(); e.State == store.SendUnknown && (s.Oldest.IsZero() || at.Before(s.Oldest)) {
			s.Oldest = at
		}
	}
	return s, nil
}

// Figures returns how the portal stands, without its holdings.
func (l *Loop) Figures() Figures {
	f := Figures{Status: l.Status(), Queued: l.queue.length()}
	f.Faults, f.Progress = l.health.figures()
	engine, made := l.pulse.figures()
	f.ThnksCalls = made.thnks
	if engine != nil {
		f.Watermark, _ = engine.Watermark() // where it cannot be read, a run says so
	}
	return f
}

// length returns how many runs wait.
func (q *runQueue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// holdingsOf reads what a state file holds, nil where it cannot be read, which
// the next run says.
func holdingsOf(j *store.Store, sends bool) *Holdings {
	var h Holdings
	for _, read := range []func() error{
		func() (err error) { h.Gifts, err = j.Count(); return },
		func() (err error) { h.Quarantined, err = j.QuarantineCount(); return },
		func() (err error) { h.Orphans, err = j.OrphanCounts(); return },
		func() (err error) { h.Events, _, err = j.EventCounts(); return },
		func() (err error) { h.InboxLoad, err = j.InboxLoad(); return },
		func() (err error) { h.Access, err = app.StandingOf(j); return },
		func() (err error) { h.Backfilled, err = giftsync.Backfilled(j); return },
	} {
		if read() != nil {
			return nil
		}
	}
	if sends {
		var err error
		if h.Sends, err = sendsOf(j); err != nil {
			return nil
		}
	}
	return &h
}
