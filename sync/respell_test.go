package sync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestInvisibleCharactersOfAnID: an id is one however it is spelled, from the API,
// a file or an event.
func TestInvisibleCharactersOfAnID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.ReadExports(t)
		w.AddGift("T\u200b-1", "ann@example.com", time.Hour)
		w.Must(giftsync.Backfill)
		record := w.Record("T-1")
		time.Sleep(time.Hour)
		rep := w.MustDo(giftsync.Request{
			Mode: giftsync.Incremental, AcceptNewSource: true,
			From: w.ExportLines("Transaction ID,Status,Updated At", fmt.Sprintf("\" \ufeffT-\u00ad1\",opened,%s", time.Now().UTC().Format(time.RFC3339))),
		})
		if rep.Created != 0 || rep.Quarantined != 0 || w.Record("T-1") != record {
			t.Errorf("a second spelling: %+v, %v", rep, w.QuarantineReasons())
		}
		wantProperties(t, w, "T-1", map[string]string{"status": "opened"})
	})
}

// TestOldSpellingKeepsItsRecord: a gift that an earlier program knew under another
// spelling keeps its record, whose unique property follows, also where the state
// file is lost in between.
func TestOldSpellingKeepsItsRecord(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := fromFiles(t)
			header := "Transaction ID,Gift Name,Recipient Email,Status"
			lines := []string{header, "00123,Coffee,ann@example.com,sent", "T-1,Tea,bob@example.com,sent"}
			w.MustFile(w.ExportLines(lines...))
			for id, old := range map[string]string{"00123": `="00123"`, "T-1": "T-\u200b1"} {
				respell(w, id, old)
			}
			if lost {
				if err := os.Remove(w.Path); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
			if rep := w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: w.ExportLines(lines...), AcceptNewSource: true}); rep.Created != 0 || rep.Quarantined != 0 {
				t.Errorf("lost %v: %+v", lost, rep)
			}
			for id, name := range map[string]string{"00123": "Coffee", "T-1": "Tea"} {
				wantProperties(t, w, id, map[string]string{"gift_name": name})
				if have := w.Stored(id); have.Mapping != plan.Mapping {
					t.Errorf("lost %v: %s is still to be written in full", lost, id)
				}
			}
			n := 0
			for range w.Portal.Records("thnks") {
				n++
			}
			if n != 2 {
				t.Errorf("lost %v: %d records, want 2", lost, n)
			}
		})
	}
}

// TestBothSpellingsStay: where an earlier program made two records of one
// transaction, neither is taken for the other.
func TestBothSpellingsStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		w := fromFiles(t)
		w.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		header := "Transaction ID,Gift Name,Status"
		w.MustFile(w.ExportLines(header, "T-1,Coffee,sent", "T-2,Tea,sent"))
		respell(w, "T-2", "T-\u200b1")
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines(header, "T-1,Cake,sent"))
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Cake"})
		wantProperties(t, w, "T-\u200b1", map[string]string{"gift_name": "Tea"})
		if !strings.Contains(logged.String(), "two records") {
			t.Error("nothing says that the transaction has two records")
		}
	})
}

// respell gives a gift another spelling of its id in HubSpot and in the journal,
// and takes back that the journal has been gone through.
func respell(w *simulation.World, id, old string) {
	w.T.Helper()
	w.Portal.UpdateProperties("thnks", w.Record(id), map[string]string{"thnks_transaction_id": old})
	have := w.Stored(id)
	have.Gift.ID = old
	st := w.Open()
	defer st.Close()
	err := st.Commit(store.Commit{Removed: []string{id}, Gifts: []plan.Stored{have}, Meta: map[string][]byte{"spelling": nil}})
	if err != nil {
		w.T.Fatal(err)
	}
}
