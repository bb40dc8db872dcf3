package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestUglyDataAllArrives backfills data with everything that is wrong with
// real data, under both readings of what HubSpot leaves open.
func TestUglyDataAllArrives(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]hubspottest.Options{
		"as documented": {Seed: 5},
		"the other reading": {
			Seed: 6, FirstID: 1 << 53, LengthUnit: hubspottest.Bytes, SecondaryByEmail: true, NoTraceEcho: true, TextIDs: true,
			NoAssociationsErrors: true, ArchivedHoldUnique: true, InvalidLinks: hubspottest.WriteThenRefuse, NoIsClosed: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, opt, thnksapitest.Options{})
				w.Bounds.WindowRows = 250
				txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 1000, Recipients: 300, Ugly: true})
				w.Populate(txs, 0.8)
				nameless := 0
				for _, tx := range txs {
					if strings.TrimSpace(tx.ID) == "" {
						nameless++
					}
				}
				rep := w.Must(giftsync.Backfill)
				if nameless == 0 || rep.Quarantined == 0 || rep.Quarantined > nameless {
					t.Errorf("%d quarantined; %d rows have no id and nothing else is wrong enough", rep.Quarantined, nameless)
				}
				if rep.Orphans[plan.NoEmail] == 0 || rep.Orphans[plan.BadEmail] == 0 || rep.Orphans[plan.NoContact] == 0 {
					t.Errorf("orphans %v, want some of each reason", rep.Orphans)
				}
				w.Check()
				if again := w.Must(giftsync.Incremental); simulation.Calls(again) != 0 {
					t.Errorf("the next pass makes %d HubSpot calls", simulation.Calls(again))
				}
			})
		})
	}
}

// TestHourlyPassesOfADay lets both worlds live for a day with a pass every hour.
func TestHourlyPassesOfADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 8, Limits: hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5}}, thnksapitest.Options{Latency: 50 * time.Millisecond})
		w.Bounds.WindowRows = 100
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 8, N: 300, Recipients: 100}), 0.9)
		w.Must(giftsync.Backfill)
		rng := rand.New(rand.NewPCG(3, 3))
		var created, updated int
		for range 26 {
			for range 4 {
				w.Thnks.Tick(rng)
				time.Sleep(15 * time.Minute)
			}
			rep := w.Must(giftsync.Incremental)
			created += rep.Created
			updated += rep.Updated
			w.Check()
		}
		if created == 0 || updated == 0 {
			t.Errorf("%d created and %d updated in a day; both must happen", created, updated)
		}
	})
}

// TestStatusNeverGoesBack: a source that shows an older version again (a
// cache, a replica) lowers nothing.
func TestStatusNeverGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		sent := time.Now().UTC().Add(-3 * time.Hour)
		old := thnksapitest.Transaction{ID: "T-1", Gift: thnksapitest.Gift{Name: "Coffee"}, Status: "sent", Times: thnksapitest.Times{Sent: sent}, CreatedAt: sent, UpdatedAt: sent}
		opened := old
		opened.Status, opened.Times.Opened, opened.UpdatedAt = "opened", sent.Add(time.Minute), sent.Add(time.Minute)
		w.Thnks.Add(opened)
		w.Must(giftsync.Backfill)
		w.Thnks.Add(old)
		if rep := w.Must(giftsync.Backfill); rep.Updated != 0 || rep.Unchanged != 1 {
			t.Errorf("an older version was taken for news: %+v", rep)
		}
		if r := w.Portal.Find("thnks", "thnks_transaction_id", "T-1"); len(r) != 1 || r[0].Properties["status"] != "opened" {
			t.Errorf("record %v, want it opened", r)
		}
		refund := opened
		refund.Status, refund.Times.Expired, refund.UpdatedAt = "expired", sent.Add(time.Hour), sent.Add(time.Hour)
		w.Thnks.Add(refund)
		w.Must(giftsync.Backfill)
		refund.Status, refund.Times.Refunded, refund.UpdatedAt = "refunded", sent.Add(2*time.Hour), sent.Add(2*time.Hour)
		w.Thnks.Add(refund)
		w.Must(giftsync.Backfill)
		if r := w.Portal.Find("thnks", "thnks_transaction_id", "T-1"); r[0].Properties["status"] != "refunded" {
			t.Errorf("status %q, want refunded after expired", r[0].Properties["status"])
		}
	})
}

// TestDeletedRecordsStayDeleted: people archived a record; it is not written
// again, neither as an update nor as a new one.
func TestDeletedRecordsStayDeleted(t *testing.T) {
	t.Parallel()
	for _, hold := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{ArchivedHoldUnique: hold}, thnksapitest.Options{})
			w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 9, N: 20, Recipients: 10}), 1)
			w.Must(giftsync.Backfill)
			victim := w.Portal.Find("thnks", "thnks_transaction_id", "T-000003")[0]
			w.Portal.Archive("thnks", victim.ID)
			time.Sleep(time.Hour)
			for range 2 {
				w.Thnks.Update("T-000003", func(tx *thnksapitest.Transaction) { tx.TrackingURL += "x" })
				time.Sleep(time.Hour)
				rep := w.Must(giftsync.Incremental)
				if rep.Skipped[plan.SkippedDeleted] != 1 || rep.Created+rep.Updated != 0 {
					t.Errorf("%+v, want the deleted one skipped and nothing written", rep)
				}
			}
			if n := w.Portal.Count("thnks"); n != 19 {
				t.Errorf("%d records live, want 19", n)
			}
		})
	}
}

// TestJournalIsRebuiltFromHubSpot loses the state file.
func TestJournalIsRebuiltFromHubSpot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 600, Recipients: 200, Ugly: true}), 0.8)
		w.Must(giftsync.Backfill)
		before := w.Portal.Snapshot()
		w.Path += ".new"
		rep := w.Must(giftsync.Incremental)
		if rep.Created != 0 || rep.Updated != 0 {
			t.Errorf("after the rebuild %d were created and %d updated, want none", rep.Created, rep.Updated)
		}
		if !simulation.Same(before, w.Portal.Snapshot()) {
			t.Error("the portal changed")
		}
		w.Check()
	})
}

// TestQuarantine: an admin's rule refuses some records; they are set aside
// with HubSpot's words, left alone while nothing changes, and get through
// when asked for after the rule is gone, or by themselves when they change.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 11}, thnksapitest.Options{})
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 11, N: 300, Recipients: 60})
		for _, i := range []int{7, 70, 170, 270} {
			txs[i].Message = "" // refused by the rule below
		}
		w.Populate(txs, 0.8)
		w.Must(giftsync.Backfill)

		w.Portal.RequireProperty("thnks", "message")
		more := thnksapitest.Generate(thnksapitest.Data{Seed: 12, N: 420, Recipients: 60})[300:]
		for i := range more {
			more[i].UpdatedAt = time.Now().UTC()
			if more[i].Message == "" {
				more[i].Message = "Thank you"
			}
			if i%40 == 0 {
				more[i].Message = ""
			}
		}
		w.Thnks.Add(more...)
		rep := w.Must(giftsync.Incremental)
		if rep.Quarantined != 3 || rep.Created != 117 {
			t.Fatalf("created %d, quarantined %d; want 117 and 3", rep.Created, rep.Quarantined)
		}
		if rep = w.Must(giftsync.Incremental); rep.Quarantined != 3 || simulation.Calls(rep) != 0 {
			t.Errorf("quarantined %d with %d calls; want the three left alone", rep.Quarantined, simulation.Calls(rep))
		}
		st := w.Open()
		for q, err := range st.Quarantine(context.Background()) {
			if err != nil || !strings.Contains(q.Reason, "message") || !strings.HasPrefix(q.Class, "refused") || q.Attempts != 1 {
				t.Errorf("quarantined %s: class %q, attempts %d, reason %q, error %v", q.Key, q.Class, q.Attempts, q.Reason, err)
			}
		}
		st.Close()
		if rep = w.Must(giftsync.Retry); rep.Quarantined != 3 {
			t.Errorf("a retry under the same rule quarantines %d, want 3", rep.Quarantined)
		}
		w.Thnks.Update(more[0].ID, func(tx *thnksapitest.Transaction) { tx.Message = "Thanks after all" })
		if rep = w.Must(giftsync.Incremental); rep.Created != 1 || rep.Quarantined != 2 {
			t.Errorf("after one changed: created %d, quarantined %d; want 1 and 2", rep.Created, rep.Quarantined)
		}
		w.Portal.ClearRules()
		if rep = w.Must(giftsync.Retry); rep.Created != 2 || rep.Quarantined != 0 {
			t.Errorf("after the rule is gone: created %d, quarantined %d; want 2 and 0", rep.Created, rep.Quarantined)
		}
		w.Check()
	})
}

// TestSchemaProblemStopsThePortal: everything is refused for one reason.
func TestSchemaProblemStopsThePortal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 13}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		w.Portal.RequireProperty("thnks", "thank_you_note")
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 13, N: 1000, Recipients: 200}), 0.8)
		_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
		var fatal *giftsync.Fatal
		if !errors.As(err, &fatal) {
			t.Fatalf("got %v, want a fatal schema problem", err)
		}
		w.Portal.ClearRules()
		if rep := w.Must(giftsync.Backfill); rep.Created != 1000 || rep.Quarantined != 0 {
			t.Errorf("once fixed: created %d, quarantined %d; want all 1000 and none set aside", rep.Created, rep.Quarantined)
		}
		w.Check()
	})
}
