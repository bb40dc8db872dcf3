package sync

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// event is a signed event of now that a transaction has come to a status.
func event(id string, status plan.Status) store.Event {
	now := time.Now().UTC()
	return store.Event{
		Dialect: "gift-events", Key: fmt.Sprint(id, status, now.UnixNano()), Kind: "gift-status-changed", TransactionID: id,
		Status: status, At: now, Signed: true, Effect: store.EffectClaim, ReceivedAt: now, Body: []byte("{}"),
	}
}

// receive stores events as the webhook side does.
func (w *world) receive(st *store.Store, events ...store.Event) []uint64 {
	w.t.Helper()
	receipts, err := st.Receive(context.Background(), events...)
	if err != nil {
		w.t.Fatal(err)
	}
	var seqs []uint64
	for _, r := range receipts {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

// work lets both lanes work off what is due.
func (w *world) work(e *Engine) (applied, chased Applied) {
	w.t.Helper()
	applied, err := e.Apply(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if chased, err = e.Chase(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	return applied, chased
}

// states are the states of the events, by number.
func (w *world) states(st *store.Store) map[uint64]store.EventState {
	w.t.Helper()
	states := make(map[uint64]store.EventState)
	for e, err := range st.Events(context.Background(), store.EventFilter{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		states[e.Seq] = e.State
	}
	return states
}

func (w *world) wantStates(st *store.Store, want ...store.EventState) {
	w.t.Helper()
	got := w.states(st)
	for i, state := range want {
		if s := got[uint64(i+1)]; s != state {
			w.t.Errorf("event %d is %q, want %q", i+1, s, state)
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("%d events, want %d", len(got), len(want))
	}
}

// property is what the record of a transaction shows.
func (w *world) property(id, name string) string {
	w.t.Helper()
	records := w.portal.Find("thnks", keyProperty, id)
	if len(records) != 1 {
		w.t.Errorf("%d records of %s", len(records), id)
		return ""
	}
	return records[0].Properties[name]
}

// quietWorld has n gifts that were sent, all of them in HubSpot.
func quietWorld(t *testing.T, n int) *world {
	w := newWorld(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: n, Recipients: n, End: time.Now().Add(-daily)})
	for i := range txs {
		sent := txs[i].Times.Sent
		txs[i].Status, txs[i].Times = "Sent", thnksapitest.Times{Sent: sent}
		txs[i].UpdatedAt = time.Now().Add(-daily)
	}
	w.populate(txs, 1)
	return w
}

func transaction(n int) string { return fmt.Sprintf("T-%06d", n) }

// TestEventsReachHubSpot: what signed events say shows in the record, with its
// times, and is settled.
func TestEventsReachHubSpot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		e := w.engine(st)

		opened := event(transaction(1), plan.Opened)
		parcel := event(transaction(1), "")
		parcel.Effect, parcel.ParcelStatus, parcel.ParcelAt = store.EffectDetail, "inTransit", parcel.At.Add(-time.Hour)
		note := event(transaction(2), "")
		note.Key, note.Effect, note.ThankYouNote = "note", store.EffectDetail, "Thank you!"
		alias := event("unheard-of", plan.Redeemed)
		alias.Aliases = []string{transaction(3)}
		w.receive(st, opened, parcel, note, alias)
		applied, _ := w.work(e)
		if applied.Done != 4 {
			t.Errorf("%+v", applied)
		}
		w.wantStates(st, store.EventApplied, store.EventApplied, store.EventApplied, store.EventApplied)
		got := map[string]string{}
		for _, p := range []struct {
			n    int
			name string
		}{{1, "status"}, {1, "opened_date"}, {1, "parcel_status"}, {1, "parcel_status_date"}, {2, "thank_you_note"}, {2, "status"}, {3, "status"}, {4, "status"}} {
			got[fmt.Sprint(p.n, " ", p.name)] = w.property(transaction(p.n), p.name)
		}
		want := map[string]string{
			"1 status": "opened", "1 opened_date": opened.At.Format("2006-01-02T15:04:05.000Z"),
			"1 parcel_status": "inTransit", "1 parcel_status_date": parcel.ParcelAt.Format("2006-01-02T15:04:05.000Z"),
			"2 thank_you_note": "Thank you!", "2 status": "sent", "3 status": "redeemed", "4 status": "sent",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}

		// Repeats and latecomers change nothing, and cost no call.
		before, calls := w.portal.Snapshot(), w.portal.Requests().Total
		late := event(transaction(1), plan.Delivered)
		again := opened
		again.Key = "the same, told under another key"
		late.At = opened.At // before what is known, but not dated yet
		w.receive(st, again)
		w.work(e)
		if diff := cmp.Diff(before, w.portal.Snapshot()); diff != "" || w.portal.Requests().Total != calls {
			t.Errorf("a repeat changed the portal, or cost calls:\n%s", diff)
		}
		w.receive(st, late)
		w.work(e)
		if got := w.property(transaction(1), "status"); got != "opened" {
			t.Errorf("a late event lowered the status to %s", got)
		}

		// A newer snapshot corrects a wrong claim, 15 minutes later at the latest.
		time.Sleep(time.Hour)
		w.thnks.Update(transaction(3), func(tx *thnksapitest.Transaction) { tx.Message += "!"; tx.UpdatedAt = time.Now() })
		if rep, err := e.Run(context.Background(), Request{Mode: Incremental}); err != nil || rep.Updated != 1 {
			t.Errorf("%+v, %v", rep, err)
		}
		if got := w.property(transaction(3), "status"); got != "sent" {
			t.Errorf("status %s after the snapshot, want sent", got)
		}
	})
}

// TestUnknownTransactions: an event about one has it fetched and, where that
// shows nothing, waits; first for the next try and in the end for a person.
func TestUnknownTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		e := w.engine(st)
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 8, Recipients: 3})[7]
		tx.Status, tx.Times = "Sent", thnksapitest.Times{Sent: time.Now()}
		tx.UpdatedAt = time.Now()

		w.receive(st, event(tx.ID, plan.Redeemed), event("T-never", plan.Opened))
		began := time.Now()
		_, chased := w.work(e)
		if want := began.Add(5 * time.Second); chased.Next.Sub(want).Abs() > time.Second {
			t.Errorf("the next try is at %v, want %v", chased.Next, want)
		}
		w.wantStates(st, store.EventWaiting, store.EventWaiting)
		w.thnks.Add(tx)
		time.Sleep(time.Until(chased.Next))
		_, chased = w.work(e)
		w.wantStates(st, store.EventApplied, store.EventWaiting)
		if got := w.property(tx.ID, "status"); got != "redeemed" {
			t.Errorf("status %s", got)
		}
		tries := 0
		for !chased.Next.IsZero() {
			time.Sleep(time.Until(chased.Next))
			_, chased = w.work(e)
			tries++
		}
		if took := time.Since(began); took < weekly || took > weekly+time.Hour {
			t.Errorf("given up after %v", took)
		}
		w.wantStates(st, store.EventApplied, store.EventRefused)
		if tries > 200 {
			t.Errorf("%d tries", tries)
		}
	})
}

// TestEventsOfQuarantinedGifts: an event may be the first to tell of a gift
// that HubSpot then refuses. It waits with the gift, and goes with it.
func TestEventsOfQuarantinedGifts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		e := w.engine(st)
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 8, Recipients: 3})[7]
		tx.Status, tx.Times, tx.UpdatedAt = "Sent", thnksapitest.Times{Sent: time.Now()}, time.Now()
		tx.Gift.Type = ""
		w.thnks.Add(tx)
		w.portal.AddConditionalRule("thnks", "status", "opened", "gift_type")
		w.receive(st, event(tx.ID, plan.Opened))
		w.work(e)
		w.wantStates(st, store.EventWaiting)
		if n, err := st.QuarantineCount(); n != 1 || err != nil {
			t.Fatalf("%d in quarantine (%v), want the gift", n, err)
		}
		w.portal.ClearRules()
		if _, err := e.Run(t.Context(), Request{Mode: Retry}); err != nil {
			t.Fatal(err)
		}
		w.wantStates(st, store.EventApplied)
		if got := w.property(tx.ID, "status"); got != "opened" {
			t.Errorf("status %s, want what the event said", got)
		}
	})
}

// TestEventsBeforeTheirGift: events that come before the first backfill, or
// before their transaction is listed, are applied with the window that brings
// it.
func TestEventsBeforeTheirGift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.dialect.DetailPath = ""
		st := w.open()
		defer st.Close()
		e := w.engine(st)
		w.receive(st, event(transaction(1), plan.Opened))
		w.work(e)
		w.wantStates(st, store.EventWaiting)
		hint := event(transaction(2), plan.Opened)
		hint.Signed = false
		w.receive(st, hint)
		w.work(e)
		if _, err := e.Run(context.Background(), Request{Mode: Backfill}); err != nil {
			t.Fatal(err)
		}
		w.wantStates(st, store.EventApplied, store.EventPending)
		if got := w.property(transaction(1), "status"); got != "opened" {
			t.Errorf("status %s", got)
		}
		w.work(e) // there is no call to ask with: the hint counts
		w.wantStates(st, store.EventApplied, store.EventApplied)
		if got := w.property(transaction(2), "status"); got != "opened" {
			t.Errorf("status %s", got)
		}
	})
}

// TestHintsAreAskedAbout: what a token alone vouches for is not believed.
func TestHintsAreAskedAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		e := w.engine(st)
		forged, hint := event(transaction(1), plan.Refunded), event(transaction(2), plan.Opened)
		forged.Signed, hint.Signed = false, false
		w.thnks.Update(transaction(2), func(tx *thnksapitest.Transaction) {
			tx.Status, tx.Times.Opened, tx.UpdatedAt = "Opened", time.Now(), time.Now()
		})
		w.receive(st, forged, hint)
		w.work(e)
		w.wantStates(st, store.EventApplied, store.EventApplied)
		for n, want := range map[int]string{1: "sent", 2: "opened"} {
			if got := w.property(transaction(n), "status"); got != want {
				t.Errorf("%d: status %s, want %s", n, got, want)
			}
		}
	})
}

// TestEventsAboutDeletedRecords: they are settled, and nothing is written.
func TestEventsAboutDeletedRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 5)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		e := w.engine(st)
		w.portal.Archive("thnks", w.portal.Find("thnks", keyProperty, transaction(1))[0].ID)
		for range 2 {
			w.receive(st, event(transaction(1), plan.Opened))
			w.work(e)
			time.Sleep(time.Second)
		}
		w.wantStates(st, store.EventListed, store.EventListed)
		if n := len(w.portal.Find("thnks", keyProperty, transaction(1))); n != 0 {
			t.Error("the record was made again")
		}
	})
}

// TestManyEvents is the gate for calls: events about n gifts cost as many
// updates as full batches take, however many events there are.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gifts := 2000
		if n, err := strconv.Atoi(os.Getenv("THNKS_EVENTS")); err == nil {
			gifts = n
		}
		w := quietWorld(t, gifts)
		w.must(Backfill)
		st := w.open()
		defer st.Close()
		var crm CRM
		w.cfg = func(c *Config) { crm = c.CRM }
		e := w.engine(st)
		for step := range gifts / 500 {
			var events []store.Event
			for i := range 500 {
				events = append(events, event(transaction(step*500+i+1), plan.Opened))
			}
			w.receive(st, events...)
		}
		before := crm.Calls()
		applied, _ := w.work(e)
		if applied.Done != gifts {
			t.Errorf("%+v", applied)
		}
		got := crm.Calls()[hubspot.Objects] - before[hubspot.Objects]
		t.Logf("%d events: %d object calls", gifts, got)
		if want := gifts / hubspot.BatchSize; got > want {
			t.Errorf("%d object calls, want at most %d", got, want)
		}
		for n := 1; n <= gifts; n += 97 {
			if got := w.property(transaction(n), "status"); got != "opened" {
				t.Errorf("%d: status %s", n, got)
			}
		}
	})
}

// TestNothingIsMadeTooEarly: until a backfill has begun, and while a journal
// that was lost is half rebuilt, nobody knows what HubSpot holds, and events
// make no records.
func TestNothingIsMadeTooEarly(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]map[string]store.Checkpoint{
		"object made, no backfill begun": nil,
		"half rebuilt":                   {backfillCheckpoint: {}, rebuildCheckpoint: {Started: time.Unix(1, 0)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := quietWorld(t, 5)
			w.must(Backfill)
			st := w.open()
			object, err := st.Meta(metaObject)
			if err != nil {
				t.Fatal(err)
			}
			st.Close()
			w.path += ".new"
			st = w.open()
			defer st.Close()
			if err := st.Commit(store.Commit{Meta: map[string][]byte{metaObject: object}, Checkpoints: known}); err != nil {
				t.Fatal(err)
			}
			w.receive(st, event(transaction(1), plan.Opened))
			e := w.engine(st)
			for range 3 {
				w.work(e)
				time.Sleep(10 * daily)
			}
			w.wantStates(st, store.EventWaiting)
			if n, err := st.Count(); n != 0 || err != nil {
				t.Errorf("%s: %d gifts (%v)", name, n, err)
			}
			if _, err := e.Run(t.Context(), Request{Mode: Backfill}); err != nil {
				t.Fatal(err)
			}
			if got := w.property(transaction(1), "status"); got != "opened" && name != "half rebuilt" {
				t.Errorf("%s: status %s", name, got)
			}
		})
	}
}
