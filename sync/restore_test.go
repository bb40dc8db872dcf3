package sync_test

import (
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

// TestRestore creates deleted records again, with message and links; where
// HubSpot keeps hold of the deleted one it says so.
func TestRestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 51}, simulation.Day)
		w.AddGift("T-2", "ann@example.com", simulation.Day)
		w.AddGift("T-3", "ann@example.com", simulation.Day)
		w.Must(giftsync.Incremental)
		for _, id := range []string{"T-1", "T-2"} {
			w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Message = "Thank you, Ann" })
		}
		w.Must(giftsync.Incremental)
		w.Portal.Archive("thnks", w.Record("T-1"))
		w.Portal.Archive("thnks", w.Record("T-2"))
		w.Must(giftsync.ReassociateAll)

		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Restore, Keys: []string{"T-3"}}); err == nil || !strings.Contains(err.Error(), "T-3") {
			t.Errorf("restoring a record that is not deleted: %v", err)
		}
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Restore, Keys: []string{"T-1"}})
		if err != nil || rep.Created != 1 || rep.Fetched != 1 {
			t.Fatalf("%+v, %v; want the one asked for", rep, err)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		if r, _ := w.Portal.Record("thnks", w.Record("T-1")); r.Properties["message"] != "Thank you, Ann" {
			t.Errorf("restored with message %q", r.Properties["message"])
		}
		if rep = w.Must(giftsync.Restore); rep.Created != 1 || w.Portal.Count("thnks") != 3 {
			t.Errorf("%+v, want the other one restored", rep)
		}
		if rep = w.Must(giftsync.Restore); rep.Fetched != 0 {
			t.Errorf("%+v, want nothing left to restore", rep)
		}
		w.CheckSettled()
	})
}

func TestRestoreWhereHubSpotHoldsTheDeletedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 52, ArchivedHoldUnique: true}, simulation.Day)
		record := w.Record("T-1")
		w.Portal.Archive("thnks", record)
		w.Must(giftsync.ReassociateAll)
		rep := w.Must(giftsync.Restore)
		if rep.Quarantined != 1 || w.Stored("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want it set aside and the tombstone kept", rep)
		}
		st := w.Open()
		q, ok, err := st.QuarantinedByKey("T-1")
		st.Close()
		if err != nil || !ok || q.Class != "deleted_in_hubspot" || !strings.Contains(q.Reason, record) || !strings.Contains(q.Reason, "restore it in HubSpot") {
			t.Errorf("quarantined %+v, %v, %v", q, ok, err)
		}
		// A pass takes it for what it is, and not for a row to wait for.
		if rep = w.Must(giftsync.Incremental); rep.Quarantined != 0 || rep.Skipped[plan.SkippedDeleted] != 1 {
			t.Errorf("%+v, want it skipped", rep)
		}
		// Users restore it, as the message says.
		w.Portal.Restore("thnks", record)
		if rep = w.Must(giftsync.Restore); rep.Updated != 1 || rep.Quarantined != 0 {
			t.Errorf("%+v, want the restored record adopted", rep)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		if w.Record("T-1") != record {
			t.Error("the record was doubled")
		}
	})
}

// TestTombstonesSurviveALostJournal: what people deleted stays deleted.
func TestTombstonesSurviveALostJournal(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 53}, thnksapitest.Options{})
			w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 53, N: 30, Recipients: 10}), 1)
			w.Must(giftsync.Backfill)
			deleted := 0
			for _, tx := range w.Thnks.Transactions() {
				if all || deleted < 5 {
					w.Portal.Archive("thnks", w.Record(tx.ID))
					deleted++
				}
			}
			time.Sleep(time.Hour)
			w.Path += ".new"
			if rep := w.Must(giftsync.Incremental); rep.Skipped[plan.SkippedDeleted] != deleted || rep.Created != 0 {
				t.Errorf("%+v, want %d skipped and none created", rep, deleted)
			}
			if n := w.Portal.Count("thnks"); n != 30-deleted {
				t.Errorf("%d records live, want %d", n, 30-deleted)
			}
			w.CheckStateFile()
		})
	}
}

// TestRestoredRecordIsBroughtUpToDate: people delete a record before a change
// gets there, and restore it later: it says what it said when it was deleted,
// and the next pass that reads everything makes that good.
func TestRestoredRecordIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 2)
		w.Must(giftsync.Backfill)
		w.Thnks.Update(simulation.ID(1), func(tx *thnksapitest.Transaction) { tx.Status = "redeemed" })
		record := w.Portal.Find("thnks", "thnks_transaction_id", simulation.ID(1))[0].ID
		w.Portal.Archive("thnks", record)
		w.Must(giftsync.Incremental) // which finds nothing to update
		w.Portal.Restore("thnks", record)
		w.Must(giftsync.ReassociateAll)
		time.Sleep(simulation.Week)
		w.Must(giftsync.Incremental)
		if got := w.Property(simulation.ID(1), "status"); got != "redeemed" {
			t.Errorf("the restored record still says %q", got)
		}
	})
}

// TestRestoredThenMerged: a record comes back and is merged before the program
// looks.
func TestRestoredThenMerged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 2)
		w.Must(giftsync.Backfill)
		record, other := w.Record(simulation.ID(1)), w.Record(simulation.ID(2))
		w.Portal.Archive("thnks", record)
		w.Must(giftsync.ReassociateAll)
		w.Portal.Restore("thnks", record)
		w.Portal.Merge("thnks", record, other)
		w.Must(giftsync.ReassociateAll)
		w.Thnks.Update(simulation.ID(1), func(tx *thnksapitest.Transaction) { tx.Status, tx.UpdatedAt = "redeemed", time.Now().UTC() })
		w.Must(giftsync.Incremental)
		if got := w.Property(simulation.ID(1), "status"); got != "redeemed" {
			t.Errorf("the record that came back says %q", got)
		}
	})
}
