package sync

import (
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// A giftEvent is a webhook event matched to a gift.
type giftEvent struct {
	event store.Event
	// refetch says that the event is only a hint and its gift has just become
	// known: it is to be processed once more.
	refetch bool
}

// giftEvents are events by the transaction id that the journal knows their gift
// by.
type giftEvents map[string][]giftEvent

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

// mailKinds are the kinds of mails that events of the dialect gift-events tell of.
var mailKinds = map[string]plan.MailKind{
	"gift-notification-reminder-sent":   plan.Reminder,
	"gift-notification-expiration-sent": plan.Expiration,
	"gift-notification-resend-sent":     plan.Resend,
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
		switch {
		case e.ParcelAt.IsZero():
			g.Parcel.At = e.At
		case !e.ParcelAt.Equal(e.At):
			g.Parcel.EventAt = e.At
		}
	}
	if e.ThankYouNote != "" {
		g.ThankYou = plan.Note{Text: e.ThankYouNote, At: e.At}
	}
	if kind, ok := mailKinds[e.Kind]; ok && e.Effect == store.EffectDetail && !e.At.IsZero() {
		g.Mails = []plan.Mail{{Kind: kind, At: e.At}}
	}
	for name, value := range e.Properties {
		if g.Metadata == nil {
			g.Metadata = make(map[string]plan.Detail)
		}
		g.Metadata[name] = plan.Detail{Value: value, At: e.At}
	}
	return g
}

// addEvent attaches an event to a gift. If apply is set, its claim is planned
// with the gift.
func (in *input) addEvent(giftID string, e giftEvent, apply bool) {
	if in.events == nil {
		in.events = make(giftEvents)
	}
	in.events[giftID] = append(in.events[giftID], e)
	if apply {
		in.gifts = append(in.gifts, claimed(giftID, &e.event))
	}
}

// addWaitingEvents adds events that were parked until their transaction
// appeared. Unsigned ones only prompt a re-fetch, which must not happen inside a
// window, so they become due again when the gift is committed.
//
// An event alone does not release a quarantined row.
func (l *loaded) addWaitingEvents() error {
	l.events = make(giftEvents)
	added := make(map[uint64]bool)
	for id, events := range l.in.events {
		l.events[id] = slices.Clone(events)
		for _, e := range events {
			added[e.event.Seq] = true
		}
	}
	for id := range l.quarantine {
		if l.eventsOnly(id) {
			delete(l.quarantine, id)
		}
	}
	if l.run.inbox == nil || len(l.gifts) == 0 {
		return nil
	}
	ids := giftIDs(l.gifts)
	waiting, err := l.run.inbox.WaitingFor(ids)
	if err != nil || len(waiting) == 0 {
		return err
	}
	ours := make(map[string]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	l.gifts = slices.Clip(l.gifts)
	for _, events := range waiting {
		for _, e := range events {
			if added[e.Seq] || !e.Signed && l.in.policy.fromEvents {
				continue
			}
			added[e.Seq] = true
			all := eventIDs(&e)
			id := all[slices.IndexFunc(all, func(id string) bool { return ours[id] })]
			if l.in.alone[id] {
				continue
			}
			l.events[id] = append(l.events[id], giftEvent{event: e, refetch: !e.Signed})
			if e.Signed {
				l.gifts = append(l.gifts, claimed(id, &e))
			}
		}
	}
	return nil
}

// endApplied finishes the events about a gift that is about to be committed.
func (res *results) endApplied(s plan.Stored) []store.Event {
	id := s.Gift.ID
	var events []store.Event
	for _, e := range res.loaded.events[id] {
		switch {
		case !s.Deleted.IsZero():
			events = append(events, finishEvent(e.event, id, store.EventListed, reasonDeleted))
		case e.refetch:
			e.event.State, e.event.NextTry = store.EventPending, time.Time{}
			events = append(events, e.event)
		default:
			events = append(events, finishEvent(e.event, id, store.EventApplied, ""))
		}
	}
	return events
}

// recorded returns the gifts that have an effect, and whether it is committed.
func (res *results) recorded() map[string]bool {
	recorded := make(map[string]bool, len(res.effects))
	for _, e := range res.effects {
		recorded[e.stored.Gift.ID] = len(e.pending) == 0
	}
	return recorded
}

// retriedAlone reports whether HubSpot refused several events about a gift
// together. Only one may be to blame, so they stay due and are retried one by
// one.
func (res *results) retriedAlone(giftID string) bool {
	_, rejected := res.rejected[giftID]
	return rejected && len(res.loaded.events[giftID]) > 1 && !res.in.alone[giftID]
}

// endUnapplied finishes events that had no effect: their record was deleted, or
// HubSpot refused it. Those at whose record it fails are tried again.
func (res *results) endUnapplied() []store.Event {
	recorded := res.recorded()
	var events []store.Event
	for id, all := range res.loaded.events {
		if recorded[id] || res.retriedAlone(id) {
			continue
		}
		q, rejected := res.rejected[id]
		for _, e := range all {
			switch {
			case rejected && q.Class == classBreaks:
				events = append(events, retryLater(e.event, reasonBreaks, true))
			case rejected:
				events = append(events, finishEvent(e.event, id, store.EventRefused, q.Reason))
			case !res.loaded.have[id].Erased.IsZero():
				events = append(events, finishEvent(e.event, id, store.EventListed, reasonErased))
			case !res.loaded.have[id].Deleted.IsZero():
				events = append(events, finishEvent(e.event, id, store.EventListed, reasonDeleted))
			}
		}
	}
	return events
}

// remaining returns the events whose gifts will not be committed, as they are in
// quarantine. They wait for that to change.
func (res *results) remaining() []store.Event {
	recorded := res.recorded()
	var events []store.Event
	for id, all := range res.loaded.events {
		_, has := recorded[id]
		if _, rejected := res.rejected[id]; rejected || has || !res.loaded.have[id].Deleted.IsZero() || !res.loaded.have[id].Erased.IsZero() {
			continue
		}
		for _, e := range all {
			e.event.State, e.event.Reason, e.event.NextTry = store.EventWaiting, reasonQuarantined, time.Time{}
			events = append(events, e.event)
		}
	}
	return events
}

// Reasons that the list of events shows.
const (
	reasonDeleted     = "the gift's record was deleted in HubSpot and stays deleted; restore it with `sync --restore`, then replay the event"
	reasonErased      = "its recipient was erased"
	reasonNoGift      = "the event names no gift"
	reasonQuarantined = "the gift is in quarantine: see `quarantine list`"
	reasonNotReady    = "the portal's first backfill has not begun"
	reasonLacking     = "the custom object lacks a property that metadata_properties names: the next run adds it"
	reasonNotFound    = "Thnks does not show the transaction"
	reasonNoDetail    = "the Thnks API has no call for a single transaction: the event waits for it to be listed"
	reasonUnreadable  = "what Thnks shows of the transaction cannot be read"
	reasonUnusable    = "Thnks returned an unusable answer; see the log"
	reasonBreaks      = "HubSpot fails at the gift's record each time while it takes others"
	reasonUnreachable = "Thnks could not be asked for the transaction"
)

// finishEvent returns an event in its last state.
func finishEvent(e store.Event, giftID string, state store.EventState, reason string) store.Event {
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

// retryLater makes an event wait for its transaction to appear, with ever longer
// pauses between the tries to fetch it. One that has waited for a week is
// refused, unless giveUp is false, because the wait is not the event's fault.
func retryLater(e store.Event, reason string, giveUp bool) store.Event {
	now := time.Now().UTC()
	if giveUp && now.Sub(e.ReceivedAt) >= longestTry {
		return finishEvent(e, "", store.EventRefused, reason+"; the event was given up after 7 days")
	}
	pause := slowestTry
	if e.Attempts < 10 { // 5 s doubled ten times is more than an hour
		pause = min(firstTry<<e.Attempts, slowestTry)
	}
	e.Attempts++
	e.State, e.Reason, e.NextTry = store.EventWaiting, reason, now.Add(pause)
	return e
}
