package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

type jail []store.Quarantined

func (j jail) Quarantine(context.Context) iter.Seq2[store.Quarantined, error] {
	return func(yield func(store.Quarantined, error) bool) {
		for _, q := range j {
			if !yield(q, nil) {
				return
			}
		}
	}
}

// TestQuarantinedGroups: one group a reason, whatever rows it names, with the
// first one's own words.
func TestQuarantinedGroups(t *testing.T) {
	t.Parallel()
	var j jail
	add := func(key, class, reason string) {
		j = append(j, store.Quarantined{Key: key, Class: class, Reason: reason})
	}
	add("a", "unreadable", "line 17: 9 fields, the header has 12")
	add("b", "refused", `Property values were not valid: "yes, \"sir\"" for T-17 was not one of the allowed options`)
	add("c", "unreadable", "line 4: 11 fields, the header has 12")
	for _, key := range []string{"d", "e", "f", "g", "h", "i"} {
		add(key, "refused", `Property values were not valid: "`+key+`" for T-`+strings.Repeat("1", len(j))+" was not one of the allowed options")
	}
	add("k", "refused:X", "line 4: 11 fields, the header has 12")
	add("l", "refused", "ann@acme.example is no address")
	add("m", "refused", "bob@acme.example is no address")
	got, err := giftsync.ListQuarantine(t.Context(), "acme", j, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []giftsync.QuarantineGroup{
		{Class: "refused", Reason: j[1].Reason, Count: 7, Keys: []string{"b", "d", "e", "f", "g"}},
		{Class: "refused", Reason: "ann@acme.example is no address", Count: 2, Keys: []string{"l", "m"}},
		{Class: "unreadable", Reason: j[0].Reason, Count: 2, Keys: []string{"a", "c"}},
		{Class: "refused:X", Reason: j[2].Reason, Count: 1, Keys: []string{"k"}},
	}
	if diff := cmp.Diff(want, got.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if got.Portal != "acme" || len(got.Records) != len(j) || got.Records[0].Key != "a" {
		t.Errorf("records are %+v", got.Records)
	}
}

// TestLifeOfBadLines: bad lines of a file are quarantined by number, are tried
// again when asked, and leave when their own transaction is read well. One
// without an id stays until an admin takes it out.
func TestLifeOfBadLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.OnlyExports(t)
		header := "Transaction ID,Gift Name,Status,Gift Amount,Gift Currency"
		bad := []string{header, "T-1,Coffee,sent,5,USD", "T-2,Coffee,sent,,,x", ",Tea,sent,,", "T-3,Tea,sent,\"1,234\",USD", "T-4,Tea,sent,,"}
		rep := w.MustFile(w.ExportLines(bad...))
		if rep.Created != 2 || rep.Quarantined != 3 || rep.Fetched != 5 {
			t.Fatalf("got %+v", rep)
		}
		want := map[string]int{
			"unreadable: line 3: 6 fields, the header has 5: a field with a separator in it stands in quotes": 1,
			"no_id: line 4: the row has no transaction id, so it cannot be identified":                        1,
			"unreadable: line 5: gift_amount: may be read as two amounts, as its separator may be that of thousands or of decimals: export it with two decimals, or without thousands, or set thnks.csv.decimal to \".\" or \",\"": 1,
		}
		if diff := cmp.Diff(want, w.QuarantineReasons()); diff != "" {
			t.Fatalf("quarantine (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Retry); rep.Quarantined != 3 {
			t.Errorf("a retry: %+v", rep)
		}
		if diff := cmp.Diff(want, w.QuarantineReasons()); diff != "" {
			t.Errorf("after a retry (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines(bad...)) // met again
		for key, q := range w.Quarantine() {
			if !q.Last.After(q.First) || q.Attempts != 3 {
				t.Errorf("%s: %d attempts, first %s, last %s", key, q.Attempts, q.First, q.Last)
			}
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental) // without a source: no listing, so no row leaves
		if n := len(w.Quarantine()); n != 3 {
			t.Errorf("%d in quarantine after a pass without a source, want 3", n)
		}
		rep = w.MustFile(w.ExportLines(header, "T-1,Coffee,sent,5,USD", "T-2,Coffee,sent,,", "T-5,Tea,sent,,", "T-3,Tea,sent,\"1,234\",USD"))
		if rep.Created != 2 || rep.Quarantined != 1 {
			t.Errorf("half fixed: %+v", rep)
		}
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines(header, "T-3,Tea,sent,\"1,234.00\",USD"))
		if got := w.QuarantineReasons(); len(got) != 1 || got["no_id: line 4: the row has no transaction id, so it cannot be identified"] != 1 {
			t.Errorf("fixed: %v, want only the row without an id", got)
		}
	})
}

// TestFilesOfMonths: a file empties the quarantine of the lines whose transaction
// it shows, and of no others, in whatever order files of months come.
func TestFilesOfMonths(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.OnlyExports(t)
		header := "Transaction ID,Gift Name,Status"
		january := []string{header, "torn", "T-1,Coffee,sent", "T-2,Tea,sent,x", ",Cake,sent", "T-3,Tea,sent"}
		for _, step := range []struct {
			name  string
			lines []string
			left  int
		}{
			{"january", january, 3},
			{"february", []string{header, "T-4,Tea,sent", "T-5,Tea,sent"}, 3},
			{"january, fixed but for its first row", []string{header, "torn", "T-1,Coffee,sent", "T-2,Tea,sent", "T-9,Cake,sent", "T-3,Tea,sent"}, 2},
			{"february again", []string{header, "T-4,Tea,sent", "T-5,Tea,sent"}, 2},
			{"all", []string{header, "T-1,Coffee,sent", "T-2,Tea,sent", "T-9,Cake,sent", "T-3,Tea,sent", "T-4,Tea,sent", "T-5,Tea,sent"}, 2},
		} {
			w.MustFile(w.ExportLines(step.lines...))
			if got := w.QuarantineReasons(); len(w.Quarantine()) != step.left {
				t.Errorf("after %s: %v, want %d", step.name, got, step.left)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestRowsLeaveByTheirOwn: an unreadable row leaves when its own transaction is
// read well, and a line of a file without an id does not leave by itself.
func TestRowsLeaveByTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 2})
		w.Configure = simulation.ReadExports(t)
		now := time.Now().UTC()
		w.Thnks.Add(simulation.Transaction("T-1", now, "a@acme.example"), simulation.Transaction("T-2", now, "b@acme.example"), simulation.Unreadable("T-3", now))
		if rep := w.Must(giftsync.Backfill); rep.Quarantined != 1 {
			t.Fatalf("got %+v", rep)
		}
		w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: w.ExportLines("Transaction ID,Status", "T-1,sent", ",sent"), AcceptNewSource: true})
		kinds := func(want ...string) {
			t.Helper()
			got := make(map[string]bool)
			for _, q := range w.Quarantine() {
				kind := "api"
				if strings.Contains(string(q.Row), "export_row") {
					kind = "file"
				}
				got[kind] = true
			}
			wanted := make(map[string]bool)
			for _, kind := range want {
				wanted[kind] = true
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("quarantine (-want +got):\n%s", diff)
			}
		}
		kinds("api", "file")
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill) // met again
		kinds("api", "file")
		w.Thnks.Update("T-3", func(tx *thnksapitest.Transaction) { tx.Amount = "5" })
		time.Sleep(time.Hour)
		w.MustDo(giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
		kinds("api", "file")
		w.Must(giftsync.Incremental)
		kinds("file") // its own transaction was read well
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines("Transaction ID,Status", "T-1,sent"))
		kinds("file") // of a line without an id no file says that it is gone
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill)
		kinds("file") // nor does a listing
	})
}

// TestWeeklyListingReleases: a resweep too, be it interrupted on its way.
func TestWeeklyListingReleases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		now := time.Now().UTC()
		w.Thnks.Add(simulation.Unreadable("T-x", now))
		w.Must(giftsync.Backfill)
		if len(w.Quarantine()) != 1 {
			t.Fatal("the row without an id is not in quarantine")
		}
		if !w.Thnks.Delete("T-x") {
			t.Fatal("nothing to delete")
		}
		for _, tx := range w.Thnks.Transactions() {
			w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Name += "!" })
		}
		time.Sleep(8 * 24 * time.Hour)
		w.Interrupt(1, giftsync.Request{Mode: giftsync.Incremental})
		if len(w.Quarantine()) != 1 {
			t.Error("half a listing released the row")
		}
		w.Must(giftsync.Incremental)
		if len(w.Quarantine()) != 0 {
			t.Error("the row is still in quarantine after a whole listing")
		}
	})
}

// TestChangedRowsAreTriedAgain: a row that HubSpot refused, of a file: left
// alone while it is the same, wherever it stands, and tried when it changes.
func TestChangedRowsAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Configure = simulation.OnlyExports(t)
		header := "Transaction ID,Gift Name,Status,Message"
		w.MustFile(w.ExportLines(header, "T-1,Coffee,sent,Thanks"))
		w.Portal.RequireProperty("thnks", "message")
		rep := w.MustFile(w.ExportLines(header, "T-1,Coffee,sent,Thanks", "T-2,Tea,sent,"))
		if rep.Quarantined != 1 || w.Quarantine()["T-2"].Attempts != 1 {
			t.Fatalf("got %+v, %v", rep, w.QuarantineReasons())
		}
		rep = w.MustFile(w.ExportLines(header, "", "T-2,Tea,sent,", "T-1,Coffee,sent,Thanks"))
		if rep.Quarantined != 1 || simulation.Calls(rep) != 0 || w.Quarantine()["T-2"].Attempts != 1 {
			t.Errorf("the same row on another line is tried again: %+v", rep)
		}
		rep = w.MustFile(w.ExportLines(header, "T-2,Tea,sent,Thank you"))
		if rep.Created != 1 || len(w.Quarantine()) != 0 {
			t.Errorf("changed: %+v, %v", rep, w.QuarantineReasons())
		}
	})
}

// TestRetryWithoutAKey: the API's rows stay where nothing can read them.
func TestRetryWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		// Two recipients without an id share a row; something else is tried beside.
		w.Thnks.Add(simulation.Unreadable("T-1", time.Now().UTC()))
		w.Must(giftsync.Backfill)
		waiting := w.Quarantine()
		st := w.Open()
		for key, q := range waiting {
			q.Key = key[1:] + "x"
			if err := st.Commit(store.Commit{Quarantine: []store.Quarantined{q}}); err != nil {
				t.Fatal(err)
			}
		}
		st.Close()
		w.Configure = simulation.OnlyExports(t)
		w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: w.ExportLines("Transaction ID,Status", ",sent"), AcceptNewSource: true})
		if rep := w.Must(giftsync.Retry); rep.Fetched != 1 || len(w.Quarantine()) != 3 {
			t.Errorf("got %+v, %v", rep, w.QuarantineReasons())
		}
	})
}

// A twofold source lists twenty requests of two recipients each, none of which
// has an id.
type twofold struct{ giftsync.SourceAPI }

func (s twofold) Transactions(context.Context, thnksapi.Query) (*thnksapi.Page, error) {
	var page thnksapi.Page
	for i := range 20 {
		page.Rows = append(page.Rows, s.Decode(json.RawMessage(strconv.Itoa(i)))...)
	}
	return &page, nil
}

func (twofold) Decode(raw json.RawMessage) []thnksapi.Row {
	bad := thnksapi.Row{Raw: raw, Err: thnksapi.ErrNoID}
	return []thnksapi.Row{bad, bad}
}

// TestRetryOfRecipientsFarApart: two recipients without an id share a row, and
// other rows' keys lie between theirs: none of them leaves that is still bad.
func TestRetryOfRecipientsFarApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Bounds.WindowRows = 1
		w.Configure = func(c *giftsync.Config) { c.Sources[0].API = twofold{c.Sources[0].API} }
		if rep := w.Must(giftsync.Backfill); rep.Quarantined != 40 {
			t.Fatalf("%+v, want 40 rows without an id", rep)
		}
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Retry); rep.Quarantined != 40 || len(w.Quarantine()) != 40 {
			t.Errorf("%d of 40 are quarantined, and %d still there", rep.Quarantined, len(w.Quarantine()))
		}
	})
}

// TestQuarantineKeys: a record is named by its key, or by at least eight digits
// of it; a key that is another's beginning names no more than itself.
func TestQuarantineKeys(t *testing.T) {
	t.Parallel()
	const digestA, digestB = "3f2a91bc00000000000000000000000000000000000000000000000000000001", "3f2a91bc00010000000000000000000000000000000000000000000000000001"
	var j jail
	for _, key := range []string{digestA, digestB, "T-17", "3f2a91bc"} {
		j = append(j, store.Quarantined{Key: key, Class: "refused", Source: "a.csv, line 12", Reason: "line 12: no"})
	}
	l, err := giftsync.ListQuarantine(t.Context(), "acme", j, func(json.RawMessage) giftsync.RowFacts { t.Error("there is no row"); return giftsync.RowFacts{} })
	if err != nil {
		t.Fatal(err)
	}
	short := make(map[string]bool)
	for _, r := range l.Records {
		if len(r.Short) < 8 || len(r.Short) > 12 || short[r.Short] {
			t.Errorf("%s is short for %s", r.Short, r.Key)
		}
		short[r.Short] = true
		if got := l.Named(r.Short); r.Short != "3f2a91bc" && (len(got) != 1 || got[0] != r.Key) {
			t.Errorf("%s names %q, want %q", r.Short, got, r.Key)
		}
		if r.Source != "a.csv, line 12" {
			t.Errorf("source %q", r.Source)
		}
	}
	for key, want := range map[string][]string{
		digestA:          {digestA},
		"3F2A91BC000000": {digestA},
		"3f2a91bc":       {"3f2a91bc"},
		"3f2a91bc0":      {digestA, digestB},
		"3f2a91b":        nil,
		"T-17":           {"T-17"},
		"T-1":            nil,
		"":               nil,
		"ffffffff":       nil,
	} {
		if diff := cmp.Diff(want, l.Named(key)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", key, diff)
		}
	}
}

// TestDropQuarantined: what an admin takes out of the quarantine is gone, stands
// in the audit, and is all that was asked for, or nothing.
func TestDropQuarantined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		for _, id := range []string{"T-bad1", "T-bad2", "T-bad3"} {
			w.Thnks.Add(simulation.Unreadable(id, time.Now().Add(-simulation.Day).UTC()))
		}
		w.Must(giftsync.Backfill)
		st := w.Open()
		defer st.Close()
		l, err := giftsync.ListQuarantine(t.Context(), "acme", st, nil)
		if err != nil || len(l.Records) != 3 {
			t.Fatal(err, l)
		}
		keys := []string{l.Records[0].Key, l.Records[2].Key}
		var wrong *giftsync.RequestError
		if n, err := giftsync.DropQuarantined(st, append(keys, "nowhere")); !errors.As(err, &wrong) || n != 0 {
			t.Errorf("with a key that is not there: %d, %v", n, err)
		}
		if n, err := st.QuarantineCount(); err != nil || n != 3 {
			t.Errorf("%d are left, want all (%v)", n, err)
		}
		shown, err := giftsync.ShowQuarantined(st, keys[0], nil)
		if err != nil || !json.Valid(shown.Row) || shown.Record.Key != keys[0] {
			t.Errorf("shown %+v, %v", shown, err)
		}
		if n, err := giftsync.DropQuarantined(st, append(keys, keys[0])); err != nil || n != 2 {
			t.Errorf("dropped %d: %v", n, err)
		}
		if _, err := giftsync.ShowQuarantined(st, keys[0], nil); !errors.As(err, &wrong) {
			t.Errorf("dropped, and shown: %v", err)
		}
		if n, err := st.QuarantineCount(); err != nil || n != 1 {
			t.Errorf("%d are left, want 1 (%v)", n, err)
		}
		var last store.AuditEntry
		for e, err := range st.Audit(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			last = e
		}
		if diff := cmp.Diff(keys, last.TransactionIDs); diff != "" || last.Action != "quarantine_drop" || last.At.IsZero() {
			t.Errorf("audit %+v", last)
		}
	})
}
