package sync_test

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
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestEventsReachHubSpot: what signed events say shows in the record, with its
// times, and is settled.
func TestEventsReachHubSpot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)

		opened := simulation.Event(simulation.ID(1), plan.Opened)
		parcel := simulation.Event(simulation.ID(1), "")
		parcel.Effect, parcel.ParcelStatus, parcel.ParcelAt = store.EffectDetail, "inTransit", parcel.At.Add(-time.Hour)
		note := simulation.Event(simulation.ID(2), "")
		note.Key, note.Effect, note.ThankYouNote = "note", store.EffectDetail, "Thank you!"
		alias := simulation.Event("unheard-of", plan.Redeemed)
		alias.Aliases = []string{simulation.ID(3)}
		w.Receive(st, opened, parcel, note, alias)
		applied, _ := w.ApplyEvents(e)
		if applied.Done != 4 {
			t.Errorf("%+v", applied)
		}
		w.WantEventStates(st, store.EventApplied, store.EventApplied, store.EventApplied, store.EventApplied)
		got := map[string]string{}
		for _, p := range []struct {
			n    int
			name string
		}{{1, "status"}, {1, "opened_date"}, {1, "parcel_status"}, {1, "parcel_status_date"}, {2, "thank_you_note"}, {2, "status"}, {3, "status"}, {4, "status"}} {
			got[fmt.Sprint(p.n, " ", p.name)] = w.Property(simulation.ID(p.n), p.name)
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
		before, calls := w.Portal.Snapshot(), w.Portal.Requests().Total
		late := simulation.Event(simulation.ID(1), plan.Delivered)
		again := opened
		again.Key = "the same, under another key"
		late.At = opened.At // before what is known, but not dated yet
		w.Receive(st, again)
		w.ApplyEvents(e)
		if diff := cmp.Diff(before, w.Portal.Snapshot()); diff != "" || w.Portal.Requests().Total != calls {
			t.Errorf("a repeat changed the portal, or cost calls:\n%s", diff)
		}
		w.Receive(st, late)
		w.ApplyEvents(e)
		if got := w.Property(simulation.ID(1), "status"); got != "opened" {
			t.Errorf("a late event lowered the status to %s", got)
		}

		// A newer snapshot corrects a wrong claim, 15 minutes later at the latest.
		time.Sleep(time.Hour)
		w.Thnks.Update(simulation.ID(3), func(tx *thnksapitest.Transaction) { tx.Message += "!"; tx.UpdatedAt = time.Now() })
		if rep, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err != nil || rep.Updated != 1 {
			t.Errorf("%+v, %v", rep, err)
		}
		if got := w.Property(simulation.ID(3), "status"); got != "sent" {
			t.Errorf("status %s after the snapshot, want sent", got)
		}
	})
}

// TestUnknownTransactions: an event about one has it fetched and, where that
// shows nothing, waits; first for the next try and in the end for a person.
func TestUnknownTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 8, Recipients: 3})[7]
		tx.Status, tx.Times = "Sent", thnksapitest.Times{Sent: time.Now()}
		tx.UpdatedAt = time.Now()

		w.Receive(st, simulation.Event(tx.ID, plan.Redeemed), simulation.Event("T-never", plan.Opened))
		began := time.Now()
		_, chased := w.ApplyEvents(e)
		if want := began.Add(5 * time.Second); chased.Next.Sub(want).Abs() > time.Second {
			t.Errorf("the next try is at %v, want %v", chased.Next, want)
		}
		w.WantEventStates(st, store.EventWaiting, store.EventWaiting)
		w.Thnks.Add(tx)
		time.Sleep(time.Until(chased.Next))
		_, chased = w.ApplyEvents(e)
		w.WantEventStates(st, store.EventApplied, store.EventWaiting)
		if got := w.Property(tx.ID, "status"); got != "redeemed" {
			t.Errorf("status %s", got)
		}
		tries := 0
		for !chased.Next.IsZero() {
			time.Sleep(time.Until(chased.Next))
			_, chased = w.ApplyEvents(e)
			tries++
		}
		if took := time.Since(began); took < simulation.Week || took > simulation.Week+time.Hour {
			t.Errorf("given up after %v", took)
		}
		w.WantEventStates(st, store.EventApplied, store.EventRefused)
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
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 8, Recipients: 3})[7]
		tx.Status, tx.Times, tx.UpdatedAt = "Sent", thnksapitest.Times{Sent: time.Now()}, time.Now()
		tx.Gift.Type = ""
		w.Thnks.Add(tx)
		w.Portal.AddConditionalRule("thnks", "status", "opened", "gift_type")
		w.Receive(st, simulation.Event(tx.ID, plan.Opened))
		w.ApplyEvents(e)
		w.WantEventStates(st, store.EventWaiting)
		if n, err := st.QuarantineCount(); n != 1 || err != nil {
			t.Fatalf("%d in quarantine (%v), want the gift", n, err)
		}
		w.Portal.ClearRules()
		if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Retry}); err != nil {
			t.Fatal(err)
		}
		w.WantEventStates(st, store.EventApplied)
		if got := w.Property(tx.ID, "status"); got != "opened" {
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
		w := simulation.Quiet(t, 5)
		w.Dialect.DetailPath = ""
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		w.Receive(st, simulation.Event(simulation.ID(1), plan.Opened))
		w.ApplyEvents(e)
		w.WantEventStates(st, store.EventWaiting)
		hint := simulation.Event(simulation.ID(2), plan.Opened)
		hint.Signed = false
		w.Receive(st, hint)
		w.ApplyEvents(e)
		if _, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err != nil {
			t.Fatal(err)
		}
		w.WantEventStates(st, store.EventApplied, store.EventPending)
		if got := w.Property(simulation.ID(1), "status"); got != "opened" {
			t.Errorf("status %s", got)
		}
		w.ApplyEvents(e) // there is no call to ask with: the hint counts
		w.WantEventStates(st, store.EventApplied, store.EventApplied)
		if got := w.Property(simulation.ID(2), "status"); got != "opened" {
			t.Errorf("status %s", got)
		}
	})
}

// TestHintsAreAskedAbout: what a token alone vouches for is not believed.
func TestHintsAreAskedAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		forged, hint := simulation.Event(simulation.ID(1), plan.Refunded), simulation.Event(simulation.ID(2), plan.Opened)
		forged.Signed, hint.Signed = false, false
		w.Thnks.Update(simulation.ID(2), func(tx *thnksapitest.Transaction) {
			tx.Status, tx.Times.Opened, tx.UpdatedAt = "Opened", time.Now(), time.Now()
		})
		w.Receive(st, forged, hint)
		w.ApplyEvents(e)
		w.WantEventStates(st, store.EventApplied, store.EventApplied)
		for n, want := range map[int]string{1: "sent", 2: "opened"} {
			if got := w.Property(simulation.ID(n), "status"); got != want {
				t.Errorf("%d: status %s, want %s", n, got, want)
			}
		}
	})
}

// TestEventsAboutDeletedRecords: they are settled, and nothing is written.
func TestEventsAboutDeletedRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		w.Portal.Archive("thnks", w.Portal.Find("thnks", "thnks_transaction_id", simulation.ID(1))[0].ID)
		for range 2 {
			w.Receive(st, simulation.Event(simulation.ID(1), plan.Opened))
			w.ApplyEvents(e)
			time.Sleep(time.Second)
		}
		w.WantEventStates(st, store.EventListed, store.EventListed)
		if n := len(w.Portal.Find("thnks", "thnks_transaction_id", simulation.ID(1))); n != 0 {
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
		w := simulation.Quiet(t, gifts)
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		var calls func() map[hubspot.Class]int
		w.Configure = func(c *giftsync.Config) { calls = c.Calls }
		e := w.Engine(st)
		for step := range gifts / 500 {
			var events []store.Event
			for i := range 500 {
				events = append(events, simulation.Event(simulation.ID(step*500+i+1), plan.Opened))
			}
			w.Receive(st, events...)
		}
		before := calls()
		applied, _ := w.ApplyEvents(e)
		if applied.Done != gifts {
			t.Errorf("%+v", applied)
		}
		got := calls()[hubspot.Objects] - before[hubspot.Objects]
		t.Logf("%d events: %d object calls", gifts, got)
		if want := gifts / hubspot.BatchSize; got > want {
			t.Errorf("%d object calls, want at most %d", got, want)
		}
		for n := 1; n <= gifts; n += 97 {
			if got := w.Property(simulation.ID(n), "status"); got != "opened" {
				t.Errorf("%d: status %s", n, got)
			}
		}
	})
}

// TestNothingIsMadeTooEarly: until a backfill has begun, and while a journal
// that was lost is half rebuilt, it is not known what HubSpot holds, and events
// make no records.
func TestNothingIsMadeTooEarly(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]map[string]store.Checkpoint{
		"object made, no backfill begun": nil,
		"half rebuilt":                   {giftsync.BackfillCheckpoint: {}, giftsync.RebuildCheckpoint: {Started: time.Unix(1, 0)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 5)
			w.Must(giftsync.Backfill)
			st := w.Open()
			object, err := st.Meta(giftsync.MetaObject)
			if err != nil {
				t.Fatal(err)
			}
			st.Close()
			w.Path += ".new"
			st = w.Open()
			defer st.Close()
			if err := st.Commit(store.Commit{Meta: map[string][]byte{giftsync.MetaObject: object}, Checkpoints: known}); err != nil {
				t.Fatal(err)
			}
			w.Receive(st, simulation.Event(simulation.ID(1), plan.Opened))
			e := w.Engine(st)
			for range 3 {
				w.ApplyEvents(e)
				time.Sleep(10 * simulation.Day)
			}
			w.WantEventStates(st, store.EventWaiting)
			if n, err := st.Count(); n != 0 || err != nil {
				t.Errorf("%s: %d gifts (%v)", name, n, err)
			}
			if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err != nil {
				t.Fatal(err)
			}
			if got := w.Property(simulation.ID(1), "status"); got != "opened" && name != "half rebuilt" {
				t.Errorf("%s: status %s", name, got)
			}
		})
	}
}

// TestParcelsOfOneDay: carriers may date a status by the day, or not at all. Whichever
// order the events come in, the later event says where the parcel is.
func TestParcelsOfOneDay(t *testing.T) {
	t.Parallel()
	for name, dates := range map[string][2]time.Duration{ // before the event; 0 for its own time
		"one by the day":  {0, 14 * time.Hour},
		"both by the day": {7 * time.Hour, 14 * time.Hour},
	} {
		for _, late := range []int{0, 1} {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 1)
				w.Must(giftsync.Backfill)
				st := w.Open()
				defer st.Close()
				e := w.Engine(st)
				var events []store.Event
				for i, word := range []string{"outForDelivery", "delivered"} {
					ev := simulation.Event(simulation.ID(1), "")
					ev.Key, ev.Effect, ev.ParcelStatus = word, store.EffectDetail, word
					ev.At = ev.At.Truncate(simulation.Day).Add(time.Duration(7+7*i)*time.Hour - simulation.Day)
					ev.ParcelAt = ev.At.Add(-dates[i])
					events = append(events, ev)
				}
				w.Receive(st, events[late])
				w.ApplyEvents(e)
				w.Receive(st, events[1-late])
				w.ApplyEvents(e)
				if got := w.Property(simulation.ID(1), "parcel_status"); got != "delivered" {
					t.Errorf("%s, event %d first: the parcel is %s", name, late, got)
				}
				if got, want := w.Property(simulation.ID(1), "parcel_status_date"), events[1].ParcelAt.Format("2006-01-02T15:04:05.000Z"); got != want {
					t.Errorf("%s, event %d first: since %s, want %s", name, late, got, want)
				}
			})
		}
	}
}
