package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Run does what the loop is asked for, until ctx ends, and returns when the
// run under way has come to its safe point. It begins by itself with a pass
// where a slot of the schedule was missed while nothing ran, however many
// were, and where the first backfill has not finished. Call it once.
func (l *Loop) Run(ctx context.Context) {
	defer l.end()
	var lanes sync.WaitGroup
	defer lanes.Wait()
	for _, lane := range l.lanes {
		lanes.Go(func() { l.follow(ctx, lane) })
	}
	l.due()
	for ctx.Err() == nil {
		if l.once(ctx) {
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
	}
}

// end refuses what still waits.
func (l *Loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for _, a := range l.queue {
		l.refuse(a)
	}
	l.queue, l.automatic = nil, nil
}

// once does the run whose turn it is, and reports whether there was one.
func (l *Loop) once(ctx context.Context) bool {
	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a, automatic := l.begin(stop)
	if a == nil {
		return false
	}
	defer context.AfterFunc(a.ctx, func() { stop(errAsked) })()
	a.report, a.err = l.attempt(run, a, automatic)

	l.mu.Lock()
	l.under, l.stop, l.status.Doing = nil, nil, ""
	open := l.engine != nil
	l.mu.Unlock()
	close(a.done)
	if open {
		l.Events() // which may have waited for this run
	}
	return true
}

// begin takes the next run from the queue that is still wanted. stop ends it.
func (l *Loop) begin(stop context.CancelCauseFunc) (a *ask, automatic bool) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 {
		a, l.queue = l.queue[0], l.queue[1:]
		if automatic = a == l.automatic; automatic {
			l.automatic = nil
		}
		switch {
		case a.ctx.Err() != nil: // its asker has gone
		case automatic && !a.hinted && !l.isDue(now): // the run before took the slot meanwhile
		default:
			l.under, l.stop, l.status.Doing = a, stop, a.req.Mode
			return a, automatic
		}
	}
	return nil, false
}

// attempt does one run:
//
//   - Open the portal, unless that is done. An automatic run that cannot be
//     begun because of something that passes by itself stays due, so that the
//     next look at the clock tries again; what needs a person is tried again at
//     the next slot.
//   - Run the engine. The slot is taken from the moment the run begins.
//   - Record the slot, however the run ended: a failing portal is tried once a
//     slot, and no more often because the daemon restarts. A run that the
//     daemon's own stopping cuts off leaves its slot open, as a killed one
//     does, and is taken up again right after the start. So does one that needs
//     a person: a start must not look ready, and who has mended it expects it
//     to be tried.
//
// A panic ends the run alone. Nothing that took part in it is used again.
func (l *Loop) attempt(ctx context.Context, a *ask, automatic bool) (rep Report, err error) {
	began := l.now()
	var e *Engine
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("a run panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("portal %s: the run broke off at a defect of the program; the log has its stack, please report it", l.cfg.Portal)
			rep = l.notRun(a.req, err)
			l.forget(e)
			l.takeSlot(automatic, began)
			l.judge(err, false)
		}
	}()

	e, release, err := l.engineFor()
	if err != nil {
		person := isFatal(err) || l.cfg.NeedsPerson(err)
		err = fmt.Errorf("portal %s: %w", l.cfg.Portal, err)
		if person {
			l.takeSlot(automatic, began)
		}
		l.judge(err, person)
		return l.notRun(a.req, err), err
	}
	defer release()
	slot := l.takeSlot(automatic, began)
	if automatic && !slot && !a.hinted {
		return Report{}, nil // the journal knew better: none was missed
	}
	journal := e.Journal
	rep, err = e.Run(ctx, a.req)
	if err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), errAsked) {
		err = fmt.Errorf("%w: %w", ErrStopping, err)
		rep.Error = err.Error()
		return rep, err
	}
	fatal := isFatal(err)
	if slot && !fatal {
		if err := journal.Commit(store.Commit{Meta: meta(metaLastSlot, began)}); err != nil {
			l.log.Warn("the scheduled run could not be recorded; after a restart it is done again", "error", err)
		}
	}
	if fatal {
		l.forget(e)
	}
	if passes(a.req) {
		l.judge(err, fatal)
		l.noteSync(journal)
	}
	if err == nil {
		l.logEnd(rep)
	}
	return rep, err
}

// unusable reports whether a journal has met damage, or a write whose outcome
// is unknown: it does no more work until it is opened anew.
func unusable(j Journal) bool {
	_, err := j.Count()
	return err != nil
}

// passes reports whether a run is one that keeps the portal up to date. How
// any other ends says little of the portal, and is for its asker alone.
func passes(req Request) bool {
	return !req.DryRun && req.From == "" && (req.Mode == Incremental || req.Mode == Backfill)
}

// takeSlot reports whether an automatic run is a scheduled one, and if so
// counts the slots up to now as taken.
func (l *Loop) takeSlot(automatic bool, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !automatic || !l.isDue(now) {
		return false
	}
	l.countFrom(now)
	return true
}

// recall learns when the last scheduled run began. Where that is unknown,
// unreadable or yet to come, or where the first backfill has not finished,
// one is due now: a run too many costs a call.
func (l *Loop) recall(j Journal) {
	var last time.Time
	cp, _, err := j.Checkpoint(backfillCheckpoint)
	if err == nil && !cp.Finished.IsZero() {
		_, err = recall(j, metaLastSlot, &last)
	}
	if err != nil || last.After(l.now().Add(setBack)) {
		last = time.Time{}
	}
	l.mu.Lock()
	l.countFrom(last)
	l.mu.Unlock()
	l.noteSync(j)
}

func (l *Loop) noteSync(j Journal) {
	at := LastSync(j)
	l.mu.Lock()
	l.status.LastSync = at
	l.mu.Unlock()
}

// progress passes a run's progress on.
func (l *Loop) progress(p Progress) {
	l.cfg.Progress(p)
	l.mu.Lock()
	a := l.under
	l.status.Doing = p.Mode // an incremental run may have turned into another
	l.mu.Unlock()
	select {
	case <-a.progress: // out of date
	default:
	}
	a.progress <- p // there is room: nobody else puts anything in
}

// logEnd tells the operator of a run that ended well. One that found nothing
// to do is no news.
func (l *Loop) logEnd(rep Report) {
	level := slog.LevelDebug
	if rep.Mode != Incremental || rep.Created+rep.Updated+rep.Quarantined+rep.AssociationsCreated > 0 {
		level = slog.LevelInfo
	}
	l.log.Log(context.Background(), level, "run finished", "mode", string(rep.Mode), "dry_run", rep.DryRun,
		"fetched", rep.Fetched, "created", rep.Created, "updated", rep.Updated, "quarantined", rep.Quarantined,
		"links", rep.AssociationsCreated, "took", rep.FinishedAt.Sub(rep.StartedAt).Round(time.Millisecond))
}

// notRun is the report of a run that did not begin.
func (l *Loop) notRun(req Request, err error) Report {
	now := l.now()
	return Report{
		Portal: l.cfg.Portal, Mode: req.Mode, DryRun: req.DryRun,
		Skipped:      make(map[string]int),
		Orphans:      make(map[plan.Orphan]int),
		HubSpotCalls: make(map[hubspot.Class]int),
		StartedAt:    now, FinishedAt: now,
		Error: err.Error(),
	}
}
