package sync_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestLateRowsAreFound: rows that become visible with an old stamp are found
// by the overlap, the daily or the weekly re-read, by how late they are.
func TestLateRowsAreFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		late, off, within time.Duration
	}{
		{10 * time.Minute, 0, time.Hour},
		{20 * time.Hour, 0, 25 * time.Hour},
		{20 * time.Hour, 60 * time.Hour, time.Hour}, // the program was off when the re-read was due
		{20 * simulation.Day, 0, simulation.Week + time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, Recipients: 20}), 1)
			w.Must(giftsync.Backfill)
			w.Must(giftsync.Incremental)
			time.Sleep(tt.late)
			stamp := time.Now().UTC().Add(-tt.late)
			// Something newer carries the watermark past the late row's stamp.
			w.Thnks.Add(thnksapitest.Transaction{ID: "T-new", Status: "sent", CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC()})
			w.Must(giftsync.Incremental)
			w.Thnks.Add(thnksapitest.Transaction{ID: "T-late", Status: "sent", CreatedAt: stamp, UpdatedAt: stamp})
			time.Sleep(tt.off)
			for waited := time.Duration(0); waited < tt.within; waited += time.Hour {
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
			}
			w.Check()
		})
	}
}

// TestRowsGoneAtTheSourceAreMarked: the weekly listing misses one; its record
// stays, and the mark goes when it is listed again.
func TestRowsGoneAtTheSourceAreMarked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, Recipients: 20, End: time.Now().Add(-10 * simulation.Day)}), 1)
		w.Must(giftsync.Backfill)
		tx, _ := w.Thnks.Transaction("T-000007")
		w.Thnks.Delete("T-000007")
		mark := func() bool {
			st := w.Open()
			defer st.Close()
			s, ok, err := st.Gift("T-000007")
			if err != nil || !ok {
				t.Fatalf("gift: %v, %v", ok, err)
			}
			return !s.Gone.IsZero()
		}
		time.Sleep(simulation.Week)
		if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Resweep || rep.Fetched != 49 {
			t.Errorf("mode %s fetched %d, want a full listing of 49", rep.Mode, rep.Fetched)
		}
		if !mark() || w.Portal.Count("thnks") != 50 {
			t.Errorf("marked %v with %d records, want the mark and all 50", mark(), w.Portal.Count("thnks"))
		}
		w.Thnks.Add(tx)
		time.Sleep(simulation.Week)
		w.Must(giftsync.Incremental)
		if mark() {
			t.Error("still marked although listed again")
		}
	})
}

// TestSeveralKeysMakeAUnion: each key sees its owner's gifts and one of them
// sees some of the other's too.
func TestSeveralKeysMakeAUnion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 4, N: 300, Recipients: 80, Senders: 2})
		senders := map[string]bool{}
		opts := thnksapitest.Options{Keys: map[string]string{"all": ""}}
		for _, tx := range txs {
			senders[tx.Sender.Email] = true
		}
		keys := []string{"all"}
		for s := range senders {
			opts.Keys["key-of-"+s] = s
			keys = append(keys, "key-of-"+s)
		}
		w := simulation.New(t, hubspottest.Options{}, opts)
		w.Keys = keys
		w.Populate(txs, 0.8)
		if rep := w.Must(giftsync.Backfill); rep.Fetched != 300 || rep.Created != 300 {
			t.Errorf("fetched %d, created %d; want each of 300 once", rep.Fetched, rep.Created)
		}
		w.Check()
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.ThnksCalls != len(keys) || simulation.Calls(rep) != 0 {
			t.Errorf("an idle pass costs %d Thnks and %d HubSpot calls, want one Thnks call a key and none", rep.ThnksCalls, simulation.Calls(rep))
		}
	})
}

// TestSourcesWithoutAChangeFilter are re-read daily, 400 days back.
func TestSourcesWithoutAChangeFilter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{Shape: thnksapitest.Shape{Filter: thnksapitest.CreatedFilter}})
		w.Dialect.Since.Kind = thnksapi.SinceCreated
		w.Dialect.Since.Param = "created_since"
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 100, Recipients: 30}), 1)
		w.Must(giftsync.Backfill)
		w.Thnks.Update("T-000050", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "https://thnks.test/changed" })
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		time.Sleep(24 * time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.Updated != 1 {
			t.Errorf("the daily re-read updated %d, want the changed one", rep.Updated)
		}
		w.Check()
	})
}

// TestDryRunWritesNothing, neither to HubSpot nor to the state file, and
// plans what the run then does.
func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 200, Recipients: 50}), 0.8)
		dry := func() giftsync.Report {
			w.Open().Close() // makes the state file
			before, journal := w.Portal.Snapshot(), file(w)
			rep, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill, DryRun: true})
			if err != nil {
				t.Fatal(err)
			}
			if !simulation.Same(before, w.Portal.Snapshot()) {
				t.Error("a dry run changed the portal")
			}
			if !bytes.Equal(journal, file(w)) {
				t.Error("a dry run changed the state file")
			}
			return rep
		}
		first := dry()
		if len(first.SchemaChanges) == 0 || first.Created != 200 || len(first.Changes) != 20 {
			t.Errorf("planned %d schema changes, %d creates, listed %d; want some, 200, 20", len(first.SchemaChanges), first.Created, len(first.Changes))
		}
		st := w.Open()
		if _, begun, _ := st.Checkpoint(giftsync.BackfillCheckpoint); begun {
			t.Error("a dry run began a backfill")
		}
		st.Close()
		real := w.Must(giftsync.Backfill)
		if real.AssociationsCreated != first.AssociationsCreated {
			t.Errorf("planned %d links, made %d", first.AssociationsCreated, real.AssociationsCreated)
		}
		// With the state file lost, a dry run learns from HubSpot what exists.
		w.Path += ".lost"
		if rep := dry(); rep.Created != 0 || rep.Unchanged+rep.Updated != 200 {
			t.Errorf("created %d, unchanged %d, updated %d; want all 200 found", rep.Created, rep.Unchanged, rep.Updated)
		}
	})
}

// file returns what is in the state file.
func file(w *simulation.World) []byte {
	w.T.Helper()
	data, err := os.ReadFile(w.Path)
	if err != nil {
		w.T.Fatal(err)
	}
	return data
}

// TestFutureStampDoesNotPoisonTheWatermark: one row from the year 2100 must
// not hide everything that changes before then.
func TestFutureStampDoesNotPoisonTheWatermark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		w.Thnks.Add(thnksapitest.Transaction{ID: "T-far", Status: "sent", CreatedAt: time.Now().UTC(), UpdatedAt: far})
		w.Must(giftsync.Incremental)
		time.Sleep(time.Hour)
		w.Thnks.Add(thnksapitest.Transaction{ID: "T-near", Status: "sent", CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC()})
		if rep := w.Must(giftsync.Incremental); rep.Created != 1 {
			t.Errorf("created %d, want the new one", rep.Created)
		}
	})
}

// TestResumedResweepReadsWhatChanged: what a weekly re-read has passed before it
// was interrupted is news in the run that resumes it, and no gift is linked by
// the address that it had then.
func TestResumedResweepReadsWhatChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC().Add(-simulation.Day), "one@example.com"))
		w.Must(giftsync.Backfill)
		time.Sleep(simulation.Week)
		w.Portal.Fault(hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: 500, PathContains: "/contacts/", Count: -1})
		if rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err == nil || rep.Fetched != 1 {
			t.Fatalf("%+v, %v; want the run to end when everything is listed", rep, err)
		}
		w.Portal.ClearFaults()
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) {
			tx.Status, tx.Recipient.Email, tx.UpdatedAt = "redeemed", "other@example.com", time.Now().UTC()
		})
		w.Portal.AddContact("one@example.com", nil)
		time.Sleep(time.Hour)
		rep := w.Must(giftsync.Incremental)
		if got := w.Property("T-1", "status"); got != "redeemed" || rep.Mode != giftsync.Resweep {
			t.Errorf("a %s leaves the gift %s", rep.Mode, got)
		}
		if links := w.Portal.Links("thnks", w.Record("T-1"))["contacts"]; len(links) > 0 {
			t.Errorf("linked to the contact of another recipient: %v", links)
		}
	})
}
