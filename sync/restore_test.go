package sync

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRestore creates deleted records again, with message and links; where
// HubSpot keeps hold of the deleted one it says so.
func TestRestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 51}, daily)
		w.gift("T-2", "ann@example.com", daily)
		w.gift("T-3", "ann@example.com", daily)
		w.must(Incremental)
		for _, id := range []string{"T-1", "T-2"} {
			w.thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Message = "Thank you, Ann" })
		}
		w.must(Incremental)
		w.portal.Archive("thnks", w.record("T-1"))
		w.portal.Archive("thnks", w.record("T-2"))
		w.must(ReassociateAll)

		if _, err := w.run(t.Context(), Request{Mode: Restore, Keys: []string{"T-3"}}); err == nil || !strings.Contains(err.Error(), "T-3") {
			t.Errorf("restoring a record that is not deleted: %v", err)
		}
		rep, err := w.run(t.Context(), Request{Mode: Restore, Keys: []string{"T-1"}})
		if err != nil || rep.Created != 1 || rep.Fetched != 1 {
			t.Fatalf("%+v, %v; want the one asked for", rep, err)
		}
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		if r, _ := w.portal.Record("thnks", w.record("T-1")); r.Properties["message"] != "Thank you, Ann" {
			t.Errorf("restored with message %q", r.Properties["message"])
		}
		if rep = w.must(Restore); rep.Created != 1 || w.portal.Count("thnks") != 3 {
			t.Errorf("%+v, want the other one restored", rep)
		}
		if rep = w.must(Restore); rep.Fetched != 0 {
			t.Errorf("%+v, want nothing left to restore", rep)
		}
		w.settled()
	})
}

func TestRestoreWhereHubSpotHoldsTheDeletedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 52, ArchivedHoldUnique: true}, daily)
		record := w.record("T-1")
		w.portal.Archive("thnks", record)
		w.must(ReassociateAll)
		rep := w.must(Restore)
		if rep.Quarantined != 1 || w.journalled("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want it set aside and the tombstone kept", rep)
		}
		st := w.open()
		q, ok, err := st.QuarantinedByKey("T-1")
		st.Close()
		if err != nil || !ok || q.Class != "deleted_in_hubspot" || !strings.Contains(q.Reason, record) || !strings.Contains(q.Reason, "restore it in HubSpot") {
			t.Errorf("quarantined %+v, %v, %v", q, ok, err)
		}
		// A pass takes it for what it is, and not for a row to wait for.
		if rep = w.must(Incremental); rep.Quarantined != 0 || rep.Skipped[plan.SkippedDeleted] != 1 {
			t.Errorf("%+v, want it skipped", rep)
		}
		// People restore it, as they were told.
		w.portal.Restore("thnks", record)
		if rep = w.must(Restore); rep.Updated != 1 || rep.Quarantined != 0 {
			t.Errorf("%+v, want the restored record adopted", rep)
		}
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		if w.record("T-1") != record {
			t.Error("the record was doubled")
		}
	})
}

// TestTombstonesSurviveALostJournal: what people deleted stays deleted.
func TestTombstonesSurviveALostJournal(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, hubspottest.Options{Seed: 53}, thnksapitest.Options{})
			w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 53, N: 30, Recipients: 10}), 1)
			w.must(Backfill)
			deleted := 0
			for _, tx := range w.thnks.Transactions() {
				if all || deleted < 5 {
					w.portal.Archive("thnks", w.record(tx.ID))
					deleted++
				}
			}
			time.Sleep(time.Hour)
			w.path += ".new"
			if rep := w.must(Incremental); rep.Skipped[plan.SkippedDeleted] != deleted || rep.Created != 0 {
				t.Errorf("%+v, want %d skipped and none created", rep, deleted)
			}
			if n := w.portal.Count("thnks"); n != 30-deleted {
				t.Errorf("%d records live, want %d", n, 30-deleted)
			}
			w.checkState()
		})
	}
}

// TestRestoredRecordIsBroughtUpToDate: people delete a record before a change
// gets there, and restore it later: it says what it said when it was deleted,
// and the next pass that reads everything makes that good.
func TestRestoredRecordIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 2)
		w.must(Backfill)
		w.thnks.Update(transaction(1), func(tx *thnksapitest.Transaction) { tx.Status = "redeemed" })
		record := w.portal.Find("thnks", "thnks_transaction_id", transaction(1))[0].ID
		w.portal.Archive("thnks", record)
		w.must(Incremental) // which finds nothing to update
		w.portal.Restore("thnks", record)
		w.must(ReassociateAll)
		time.Sleep(weekly)
		w.must(Incremental)
		if got := w.property(transaction(1), "status"); got != "redeemed" {
			t.Errorf("the restored record still says %q", got)
		}
	})
}

// TestRestoredThenMerged: a record comes back and is merged before the program
// looks.
func TestRestoredThenMerged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 2)
		w.must(Backfill)
		record, other := w.record(transaction(1)), w.record(transaction(2))
		w.portal.Archive("thnks", record)
		w.must(ReassociateAll)
		w.portal.Restore("thnks", record)
		w.portal.Merge("thnks", record, other)
		w.must(ReassociateAll)
		w.thnks.Update(transaction(1), func(tx *thnksapitest.Transaction) { tx.Status, tx.UpdatedAt = "redeemed", time.Now().UTC() })
		w.must(Incremental)
		if got := w.property(transaction(1), "status"); got != "redeemed" {
			t.Errorf("the record that came back says %q", got)
		}
	})
}
