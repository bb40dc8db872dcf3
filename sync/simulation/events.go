package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// Event is a signed event that a transaction has the status as of now.
func Event(id string, status plan.Status) store.Event {
	now := time.Now().UTC()
	return store.Event{
		Dialect: "gift-events", Key: fmt.Sprint(id, status, now.UnixNano()), Kind: "gift-status-changed", TransactionID: id,
		Status: status, At: now, Signed: true, Effect: store.EffectClaim, ReceivedAt: now, Body: []byte("{}"),
	}
}

// Receive puts events into the inbox, as the webhook endpoint does, and returns
// their numbers.
func (w *World) Receive(st *store.Store, events ...store.Event) []uint64 {
	w.T.Helper()
	receipts, err := st.Receive(context.Background(), events...)
	if err != nil {
		w.T.Fatal(err)
	}
	var seqs []uint64
	for _, r := range receipts {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

// ApplyEvents applies the events that are due, those first for which Thnks need not
// be asked.
func (w *World) ApplyEvents(e *giftsync.Engine) (applied, fetched giftsync.EventResult) {
	w.T.Helper()
	applied, err := e.ApplyEvents(context.Background())
	if err != nil {
		w.T.Fatal(err)
	}
	if fetched, err = e.FetchEvents(context.Background()); err != nil {
		w.T.Fatal(err)
	}
	return applied, fetched
}

// EventStates are the states of the events, by number.
func (w *World) EventStates(st *store.Store) map[uint64]store.EventState {
	w.T.Helper()
	states := make(map[uint64]store.EventState)
	for e, err := range st.Events(context.Background(), store.EventFilter{}) {
		if err != nil {
			w.T.Fatal(err)
		}
		states[e.Seq] = e.State
	}
	return states
}

// WantEventStates checks the states of all events: number 1, 2, and so on.
func (w *World) WantEventStates(st *store.Store, want ...store.EventState) {
	w.T.Helper()
	got := w.EventStates(st)
	for i, state := range want {
		if s := got[uint64(i+1)]; s != state {
			w.T.Errorf("event %d is %q, want %q", i+1, s, state)
		}
	}
	if len(got) != len(want) {
		w.T.Errorf("%d events, want %d", len(got), len(want))
	}
}

// Claimable are the statuses that webhook events claim.
var Claimable = []plan.Status{plan.Sent, plan.Delivered, plan.Opened, plan.Redeemed, plan.Expired, plan.Refunded}

// ShownStatus is the status that the record of a transaction must show after
// events, of which those that are signed and about it count.
func ShownStatus(tx thnksapitest.Transaction, events []store.Event) string {
	order := []string{"unknown", "scheduled", "sent", "delivered", "opened", "undelivered", "expired", "donated", "redeemed", "refunded"}
	rank := func(s string) int {
		switch s {
		case "undelivered", "expired", "donated", "redeemed":
			return 5
		case "refunded":
			return 6
		}
		return slices.Index(order, s)
	}
	best, at := StatusOf(tx), tx.UpdatedAt
	for s, t := range map[string]time.Time{
		"sent": tx.Times.Sent, "opened": tx.Times.Opened, "redeemed": tx.Times.Redeemed, "refunded": tx.Times.Refunded,
		"expired": tx.Times.Expired, "delivered": tx.Times.Delivered, "undelivered": tx.Times.Undelivered, "donated": tx.Times.Donated,
	} {
		if s == best && !t.IsZero() {
			at = t
		}
	}
	for _, e := range events {
		if e.TransactionID != tx.ID || !e.Signed || e.Status == "" || e.At.Before(tx.UpdatedAt.Add(-15*time.Minute)) {
			continue
		}
		s := string(e.Status)
		if r, q := rank(s), rank(best); r > q || r == q && (e.At.After(at) || e.At.Equal(at) && slices.Index(order, s) > slices.Index(order, best)) {
			best, at = s, e.At
		}
	}
	return best
}

// ShownParcel is the parcel status that the record must show after events.
func ShownParcel(tx thnksapitest.Transaction, events []store.Event) string {
	var last store.Event
	for _, e := range events {
		newer := cmp.Or(parcelEventAt(e).Compare(parcelEventAt(last)), e.ParcelAt.Compare(last.ParcelAt), cmp.Compare(e.ParcelStatus, last.ParcelStatus)) > 0
		if e.TransactionID == tx.ID && e.Signed && e.ParcelStatus != "" && newer {
			last = e
		}
	}
	return last.ParcelStatus
}

// parcelEventAt is the time of an event about a parcel. A record that a rebuild
// finds does not say it.
func parcelEventAt(e store.Event) time.Time {
	if e.At.IsZero() {
		return e.ParcelAt
	}
	return e.At
}

// ShownNote is the thank-you note that the record must show after events.
func ShownNote(tx thnksapitest.Transaction, events []store.Event) string {
	var last store.Event
	for _, e := range events {
		if e.TransactionID == tx.ID && e.Signed && e.ThankYouNote != "" && e.At.After(last.At) {
			last = e
		}
	}
	return last.ThankYouNote
}
