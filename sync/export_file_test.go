package sync

import (
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/export"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// exports lets the world's engine read export files, as the program does.
func exports(t testing.TB) func(*Config) {
	t.Helper()
	format, err := export.New(export.Config{Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		c.Export = func(path string) (ExportFile, error) { return format.Open(path) }
		c.IsExport, c.DecodeExport, c.NearExport = export.Decodes, format.Decode, export.Near
	}
}

// noKey is a portal that is fed from export files alone.
func noKey(t testing.TB) func(*Config) {
	with := exports(t)
	return func(c *Config) {
		with(c)
		c.Sources = nil
	}
}

var exportHeader = []string{
	"Transaction ID", "Gift Name", "Gift Type", "Gift Amount", "Gift Currency", "Sender Name", "Sender Email",
	"Recipient Name", "Recipient Email", "Status", "Message", "Tracking URL",
	"Sent Date", "Opened Date", "Redeemed Date", "Refunded Date", "Expired Date", "Created At", "Updated At",
}

// exported is what an export file says of a transaction.
func exported(tx thnksapitest.Transaction) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return []string{
		tx.ID, tx.Gift.Name, tx.Gift.Type, tx.Amount, tx.Currency, tx.Sender.Name(), tx.Sender.Email,
		tx.Recipient.Name(), tx.Recipient.Email, tx.Status, tx.Message, tx.TrackingURL,
		at(tx.Times.Sent), at(tx.Times.Opened), at(tx.Times.Redeemed), at(tx.Times.Refunded), at(tx.Times.Expired),
		at(tx.CreatedAt), at(tx.UpdatedAt),
	}
}

// exportFile writes all that Thnks holds into a file of the world's.
func (w *world) exportFile() string {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(filepath.Dir(w.path)), "thnks.csv")
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	out := csv.NewWriter(f)
	rows := [][]string{exportHeader}
	for _, tx := range w.thnks.Transactions() {
		rows = append(rows, exported(tx))
	}
	if err := out.WriteAll(rows); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// text writes an export file of the given lines.
func (w *world) text(lines ...string) string {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(filepath.Dir(w.path)), "text.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// mustDo is must for any request.
func (w *world) mustDo(req Request) Report {
	w.t.Helper()
	rep, err := w.run(context.Background(), req)
	if err != nil {
		w.t.Fatalf("%+v: %v", req, err)
	}
	if sum := rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + skipped(rep); rep.Fetched != sum {
		w.t.Fatalf("fetched %d, but the ends sum up to %d: %+v", rep.Fetched, sum, rep)
	}
	return rep
}

func (w *world) mustFile(path string) Report {
	w.t.Helper()
	return w.mustDo(Request{Mode: Incremental, From: path})
}

// inJail is the quarantine by key.
func (w *world) inJail() map[string]store.Quarantined {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	return jailed(w.t, st)
}

func jailed(t testing.TB, j Journal) map[string]store.Quarantined {
	t.Helper()
	jail := make(map[string]store.Quarantined)
	for q, err := range j.Quarantine(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		jail[q.Key] = q
	}
	return jail
}

// reasons are the quarantine's, sorted by key of no meaning.
func (w *world) reasons() map[string]int {
	reasons := make(map[string]int)
	for _, q := range w.inJail() {
		reasons[q.Class+": "+q.Reason]++
	}
	return reasons
}

// TestSyncFromAFile: the portal ends up as from the API; again costs no call;
// what the API's runs remember is not touched.
func TestSyncFromAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := smallWorld(t)
		w.cfg = noKey(t)
		if rep := w.must(Incremental); rep.Fetched != 0 || calls(rep) != 0 {
			t.Errorf("a daemon's pass without a source: %+v", rep)
		}
		rep := w.mustFile(w.exportFile())
		if rep.Mode != Backfill || rep.Created != 80 || rep.ThnksCalls != 0 || rep.Quarantined != 0 {
			t.Errorf("got %+v, want 80 created in a backfill without a call to Thnks", rep)
		}
		w.check()
		if rep := w.mustFile(w.exportFile()); rep.Unchanged != 80 || calls(rep) != 0 {
			t.Errorf("again: %d unchanged with %d calls, want 80 and none", rep.Unchanged, calls(rep))
		}
		time.Sleep(time.Hour)
		tx := w.thnks.Transactions()[0]
		w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Status, tx.Times.Refunded = "refunded", time.Now().UTC() })
		if rep := w.mustFile(w.exportFile()); rep.Updated != 1 || rep.Unchanged != 79 {
			t.Errorf("one refunded: %+v", rep)
		}
		w.check()
		for range 3 { // daily and weekly slots, without anything to list
			time.Sleep(8 * 24 * time.Hour)
			w.must(Incremental)
			w.must(Backfill)
		}
		w.check()
		st := w.open()
		defer st.Close()
		for have, err := range st.All(t.Context()) {
			if err != nil || !have.Gone.IsZero() {
				t.Errorf("%s is taken for gone: %v", have.Gift.ID, err)
			}
		}
		for _, name := range []string{backfillCheckpoint, incrementalCheckpoint} {
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
		w := smallWorld(t)
		w.cfg = exports(t)
		w.must(Backfill)
		before := func() (cp store.Checkpoint) {
			st := w.open()
			defer st.Close()
			cp, _, err := st.Checkpoint(incrementalCheckpoint)
			if err != nil {
				t.Fatal(err)
			}
			return cp
		}
		was := before()
		old := w.text("Transaction ID,Status,Sent Date", "OLD-1,sent,2026-01-01", "OLD-2,opened,2026-01-01")
		rep := w.mustDo(Request{Mode: Backfill, From: old, AcceptNewSource: true})
		if rep.Created != 2 {
			t.Errorf("created %d of the file, want 2", rep.Created)
		}
		if diff := cmp.Diff(was, before()); diff != "" {
			t.Errorf("the API's watermarks moved:\n%s", diff)
		}
		time.Sleep(8 * 24 * time.Hour)
		w.must(Incremental)
		st := w.open()
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
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := newWorld(t, hubspottest.Options{Seed: 3}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 20, Recipients: 10}), 0.7)
		w.cfg = noKey(t)
		path := w.exportFile()
		alive := w.dieIn(step, Request{Mode: Incremental, From: path})
		w.mustFile(path)
		w.check()
		if rep := w.mustFile(path); calls(rep) != 0 {
			t.Errorf("step %d: again costs %d calls", step, calls(rep))
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
			w := newWorld(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
			w.cfg = noKey(t)
			w.bounds.WindowRows = 1
			w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 600, Recipients: 10}), 0.2)
			path := w.exportFile()
			w.interrupt(1, Request{Mode: Backfill, From: path})
			want := 100
			if !same {
				path, want = w.text("Transaction ID,Status", "T-x,sent"), 1
			}
			if rep := w.mustFile(path); rep.Fetched != want {
				t.Errorf("same file %t: fetched %d, want %d", same, rep.Fetched, want)
			}
			if same {
				w.check()
			}
		})
	}
}

// TestOldFilesSetNothingBack: stamps decide, and without them the further
// status.
func TestOldFilesSetNothingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.cfg = noKey(t)
		status := func() map[string]string {
			got := make(map[string]string)
			for r := range w.portal.Records("thnks") {
				got[r.Properties[keyProperty]] = r.Properties["status"]
			}
			return got
		}
		header := "Transaction ID,Status,Scheduled Date,Sent Date,Redeemed Date,Updated At"
		older := []string{header, "bare,sent,,,,", "dated,sent,,2026-01-01,,", "stamped,opened,,,,2026-02-01T00:00:00Z", "planned,scheduled,2026-12-24,,,"}
		newer := []string{header, "bare,redeemed,,,,", "dated,redeemed,,2026-01-01,2026-01-02,", "stamped,sent,,,,2026-02-02T00:00:00Z", "planned,sent,2026-12-24,2026-02-01,,"}
		want := map[string]string{"bare": "redeemed", "dated": "redeemed", "stamped": "sent", "planned": "sent"}
		w.mustFile(w.text(older...))
		if rep := w.mustFile(w.text(newer...)); rep.Updated != 4 {
			t.Errorf("the newer file: %+v", rep)
		}
		if diff := cmp.Diff(want, status()); diff != "" {
			t.Errorf("after the newer file (-want +got):\n%s", diff)
		}
		w.mustFile(w.text(older...))
		if diff := cmp.Diff(want, status()); diff != "" {
			t.Errorf("after the older file (-want +got):\n%s", diff)
		}
	})
}

// TestSourceGuard: whoever was fed from one kind of source is not fed from
// another before a person accepts it; nothing is written until then.
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
			w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
			w.cfg = exports(t)
			one := w.text("Transaction ID,Status", "T-1,sent")
			if test.fed != "empty" {
				w.thnks.Add(simple("T-1", time.Now().UTC(), "ann@acme.example"))
			}
			switch test.fed {
			case none:
			case file:
				w.mustFile(one)
			default:
				w.must(Backfill)
			}
			switch test.fed {
			case both:
				w.mustDo(Request{Mode: Incremental, From: one, AcceptNewSource: true})
			case "unnoted":
				st := w.open()
				if err := st.Commit(store.Commit{Meta: map[string][]byte{metaSource: nil}}); err != nil {
					t.Fatal(err)
				}
				st.Close()
			case "lost":
				w.path += ".new"
			}
			req := Request{Mode: Incremental, AcceptNewSource: test.accept}
			if test.now == file {
				req.From = one
			}
			before := w.portal.Snapshot()
			dry := req
			dry.DryRun = true
			_, dryErr := w.run(t.Context(), dry)
			rep, err := w.run(t.Context(), req)
			var fatal *Fatal
			switch {
			case test.admit && (err != nil || dryErr != nil):
				t.Errorf("%s: %v, dry %v", test.name, err, dryErr)
			case test.admit:
				req.AcceptNewSource = false
				w.mustDo(req) // from now on
			case !errors.As(err, &fatal) || !errors.As(dryErr, &fatal) || !strings.Contains(err.Error(), "--accept-new-source"):
				t.Errorf("%s: got %v, dry %v; want a refusal", test.name, err, dryErr)
			case !sameSnapshot(before, w.portal.Snapshot()) || rep.Fetched != 0:
				t.Errorf("%s: refused, and yet something was written", test.name)
			}
		})
	}
}

// TestRefusedFilesWriteNothing: not even the custom object.
func TestRefusedFilesWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
	w.cfg = noKey(t)
	before := w.portal.Snapshot()
	for _, path := range []string{w.text("Gift Name,Status", "Coffee,sent"), filepath.Join(t.TempDir(), "none.csv")} {
		if rep, err := w.run(t.Context(), Request{Mode: Incremental, From: path}); err == nil || calls(rep) != 0 {
			t.Errorf("%s: %+v, %v", path, rep, err)
		}
	}
	if _, err := w.run(t.Context(), Request{Mode: Retry, From: "x.csv"}); err == nil {
		t.Error("a retry reads no file")
	}
	if !sameSnapshot(before, w.portal.Snapshot()) {
		t.Error("something was written")
	}
}

// TestLostFileOfAPortalWithoutAKey: a backfill rebuilds it, and a person says
// that the next file is of the same source.
func TestLostFileOfAPortalWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.cfg = noKey(t)
		file := w.text("Transaction ID,Gift Name,Status", "T-1,Coffee,sent", "T-2,Tea,sent")
		w.mustFile(file)
		w.path += ".new"
		w.must(Backfill)
		st := w.open()
		n, err := st.Count()
		if st.Close(); err != nil || n != 2 {
			t.Errorf("the new state file knows %d gifts (%v), want 2", n, err)
		}
		var fatal *Fatal
		if _, err := w.run(context.Background(), Request{Mode: Incremental, From: file}); !errors.As(err, &fatal) {
			t.Errorf("got %v, want somebody asked where the gifts were from", err)
		}
		if rep := w.mustDo(Request{Mode: Incremental, From: file, AcceptNewSource: true}); rep.Created != 0 || rep.Fetched != 2 {
			t.Errorf("%+v, want both met again", rep)
		}
	})
}
