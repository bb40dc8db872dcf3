package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// byEvents is the mode of a run that webhook events cause. No request asks for
// one.
const byEvents Mode = "events"

// dueAtOnce is how many events are read together.
const dueAtOnce = 10_000

// gathering is how long events that come in are gathered, so that they are
// processed in batches.
const gathering = 100 * time.Millisecond

// EventResult is the outcome of processing events that were due.
type EventResult struct {
	Done  int             // events that have ended
	Held  int             // events still due, as a run has locked their gifts
	Next  time.Time       // of FetchEvents: when the next event is due; zero where there is none
	Freed <-chan struct{} // where some are held: closed when their gifts may be unlocked

	// Lacking says that the custom object lacks properties which the settings name:
	// the events wait for a run to add them.
	Lacking bool
}

// ApplyEvents processes the signed events that are due about gifts that HubSpot
// holds. What they claim is merged into the gifts by the same planner as
// snapshots are, and written in full batches. Gifts and events are recorded in
// one commit: if we crash before it, repeating the work changes nothing.
//
// It works concurrently with a run of the same engine and does not wait for it:
// events about gifts that the run has locked stay due, and Held counts them. All
// other events are [Engine.FetchEvents]'s, so that a slow Thnks does not delay
// these. Both return when nothing is due any more.
//
// With an error, which is classified like a run's, what was not recorded is
// still due.
func (e *Engine) ApplyEvents(ctx context.Context) (EventResult, error) {
	if err := e.applying.one.Acquire(ctx, 1); err != nil {
		return EventResult{}, err
	}
	defer e.applying.one.Release(1)
	return e.processEvents(ctx, &e.applying, (*eventRun).applyDue)
}

// An eventWorker is what one of the two ways to process events keeps from call to
// call: what would be too much in a run is too much in a day.
type eventWorker struct {
	one *semaphore.Weighted // of a call; the next waits until its context ends

	since     time.Time // of what follows
	culprits  *hubspot.Culprits
	deletions deletions
}

func newEventWorker() eventWorker { return eventWorker{one: semaphore.NewWeighted(1)} }

// begin prepares the worker for a call.
func (w *eventWorker) begin(r *run) {
	if r.olderThan(w.since, daily) {
		w.since, w.culprits, w.deletions = r.started, hubspot.NewCulprits(maxCulprits), deletions{}
	}
	w.culprits = w.culprits.Renew()
	r.counts.deletions = &w.deletions
}

// end concludes a call that ended with err, and returns how it ends now. Deletions
// that HubSpot has confirmed, or denied, are settled.
func (w *eventWorker) end(ctx context.Context, r *run, err error) error {
	d := &w.deletions
	switch {
	case errors.Is(err, errNotDeleted):
		return withCommitError(err, d.takeBack(ctx, r))
	case d.live != nil:
		d.report(r)
		d.settle()
	}
	return err
}

// processEvents calls work until it finds nothing more to do.
func (e *Engine) processEvents(ctx context.Context, w *eventWorker, work func(*eventRun, context.Context, []store.Event) error) (EventResult, error) {
	if e.cfg.Inbox == nil {
		return EventResult{}, nil
	}
	r := &eventRun{run: e.newRun(Request{Mode: byEvents}), alone: make(map[string]bool)}
	w.begin(r.run)
	working := hubspot.WithCulprits(hubspot.Urgent(ctx), w.culprits)
	err := r.each(working, work)
	for without(r.run, err) {
		err = r.each(working, work)
	}
	err = w.end(ctx, r.run, err)
	logChosen(r.run)
	if n := r.run.counts.refusedLinks(); n > 0 {
		logRefusedLinks(r.run, n)
	}
	if r.processed > 0 {
		r.run.log.Debug("webhook events processed", "done", r.result.Done, "put_off", r.processed-r.result.Done, "held", r.result.Held)
	}
	if err != nil {
		err = fmt.Errorf("portal %s: applying events: %w", e.cfg.Portal, Classify(e.explained(ctx, err)))
	}
	return r.result, err
}

// An eventRun is a run that events cause.
type eventRun struct {
	run       *run
	result    EventResult
	processed int             // events, whatever their outcome: they are not due again at once
	alone     map[string]bool // gifts whose events are applied one at a time, as HubSpot refused them together
	gather    time.Duration   // how long to gather after this sweep, if longer than gathering
}

// each goes through all that is due, again for as long as that gets anything
// done.
func (r *eventRun) each(ctx context.Context, work func(*eventRun, context.Context, []store.Event) error) error {
	for ctx.Err() == nil {
		before := r.processed
		r.result.Held, r.result.Freed = 0, nil
		if err := r.sweep(ctx, work); err != nil || r.processed == before {
			return err
		}
		// What has come in meanwhile is gathered like the first: a burst must
		// not be processed in small batches.
		if err := pause(ctx, max(gathering, r.gather)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sweep goes once through all that is due, to the end: events that are not for
// this worker, however many, must not hide those that are.
func (r *eventRun) sweep(ctx context.Context, work func(*eventRun, context.Context, []store.Event) error) error {
	now := time.Now().UTC()
	var last store.Event
	for ctx.Err() == nil {
		due, err := r.run.inbox.DueEvents(now, last, dueAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		if err := work(r, ctx, due); err != nil || len(due) < dueAtOnce {
			return err
		}
		last = due[len(due)-1]
	}
	return ctx.Err()
}

// An eventGroup is the due events about one gift.
type eventGroup struct {
	giftID string   // the journal's or, where it is unknown, the events' id for it
	known  bool     // the journal has it
	ids    []string // all ids that the events have for it
	events []store.Event
}

// groups puts events about one gift together, in the order in which the gifts
// first appear. Those that chosen does not choose are left out.
func (r *eventRun) groups(due []store.Event, chosen func(e *store.Event, known bool) bool) ([]*eventGroup, error) {
	var ids []string
	for i := range due {
		ids = append(ids, eventIDs(&due[i])...)
	}
	have, err := r.run.journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	var all []*eventGroup
	at := make(map[string]*eventGroup)
	for i := range due {
		e := &due[i]
		ids := eventIDs(e)
		if len(ids) == 0 || !mayChange(e) {
			continue
		}
		id, known := ids[0], false
		for _, alias := range ids {
			if _, known = have[alias]; known {
				id = alias
				break
			}
		}
		if !chosen(e, known) {
			continue
		}
		g := at[id]
		if g == nil {
			g = &eventGroup{giftID: id, known: known, ids: []string{id}}
			at[id] = g
			all = append(all, g)
		}
		if len(g.events) == 0 || len(g.events) < commitEvents && !r.alone[id] { // the rest is due again
			g.events = append(g.events, *e)
			for _, id := range ids {
				if !slices.Contains(g.ids, id) {
					g.ids = append(g.ids, id)
				}
			}
		}
	}
	return all, nil
}

// mayChange reports whether an event may change a gift. Others are due only
// after a replay.
func mayChange(e *store.Event) bool {
	return e.Effect == store.EffectClaim || e.Effect == store.EffectDetail
}

// applyDue applies the signed events about gifts that are known, and ends those
// about which nothing can be done. Those at whose records HubSpot has failed come
// last, by themselves.
func (r *eventRun) applyDue(ctx context.Context, due []store.Event) error {
	if err := r.endIdle(due); err != nil {
		return err
	}
	all, err := r.groups(due, func(e *store.Event, known bool) bool { return e.Signed && known })
	if err != nil {
		return err
	}
	var suspects, others []*eventGroup
	for _, g := range all {
		if g.events[0].Reason == reasonBreaks {
			suspects = append(suspects, g)
		} else {
			others = append(others, g)
		}
	}
	if err := r.applyGroups(ctx, others); err != nil {
		return err
	}
	return r.applyGroups(hubspot.WithCulprits(ctx, hubspot.NewSuspects(len(suspects))), suspects)
}

// applyGroups applies groups of events in full batches.
func (r *eventRun) applyGroups(ctx context.Context, all []*eventGroup) error {
	for len(all) > 0 && ctx.Err() == nil {
		in := r.input()
		some, events := 0, 0
		for len(all) > 0 && some < commitGifts && (events == 0 || events+len(all[0].events) <= commitEvents) {
			g := all[0]
			all = all[1:]
			if !r.tryLock(g) {
				continue
			}
			some++
			events += len(g.events)
			for _, e := range g.events {
				in.addEvent(g.giftID, giftEvent{event: e}, true)
			}
		}
		if some == 0 {
			break
		}
		if err := r.work(ctx, in); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// input returns an input for events, still empty.
func (r *eventRun) input() input {
	return input{policy: policy{fromEvents: true, countFailures: true}, alone: r.alone}
}

// tryLock locks a group's gift under all ids that it may have, and reports
// whether it was free.
func (r *eventRun) tryLock(g *eventGroup) bool {
	free, freed := r.run.locks.tryLockAll(r.run, g.ids)
	if !free {
		r.result.Held += len(g.events)
		if r.result.Freed == nil {
			r.result.Freed = freed
		}
	}
	return free
}

// work applies the input's events to gifts that are locked, and unlocks them.
func (r *eventRun) work(ctx context.Context, in input) error {
	defer r.run.locks.unlock(r.run)
	ready, err := r.ready()
	if err != nil || !ready { // no longer
		return err
	}
	n := 0
	for _, events := range in.events {
		n += len(events)
	}
	b, err := r.run.work(ctx, in, nil, store.Commit{})
	if err != nil {
		return err
	}
	later := len(b.res.remaining())
	for id := range b.res.rejected {
		if b.res.retriedAlone(id) {
			later += len(b.loaded.events[id])
			r.alone[id] = true
		}
	}
	r.result.Done += n - later
	r.processed += n
	return nil
}

// ready reports whether events can be applied, as [takesEvents] has it.
func (r *eventRun) ready() (bool, error) {
	ready, lacking, err := takesEvents(r.run)
	r.result.Lacking = lacking
	return ready, err
}

// takesEvents reports whether what is not a run can be written, or that it lacks
// properties of the custom object. It cannot before the first backfill (we do not know
// what HubSpot holds), while the journal is being rebuilt, or before a run has looked for
// sends that an older journal lacks. The object's definition is maintained by runs and only
// read here.
func takesEvents(r *run) (ready, lacking bool, err error) {
	if _, err := readSuppressed(r.cfg().Suppressed, r.journal, false); err != nil {
		return false, false, err
	}
	if known, err := JournalKnown(r.journal); err != nil || !known {
		return false, false, err
	}
	recorded, complete, err := r.portal.Object.UseRecorded()
	return recorded && complete, recorded && !complete, err
}

// endIdle ends the events that can change no gift.
func (r *eventRun) endIdle(due []store.Event) error {
	var idle []store.Event
	for _, e := range due {
		switch {
		case e.Effect == store.EffectListed:
			idle = append(idle, finishEvent(e, "", store.EventListed, e.Reason))
		case e.Effect == store.EffectRecord: // FollowEvents processes these
		case !mayChange(&e):
			idle = append(idle, finishEvent(e, "", store.EventRefused, e.Reason))
		case len(eventIDs(&e)) == 0:
			idle = append(idle, finishEvent(e, "", store.EventRefused, reasonNoGift))
		}
	}
	r.result.Done += len(idle)
	return r.record(idle)
}

// record commits events about no gift that is to be committed.
func (r *eventRun) record(events []store.Event) error {
	for some := range slices.Chunk(events, commitEvents) {
		if err := r.run.recorder.Commit(store.Commit{Events: some}); err != nil {
			return fmt.Errorf("recording the outcome of events: %w", err)
		}
		r.processed += len(some)
	}
	return nil
}

// pause waits for d, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
