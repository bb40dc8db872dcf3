package sync_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestSyncFromAFile: the portal ends up as from the API; again costs no call;
// what the API's runs remember is not touched.
func TestSyncFromAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		w.Configure = simulation.OnlyExports(t)
		if rep := w.Must(giftsync.Incremental); rep.Fetched != 0 || simulation.Calls(rep) != 0 {
			t.Errorf("a daemon's pass without a source: %+v", rep)
		}
		rep := w.MustFile(w.ExportAll())
		if rep.Mode != giftsync.Backfill || rep.Created != 80 || rep.ThnksCalls != 0 || rep.Quarantined != 0 {
			t.Errorf("got %+v, want 80 created in a backfill without a call to Thnks", rep)
		}
		w.Check()
		if rep := w.MustFile(w.ExportAll()); rep.Unchanged != 80 || simulation.Calls(rep) != 0 {
			t.Errorf("again: %d unchanged with %d calls, want 80 and none", rep.Unchanged, simulation.Calls(rep))
		}
		time.Sleep(time.Hour)
		tx := w.Thnks.Transactions()[0]
		w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Status, tx.Times.Refunded = "refunded", time.Now().UTC() })
		if rep := w.MustFile(w.ExportAll()); rep.Updated != 1 || rep.Unchanged != 79 {
			t.Errorf("one refunded: %+v", rep)
		}
		w.Check()
		for range 3 { // daily and weekly slots, without anything to list
			time.Sleep(8 * 24 * time.Hour)
			w.Must(giftsync.Incremental)
			w.Must(giftsync.Backfill)
		}
		w.Check()
		st := w.Open()
		defer st.Close()
		for have, err := range st.After(t.Context(), "") {
			if err != nil || !have.Gone.IsZero() {
				t.Errorf("%s is taken for gone: %v", have.Gift.ID, err)
			}
		}
		for _, name := range []string{giftsync.BackfillCheckpoint, giftsync.IncrementalCheckpoint} {
			if cp, ok, err := st.Checkpoint(name); ok || err != nil {
				t.Errorf("checkpoint %s: %+v, %v; want none", name, cp, err)
			}
		}
	})
}

// TestFileBesideTheAPI: an accepted file leaves the API's watermarks alone,
// and rows that only it has are not taken for gone.
func TestFileBesideTheAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		w.Configure = simulation.ReadExports(t)
		w.Must(giftsync.Backfill)
		before := func() (cp store.Checkpoint) {
			st := w.Open()
			defer st.Close()
			cp, _, err := st.Checkpoint(giftsync.IncrementalCheckpoint)
			if err != nil {
				t.Fatal(err)
			}
			return cp
		}
		was := before()
		old := w.ExportLines("Transaction ID,Status,Sent Date", "OLD-1,sent,2026-01-01", "OLD-2,opened,2026-01-01")
		rep := w.MustDo(giftsync.Request{Mode: giftsync.Backfill, From: old, AcceptNewSource: true})
		if rep.Created != 2 {
			t.Errorf("created %d of the file, want 2", rep.Created)
		}
		if diff := cmp.Diff(was, before()); diff != "" {
			t.Errorf("the API's watermarks moved:\n%s", diff)
		}
		time.Sleep(8 * 24 * time.Hour)
		w.Must(giftsync.Incremental)
		st := w.Open()
		defer st.Close()
		gifts, err := st.Gifts([]string{"OLD-1", "OLD-2"})
		if err != nil || !gifts["OLD-1"].Gone.IsZero() || !gifts["OLD-2"].Gone.IsZero() {
			t.Errorf("gifts of the file after a resweep of the API: %+v, %v", gifts, err)
		}
	})
}

// TestCrashAtEveryStepOfAFile kills a first sync from a file everywhere.
func TestCrashAtEveryStepOfAFile(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.New(t, hubspottest.Options{Seed: 3}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 20, Recipients: 10}), 0.7)
		w.Configure = simulation.OnlyExports(t)
		path := w.ExportAll()
		alive := w.DieIn(step, giftsync.Request{Mode: giftsync.Incremental, From: path})
		w.MustFile(path)
		w.Check()
		if rep := w.MustFile(path); simulation.Calls(rep) != 0 {
			t.Errorf("step %d: again costs %d calls", step, simulation.Calls(rep))
		}
		return alive
	})
}

// TestFilesResume: a file that was interrupted goes on behind its last window,
// and another one in its place begins at its beginning.
func TestFilesResume(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
			w.Configure = simulation.OnlyExports(t)
			w.Bounds.WindowRows = 1
			w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 600, Recipients: 10}), 0.2)
			path := w.ExportAll()
			w.Interrupt(1, giftsync.Request{Mode: giftsync.Backfill, From: path})
			want := 100
			if !same {
				path, want = w.ExportLines("Transaction ID,Status", "T-x,sent"), 1
			}
			if rep := w.MustFile(path); rep.Fetched != want {
				t.Errorf("same file %t: fetched %d, want %d", same, rep.Fetched, want)
			}
			if same {
				w.Check()
			}
		})
	}
}

// TestOldFilesSetNothingBack: stamps decide, and without them the further
// status.
func TestOldFilesSetNothingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.OnlyExports(t)
		status := func() map[string]string {
			got := make(map[string]string)
			for r := range w.Portal.Records("thnks") {
				got[r.Properties["thnks_transaction_id"]] = r.Properties["status"]
			}
			return got
		}
		header := "Transaction ID,Status,Scheduled Date,Sent Date,Redeemed Date,Updated At"
		older := []string{header, "bare,sent,,,,", "dated,sent,,2026-01-01,,", "stamped,opened,,,,2026-02-01T00:00:00Z", "planned,scheduled,2026-12-24,,,"}
		newer := []string{header, "bare,redeemed,,,,", "dated,redeemed,,2026-01-01,2026-01-02,", "stamped,sent,,,,2026-02-02T00:00:00Z", "planned,sent,2026-12-24,2026-02-01,,"}
		want := map[string]string{"bare": "redeemed", "dated": "redeemed", "stamped": "sent", "planned": "sent"}
		w.MustFile(w.ExportLines(older...))
		if rep := w.MustFile(w.ExportLines(newer...)); rep.Updated != 4 {
			t.Errorf("the newer file: %+v", rep)
		}
		if diff := cmp.Diff(want, status()); diff != "" {
			t.Errorf("after the newer file (-want +got):\n%s", diff)
		}
		w.MustFile(w.ExportLines(older...))
		if diff := cmp.Diff(want, status()); diff != "" {
			t.Errorf("after the older file (-want +got):\n%s", diff)
		}
	})
}

// TestSourceGuard: a portal that was fed from one kind of source is not fed from
// another before an administrator accepts it. Nothing is written until then.
func TestSourceGuard(t *testing.T) {
	t.Parallel()
	const api, file, both, none = "api", "file", "both", "none"
	for _, test := range []struct {
		name, fed, now string
		accept, admit  bool
	}{
		{"first from the API", none, api, false, true},
		{"first from a file", none, file, false, true},
		{"API again", api, api, false, true},
		{"file again", file, file, false, true},
		{"API, then a file", api, file, false, false},
		{"API, then a file, accepted", api, file, true, true},
		{"file, then the API", file, api, false, false},
		{"file, then the API, accepted", file, api, true, true},
		{"both, then a file", both, file, false, true},
		{"both, then the API", both, api, false, true},
		{"before this was noted, then a file", "unnoted", file, false, false},
		{"before this was noted, then the API", "unnoted", api, false, true},
		{"lost, then a file", "lost", file, false, false},
		{"lost, then a file, accepted", "lost", file, true, true},
		{"an empty API, then a file", "empty", file, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			w.Configure = simulation.ReadExports(t)
			one := w.ExportLines("Transaction ID,Status", "T-1,sent")
			if test.fed != "empty" {
				w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC(), "ann@acme.example"))
			}
			switch test.fed {
			case none:
			case file:
				w.MustFile(one)
			default:
				w.Must(giftsync.Backfill)
			}
			switch test.fed {
			case both:
				w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: one, AcceptNewSource: true})
			case "unnoted":
				st := w.Open()
				if err := st.Commit(store.Commit{Meta: map[string][]byte{giftsync.MetaSource: nil}}); err != nil {
					t.Fatal(err)
				}
				st.Close()
			case "lost":
				w.Path += ".new"
			}
			req := giftsync.Request{Mode: giftsync.Incremental, AcceptNewSource: test.accept}
			if test.now == file {
				req.From = one
			}
			before := w.Portal.Snapshot()
			dry := req
			dry.DryRun = true
			_, dryErr := w.Run(t.Context(), dry)
			rep, err := w.Run(t.Context(), req)
			var fatal *giftsync.Fatal
			switch {
			case test.admit && (err != nil || dryErr != nil):
				t.Errorf("%s: %v, dry %v", test.name, err, dryErr)
			case test.admit:
				req.AcceptNewSource = false
				w.MustDo(req) // from now on
			case !errors.As(err, &fatal) || !errors.As(dryErr, &fatal) || !strings.Contains(err.Error(), "--accept-new-source"):
				t.Errorf("%s: got %v, dry %v; want a refusal", test.name, err, dryErr)
			case !simulation.Same(before, w.Portal.Snapshot()) || rep.Fetched != 0:
				t.Errorf("%s: refused, and yet something was written", test.name)
			}
		})
	}
}

// TestRefusedFilesWriteNothing: not even the custom object.
func TestRefusedFilesWriteNothing(t *testing.T) {
	t.Parallel()
	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
	w.Configure = simulation.OnlyExports(t)
	before := w.Portal.Snapshot()
	for _, path := range []string{w.ExportLines("Gift Name,Status", "Coffee,sent"), filepath.Join(t.TempDir(), "none.csv")} {
		if rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental, From: path}); err == nil || simulation.Calls(rep) != 0 {
			t.Errorf("%s: %+v, %v", path, rep, err)
		}
	}
	if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Retry, From: "x.csv"}); err == nil {
		t.Error("a retry reads no file")
	}
	if !simulation.Same(before, w.Portal.Snapshot()) {
		t.Error("something was written")
	}
}

// TestLostFileOfAPortalWithoutAKey: a backfill rebuilds it, and a person says
// that the next file is of the same source.
func TestLostFileOfAPortalWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.OnlyExports(t)
		file := w.ExportLines("Transaction ID,Gift Name,Status", "T-1,Coffee,sent", "T-2,Tea,sent")
		w.MustFile(file)
		w.Path += ".new"
		w.Must(giftsync.Backfill)
		st := w.Open()
		n, err := st.Count()
		if st.Close(); err != nil || n != 2 {
			t.Errorf("the new state file knows %d gifts (%v), want 2", n, err)
		}
		var fatal *giftsync.Fatal
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental, From: file}); !errors.As(err, &fatal) {
			t.Errorf("got %v, want the user asked where the gifts were from", err)
		}
		if rep := w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: file, AcceptNewSource: true}); rep.Created != 0 || rep.Fetched != 2 {
			t.Errorf("%+v, want both met again", rep)
		}
	})
}
