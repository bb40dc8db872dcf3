package sync

import (
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// commitEvents bounds the events of a commit, as commitGifts its gifts.
const commitEvents = 1000

// A told is an event about a gift of a batch.
type told struct {
	store.Event
	// again says that the event is a hint whose gift is only now known: it is
	// to be worked on once more.
	again bool
}

// eventIDs are the ids under which an event's gift may be known, the likeliest
// first.
func eventIDs(e *store.Event) []string {
	var ids []string
	for _, id := range append([]string{e.TransactionID}, e.Aliases...) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// claimed is what an event says of a gift, to be merged with what else is known
// of it.
func claimed(giftID string, e *store.Event) plan.Gift {
	g := plan.Gift{ID: giftID}
	if e.Status != "" && !e.At.IsZero() {
		g.Claims = []plan.Claim{{Status: e.Status, At: e.At}}
	}
	if e.ParcelStatus != "" {
		g.Parcel = plan.Parcel{Status: e.ParcelStatus, At: e.ParcelAt}
		if g.Parcel.At.IsZero() {
			g.Parcel.At = e.At
		}
	}
	if e.ThankYouNote != "" {
		g.ThankYou = plan.Note{Text: e.ThankYouNote, At: e.At}
	}
	return g
}

// tell makes an event one about a gift of the batch. Where it counts, what it
// says is merged into the gift.
func (b *batch) tell(giftID string, t told, counts bool) {
	if b.told == nil {
		b.told = make(map[string][]told)
	}
	b.told[giftID] = append(b.told[giftID], t)
	if counts {
		b.window.gifts = append(b.window.gifts, claimed(giftID, &t.Event))
	}
}

// hear adds what events say that wait for the batch's transactions to appear.
// An unsigned one is a hint to ask the source, which is not done in the midst
// of a window: it is due again as soon as the gift is committed.
//
// What an event alone says of a gift is no reason to take the row that the
// quarantine has of it for healed.
func (b *batch) hear() error {
	for id := range b.jailed {
		if b.hearsay(id) {
			delete(b.jailed, id)
		}
	}
	if b.Inbox == nil || b.req.DryRun || len(b.window.gifts) == 0 {
		return nil
	}
	ids := b.window.ids()
	waiting, err := b.Inbox.WaitingFor(ids)
	if err != nil || len(waiting) == 0 {
		return err
	}
	in := make(map[string]bool, len(ids))
	for _, id := range ids {
		in[id] = true
	}
	heard := make(map[uint64]bool)
	for _, events := range b.told {
		for _, t := range events {
			heard[t.Seq] = true
		}
	}
	for _, events := range waiting {
		for _, e := range events {
			if heard[e.Seq] || !e.Signed && b.mode == byEvents {
				continue
			}
			heard[e.Seq] = true
			all := eventIDs(&e)
			id := all[slices.IndexFunc(all, func(id string) bool { return in[id] })]
			if !b.alone[id] {
				b.tell(id, told{Event: e, again: !e.Signed}, e.Signed)
			}
		}
	}
	return nil
}

// hearsay reports whether the batch knows a gift from events alone: it then
// has no row that the quarantine could keep.
func (b *batch) hearsay(giftID string) bool { return b.mode == byEvents && b.window.raw[giftID] == nil }

// reject notes that HubSpot refused what events say of a gift.
func (b *batch) reject(giftID string, q store.Quarantined) {
	if b.rejected == nil {
		b.rejected = make(map[string]store.Quarantined)
	}
	b.rejected[giftID] = q
}

// settle ends the events about a gift that is about to be committed.
func (b *batch) settle(s plan.Stored) []store.Event {
	id := s.Gift.ID
	var events []store.Event
	for _, t := range b.told[id] {
		switch {
		case !s.Deleted.IsZero():
			events = append(events, ended(t.Event, id, store.EventListed, reasonDeleted))
		case t.again:
			t.State, t.NextTry = store.EventPending, time.Time{}
			events = append(events, t.Event)
		default:
			events = append(events, ended(t.Event, id, store.EventApplied, ""))
		}
	}
	delete(b.told, id)
	return events
}

// dismiss ends the events that change nothing: those about gifts whose record
// people deleted, and those that HubSpot refused. Of several that it refused
// together one may be at fault, so that they stay due.
func (b *batch) dismiss() []store.Event {
	var events []store.Event
	for id, all := range b.told {
		q, rejected := b.rejected[id]
		if rejected && len(all) > 1 && !b.alone[id] {
			continue
		}
		for _, t := range all {
			switch {
			case rejected:
				events = append(events, ended(t.Event, id, store.EventRefused, q.Reason))
			case !b.have[id].Deleted.IsZero():
				events = append(events, ended(t.Event, id, store.EventListed, reasonDeleted))
			}
		}
		if rejected || !b.have[id].Deleted.IsZero() {
			delete(b.told, id)
		}
	}
	return events
}

// unsettled returns the events whose gifts will not be committed, as they are
// in quarantine.
func (b *batch) unsettled() []store.Event {
	committed := make(map[string]bool, len(b.effects))
	for _, e := range b.effects {
		committed[e.stored.Gift.ID] = true
	}
	var events []store.Event
	for id, all := range b.told {
		if _, rejected := b.rejected[id]; rejected || committed[id] || !b.have[id].Deleted.IsZero() {
			continue
		}
		for _, t := range all {
			events = append(events, t.Event)
		}
	}
	return events
}

// Reasons that the list of events shows.
const (
	reasonDeleted     = "people deleted the gift's record in HubSpot, and it stays deleted; restore it with `sync --restore`, then replay the event"
	reasonNoGift      = "the event names no gift"
	reasonQuarantined = "the gift is in quarantine: see `quarantine list`"
	reasonNotReady    = "the portal's first backfill has not begun"
	reasonNotFound    = "Thnks does not show the transaction"
	reasonNoDetail    = "the Thnks API has no call for a single transaction: the event waits for it to be listed"
	reasonUnreadable  = "what Thnks shows of the transaction cannot be read"
	reasonNoSense     = "Thnks gives no sense when asked for the transaction; the log has its answer"
	reasonUnreachable = "Thnks could not be asked for the transaction"
)

// ended is an event that has come to its end.
func ended(e store.Event, giftID string, state store.EventState, reason string) store.Event {
	if e.TransactionID == "" {
		e.TransactionID = giftID
	}
	e.State, e.Reason, e.NextTry, e.DoneAt = state, reason, time.Time{}, time.Now().UTC()
	return e
}

// How events wait for their transactions.
const (
	firstTry   = 5 * time.Second
	slowestTry = time.Hour
	longestTry = 7 * daily // from its receipt on, until an event is given up
)

// putOff makes an event wait for its transaction to appear, with ever longer
// pauses between the tries to fetch it. One that has waited for a week is
// refused, unless giveUp is false, because the wait is not the event's fault.
func putOff(e store.Event, reason string, giveUp bool) store.Event {
	now := time.Now().UTC()
	if giveUp && now.Sub(e.ReceivedAt) >= longestTry {
		return ended(e, "", store.EventRefused, reason+"; the event was given up after 7 days")
	}
	pause := slowestTry
	if e.Attempts < 10 { // 5 s doubled ten times is more than an hour
		pause = min(firstTry<<e.Attempts, slowestTry)
	}
	e.Attempts++
	e.State, e.Reason, e.NextTry = store.EventWaiting, reason, now.Add(pause)
	return e
}
