package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// byEvents is the mode of a run that webhook events cause. Nobody asks for one.
const byEvents Mode = "events"

// dueAtOnce is how many events are looked at together.
const dueAtOnce = 10_000

// Applied says what became of events that were due.
type Applied struct {
	Done int       // came to their end
	Held int       // are still due, as a run has their gifts in hand
	Next time.Time // of a Chase: when the first event is due that is not yet; zero where there is none

	freed  <-chan struct{} // where some are held: closed when they may be free
	worked int             // in whatever way, so that they are not due at once again
}

// Apply works off the signed events that are due about gifts that HubSpot
// holds: what they claim is merged into the gifts by the same planner as
// snapshots are, and written in full batches. Gifts and events are settled in
// one commit, so that a crash anywhere repeats what changes nothing.
//
// It works beside a run of the same engine and does not wait for it: events
// about gifts that the run has in hand are left due, and Held counts them. All
// others are [Engine.Chase]'s business, so that a slow Thnks holds none of these
// up. Both return when nothing is due any more.
//
// With an error, which is classified like a run's, what was not settled is
// still due.
func (e *Engine) Apply(ctx context.Context) (Applied, error) {
	e.applying.Lock()
	defer e.applying.Unlock()
	return e.onEvents(ctx, (*application).applyDue)
}

// onEvents calls work until it finds nothing more to do.
func (e *Engine) onEvents(ctx context.Context, work func(*application, context.Context, []store.Event) error) (Applied, error) {
	if e.Inbox == nil {
		return Applied{}, nil
	}
	a := &application{run: e.newRun(Request{Mode: byEvents}), alone: make(map[string]bool)}
	a.identified = e.trusted.Load()
	err := a.each(hubspot.Urgent(ctx), work)
	if a.worked > 0 {
		a.log.Debug("webhook events worked off", "done", a.Done, "put_off", a.worked-a.Done, "held", a.Held)
	}
	if err != nil {
		err = fmt.Errorf("portal %s: applying events: %w", e.Portal, classify(err))
	}
	return a.Applied, err
}

// An application is a run that events cause.
type application struct {
	*run
	Applied
	alone map[string]bool // gifts whose events are tried one by one, as HubSpot refused what they say together
}

// each goes through all that is due, again for as long as that gets anything
// done.
func (a *application) each(ctx context.Context, work func(*application, context.Context, []store.Event) error) error {
	for ctx.Err() == nil {
		before := a.worked
		a.Held, a.freed = 0, nil
		if err := a.sweep(ctx, work); err != nil || a.worked == before {
			return err
		}
		// What has come in meanwhile is gathered like the first: a burst must
		// not be worked off by the handful.
		if err := pause(ctx, gathering); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sweep goes once through all that is due, to the end: what is none of this
// lane's business, however much, must not hide what is.
func (a *application) sweep(ctx context.Context, work func(*application, context.Context, []store.Event) error) error {
	now := time.Now().UTC()
	var last store.Event
	for ctx.Err() == nil {
		due, err := a.Inbox.DueEvents(now, last, dueAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		if err := work(a, ctx, due); err != nil || len(due) < dueAtOnce {
			return err
		}
		last = due[len(due)-1]
	}
	return ctx.Err()
}

// A group is the due events about one gift.
type group struct {
	giftID string   // what the journal calls it or, unknown, what they call it
	known  bool     // the journal has it
	ids    []string // all that they call it
	events []store.Event
}

// groups puts events together that are about one gift, in the order in which
// the gifts are first met. Those that chosen does not choose are left out.
func (a *application) groups(due []store.Event, chosen func(e *store.Event, known bool) bool) ([]*group, error) {
	var ids []string
	for i := range due {
		ids = append(ids, eventIDs(&due[i])...)
	}
	have, err := a.Journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	var all []*group
	at := make(map[string]*group)
	for i := range due {
		e := &due[i]
		ids := eventIDs(e)
		if len(ids) == 0 || !changes(e) {
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
			g = &group{giftID: id, known: known, ids: []string{id}}
			at[id] = g
			all = append(all, g)
		}
		if len(g.events) == 0 || len(g.events) < commitEvents && !a.alone[id] { // the rest is due again
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

// changes reports whether an event is one that may change a gift. Others are
// due only where somebody replayed them.
func changes(e *store.Event) bool {
	return e.Effect == store.EffectClaim || e.Effect == store.EffectDetail
}

// applyDue applies the signed events about gifts that are known, and ends those
// about which nothing can be done.
func (a *application) applyDue(ctx context.Context, due []store.Event) error {
	if err := a.endIdle(due); err != nil {
		return err
	}
	all, err := a.groups(due, func(e *store.Event, known bool) bool { return e.Signed && known })
	if err != nil {
		return err
	}
	for len(all) > 0 && ctx.Err() == nil {
		var some []*group
		events := 0
		for len(all) > 0 && len(some) < commitGifts && (events == 0 || events+len(all[0].events) <= commitEvents) {
			if g := all[0]; a.take(g) {
				some = append(some, g)
				events += len(g.events)
			}
			all = all[1:]
		}
		if len(some) == 0 {
			break
		}
		b := a.batch(&window{})
		for _, g := range some {
			for _, e := range g.events {
				b.tell(g.giftID, told{Event: e}, true)
			}
		}
		if err := a.write(ctx, b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// take holds a group's gift, under all names that it may have, and reports
// whether it was free.
func (a *application) take(g *group) bool {
	free, freed := a.holds.takeTogether(a.run, g.ids)
	if !free {
		a.Held += len(g.events)
		if a.freed == nil {
			a.freed = freed
		}
	}
	return free
}

// write carries out what events say of the batch's gifts, which are held, and
// lets go of them.
func (a *application) write(ctx context.Context, b *batch) error {
	defer a.holds.letGo(a.run)
	ready, err := a.ready()
	if err != nil {
		return err
	}
	n := 0
	for _, events := range b.told {
		n += len(events)
	}
	if !ready { // no longer
		return nil
	}
	b.alone = a.alone
	if err := b.setAside(); err != nil {
		return err
	}
	if err := b.lookUp(ctx, nil); err != nil {
		return err
	}
	later := 0
	err = b.carryOut(ctx, func() store.Commit {
		events := b.unsettled()
		later = len(events)
		for i := range events {
			events[i].State, events[i].Reason, events[i].NextTry = store.EventWaiting, reasonQuarantined, time.Time{}
		}
		return store.Commit{Events: events}
	})
	if err != nil {
		return err
	}
	for id := range b.rejected {
		if left := len(b.told[id]); left > 0 {
			a.alone[id] = true
			later += left
		}
	}
	a.Done += n - later
	a.worked += n
	return nil
}

// ready reports whether events can be applied: not before the first backfill
// has begun, as until then nobody knows what HubSpot holds, and not while a
// journal that was lost is half rebuilt. The object's definition is taken as
// the runs left it, who look after it.
func (a *application) ready() (bool, error) {
	rebuilding, begun, err := a.Journal.Checkpoint(rebuildCheckpoint)
	if err != nil || begun && rebuilding.Finished.IsZero() {
		return false, err
	}
	_, begun, err = a.Journal.Checkpoint(backfillCheckpoint)
	if err != nil {
		return false, err
	}
	if n, err := a.Journal.Count(); err != nil || n == 0 && !begun {
		return false, err
	}
	var known object
	if _, err := recall(a.Journal, metaObject, &known); err != nil || len(known.Links) == 0 {
		return false, err
	}
	a.object = &known
	return true, nil
}

// endIdle ends the events that can change no gift.
func (a *application) endIdle(due []store.Event) error {
	var idle []store.Event
	for _, e := range due {
		switch {
		case e.Effect == store.EffectListed:
			idle = append(idle, ended(e, "", store.EventListed, e.Reason))
		case !changes(&e):
			idle = append(idle, ended(e, "", store.EventRefused, e.Reason))
		case len(eventIDs(&e)) == 0:
			idle = append(idle, ended(e, "", store.EventRefused, reasonNoGift))
		}
	}
	a.Done += len(idle)
	return a.record(idle)
}

// record commits what became of events about no gift that is to be committed.
func (a *application) record(events []store.Event) error {
	for len(events) > 0 {
		n := min(len(events), commitEvents)
		if err := a.Journal.Commit(store.Commit{Events: events[:n]}); err != nil {
			return fmt.Errorf("recording what became of events: %w", err)
		}
		a.worked += n
		events = events[n:]
	}
	return nil
}
