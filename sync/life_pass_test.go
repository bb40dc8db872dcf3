package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// badly is an episode in which anything may be asked for, the servers may have
// their faults, and the program may die at any step.
func (l *life) badly() {
	l.mislay()
	defer l.mislay()
	if l.rng.IntN(3) == 0 {
		l.source()
	}
	step := 0
	if l.rng.IntN(3) > 0 {
		step = 1 + l.rng.IntN(1+l.rng.IntN(160))
	}
	if step == 0 || l.rng.IntN(2) == 0 {
		if l.rng.IntN(4) == 0 {
			l.drift()
		} else {
			l.spoil()
		}
	}
	req := giftsync.Request{Mode: []giftsync.Mode{giftsync.Incremental, giftsync.Incremental, giftsync.Incremental, giftsync.Backfill, giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Retry}[l.rng.IntN(7)]}
	req.DryRun = l.rng.IntN(10) == 0
	l.episode(req, step)
}

// episode is a life of the program: something is asked of it, events come in,
// and it dies at a step, 0 for none.
func (l *life) episode(req giftsync.Request, step int) (alive bool) {
	if l.dropsLinks || l.rng.IntN(3) > 0 {
		time.Sleep(modelSettled)
	}
	time.Sleep(11 * time.Second) // no service manager restarts a program faster than limits forget
	if l.rng.IntN(4) == 0 {
		time.Sleep(time.Duration(l.rng.IntN(40)) * time.Minute)
	}
	before := l.state()
	snapshot, id := hubspottest.Snapshot(nil), simulation.CommitID(l.Path)
	if req.DryRun {
		snapshot = l.Portal.Snapshot()
	}
	beside, soon := !req.DryRun && l.rng.IntN(2) == 0, time.Duration(1+l.rng.IntN(2000))*time.Millisecond
	l.live(step, func(ctx context.Context, e *giftsync.Engine, st *store.Store) {
		if !req.DryRun {
			l.deliver(st, false)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			if time.Sleep(soon); beside {
				l.workOff(ctx, e)
			}
		}()
		_, err := l.pass(ctx, e, req)
		<-over
		if l.rng.IntN(4) == 0 && err == nil && !req.DryRun {
			l.workOff(ctx, e)
		}
	})
	alive = l.steps.Death() == ""
	l.heal()
	if req.DryRun {
		l.same(snapshot, l.Portal.Snapshot(), "a dry run changes the portal")
		if now := simulation.CommitID(l.Path); id != 0 && now != id {
			l.T.Errorf("a dry run commits: %d to %d", id, now)
		}
	}
	l.closely(func(st *store.Store) {
		l.takeOver(st, before)
		l.inspect(st)
	})
	return alive
}

// live opens the file, has the program do something until its step-th step, and
// closes the file.
func (l *life) live(step int, do func(context.Context, *giftsync.Engine, *store.Store)) {
	l.T.Helper()
	ctx, cancel := context.WithCancel(l.T.Context())
	defer cancel()
	st := l.Open()
	l.file = st
	l.steps.Begin(l.T, step, l.Path, cancel)
	defer l.steps.Close()
	calls := l.Portal.Requests().Total
	do(ctx, l.Engine(st), st)
	l.rest.still() // what was on its way arrives, or not
	if n := l.Portal.Requests().Total - calls; n > l.steps.Arrivals() {
		l.T.Errorf("HubSpot got %d calls, of which only %d were numbered steps", n, l.steps.Arrivals())
	}
	l.steps.CheckFile()
	if err := st.Close(); err != nil {
		l.T.Errorf("closing: %v", err)
	}
	// The waits between the program's tries are random, and nothing else: from
	// here on the history is the seed's again.
	const slot = 2 * time.Minute
	time.Sleep(time.Until(time.Now().Truncate(slot).Add(slot)))
}

// pass has the program do one run, and looks at its report.
func (l *life) pass(ctx context.Context, e *giftsync.Engine, req giftsync.Request) (giftsync.Report, error) {
	req.AcceptSmallerSource = true // transactions vanish at will here
	began := time.Now().UTC()
	rep, err := e.Run(ctx, req)
	l.heard(err)
	l.punctual(req, time.Since(began), err)
	simulation.CheckReport(l.T, rep)
	text, jsonErr := json.Marshal(rep)
	if jsonErr != nil {
		l.T.Error(jsonErr)
	}
	l.secret("report", string(text))
	taken, at, dead := l.steps.Now()
	if err != nil {
		l.secret("error", err.Error())
		l.note("%s (dry run %v) ended at step %d of %d, dead %v: %v", rep.Mode, req.DryRun, taken, at, dead, err)
		return rep, err
	}
	l.note("%s (dry run %v) of %d steps: created %d, updated %d, unchanged %d, quarantined %d, links %d, skipped %v", rep.Mode, req.DryRun,
		taken, rep.Created, rep.Updated, rep.Unchanged, rep.Quarantined, rep.AssociationsCreated, rep.Skipped)
	if name := map[giftsync.Mode]string{giftsync.Backfill: giftsync.BackfillCheckpoint, giftsync.Resweep: giftsync.ResweepCheckpoint}[rep.Mode]; name != "" && !req.DryRun {
		cp, _, err := l.file.Checkpoint(name)
		switch {
		case err != nil:
			l.T.Error(err)
		case cp.Finished.Before(began): // a daily one
			l.reread = began
		case cp.Started.After(l.reread):
			l.reread = cp.Started
		}
	}
	return rep, nil
}

// workOff lets the program apply events.
func (l *life) workOff(ctx context.Context, e *giftsync.Engine) (ok bool) {
	applied, err1 := e.ApplyEvents(ctx)
	chased, err2 := e.FetchEvents(ctx)
	l.heard(errors.Join(err1, err2))
	for _, err := range []error{err1, err2} {
		if err != nil {
			l.secret("error", err.Error())
			l.note("events: %v", err)
		}
	}
	l.note("events: %d applied, %d chased", applied.Done, chased.Done)
	return err1 == nil && err2 == nil
}

// takeOver notes what a pass that is not judged has made of the links.
func (l *life) takeOver(st *store.Store, before map[string]map[string][]string) {
	for id, links := range l.state() {
		g := l.gift(id)
		have, _, err := st.Gift(id)
		if err != nil {
			l.T.Error(err)
		}
		for kind, ids := range links {
			made := without(ids, before[id][kind])
			g.known[kind] = union(g.known[kind], made)
			if kind == "contacts" && len(made) > 0 {
				// What was refused, without a note of it, is like what users did not want.
				g.contact, g.unfinished = made[0], !l.narrow
			}
		}
		g.unfinished = g.unfinished && !knowsLink(have, plan.Contact, g.contact)
	}
}

// settle ends all faults, lets two passes bring about what both ends say, and
// sees to it that further ones have nothing to do.
func (l *life) settle() {
	pause := 2 * time.Hour
	if l.rng.IntN(3) > 0 {
		pause = 8 * simulation.Day
	}
	time.Sleep(max(pause, l.untilLooked()))
	before, began := l.state(), time.Now()
	l.calm = true
	defer func() { l.calm = false }()
	l.live(0, func(ctx context.Context, e *giftsync.Engine, st *store.Store) {
		l.deliver(st, true)
		l.setAside(st)
		l.resurrect(ctx, e, before)
		for range 2 { // the first may have had to end what another began
			l.well(ctx, e, giftsync.Request{Mode: giftsync.Incremental})
			time.Sleep(modelSettled)
		}
		l.arrived(st)
		if n, err := st.QuarantineCount(); err != nil || n > l.nameless {
			l.well(ctx, e, giftsync.Request{Mode: giftsync.Retry})
		}
		if !l.workOff(ctx, e) {
			l.T.Error("events could not be applied")
		}
		if rep := l.well(ctx, e, giftsync.Request{Mode: giftsync.ReassociateAll}); rep.Fetched == 0 && len(l.lacking) > 0 {
			l.well(ctx, e, giftsync.Request{Mode: giftsync.ReassociateAll}) // the first had but to end what another began
		}
		l.replay(ctx, e, st)
		time.Sleep(modelSettled)
	})
	if l.T.Failed() {
		return
	}
	l.closely(func(st *store.Store) {
		l.inspect(st)
		l.lookBack()
		l.converged(st, before, began)
	})
	l.complete()
	if l.T.Failed() {
		return
	}
	l.live(0, func(ctx context.Context, e *giftsync.Engine, st *store.Store) {
		modes := [][]giftsync.Mode{{giftsync.Incremental}, {giftsync.ReassociateAll}, {giftsync.Incremental, giftsync.Reassociate}, {giftsync.Backfill}}[l.rng.IntN(4)]
		if l.dawns(began) || modes[0] == giftsync.Backfill && slices.ContainsFunc(l.Thnks.Transactions(), l.late) {
			modes = nil // in between a gift may begin to show
		}
		if modes != nil && modes[0] == giftsync.Backfill { // which meets what was in doubt, or showed late, before others do
			l.well(ctx, e, giftsync.Request{Mode: giftsync.Backfill})
			time.Sleep(modelSettled)
		}
		settled, gifts := l.Portal.Snapshot(), l.journalled(st)
		for _, mode := range modes {
			rep := l.well(ctx, e, giftsync.Request{Mode: mode})
			if rep.Created+rep.Updated+rep.AssociationsCreated > 0 {
				l.T.Errorf("%s: a pass over what is settled creates %d, updates %d, makes %d links", mode, rep.Created, rep.Updated, rep.AssociationsCreated)
			}
		}
		l.same(settled, l.Portal.Snapshot(), "passes over what is settled change the portal")
		l.same(gifts, l.journalled(st), "passes over what is settled change the journal")
		if l.rowing.IntN(12) == 0 {
			l.unmoved(ctx, e)
		}
	})
	l.closely(l.inspect)
}

// arrived checks what passes bring about by themselves: the newest version of each
// row that they could read and HubSpot take.
func (l *life) arrived(st *store.Store) {
	l.T.Helper()
	aside := make(map[string]bool)
	for q, err := range st.Quarantine(l.T.Context()) {
		if err != nil {
			l.T.Error(err)
		}
		aside[q.TransactionID] = true
	}
	records := l.records()
	for _, tx := range l.Thnks.Transactions() {
		if tx.ID == "" || aside[tx.ID] || l.late(tx) || l.gift(tx.ID).gone {
			continue
		}
		r := records[tx.ID]
		if is := r.Properties["tracking_url"]; r.ID == "" || version(is) != version(tx.TrackingURL) {
			l.T.Errorf("transaction %s: two passes brought record %q with %q, want %q", tx.ID, r.ID, is, tx.TrackingURL)
		}
	}
}

// dawns reports whether a row begins to show after a moment and within the hour.
func (l *life) dawns(after time.Time) bool {
	return slices.ContainsFunc(l.Thnks.Transactions(), func(tx thnksapitest.Transaction) bool {
		return tx.VisibleAfter.After(after) && time.Until(tx.VisibleAfter) < time.Hour
	})
}

// well is pass for one that has to end well.
func (l *life) well(ctx context.Context, e *giftsync.Engine, req giftsync.Request) giftsync.Report {
	rep, err := l.pass(ctx, e, req)
	if err != nil && !strings.Contains(err.Error(), "no custom object") {
		l.T.Errorf("%s: %v", req.Mode, err)
	}
	return rep
}
