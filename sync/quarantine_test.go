package sync

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
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
	got, err := Quarantined(t.Context(), "acme", j)
	if err != nil {
		t.Fatal(err)
	}
	want := []QuarantineGroup{
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
// again when asked, and leave when a whole file no longer has them.
func TestLifeOfBadLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.cfg = noKey(t)
		header := "Transaction ID,Gift Name,Status,Gift Amount,Gift Currency"
		bad := []string{header, "T-1,Coffee,sent,5,USD", "T-2,Coffee", ",Tea,sent,,", "T-3,Tea,sent,\"1,234\",USD", "T-4,Tea,sent,,"}
		rep := w.mustFile(w.text(bad...))
		if rep.Created != 2 || rep.Quarantined != 3 || rep.Fetched != 5 {
			t.Fatalf("got %+v", rep)
		}
		want := map[string]int{
			"unreadable: line 3: 2 fields, the header has 5":                           1,
			"no_id: line 4: the row has no transaction id, so it cannot be identified": 1,
			"unreadable: line 5: gift_amount: may be read as two amounts, as its separator may be that of thousands or of decimals: export it with two decimals, or without thousands": 1,
		}
		if diff := cmp.Diff(want, w.reasons()); diff != "" {
			t.Fatalf("quarantine (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if rep := w.must(Retry); rep.Quarantined != 3 {
			t.Errorf("a retry: %+v", rep)
		}
		if diff := cmp.Diff(want, w.reasons()); diff != "" {
			t.Errorf("after a retry (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		w.mustFile(w.text(bad...)) // met again
		for key, q := range w.inJail() {
			if !q.Last.After(q.First) || q.Attempts != 3 {
				t.Errorf("%s: %d attempts, first %s, last %s", key, q.Attempts, q.First, q.Last)
			}
		}
		time.Sleep(time.Hour)
		w.must(Incremental) // without a source: no listing, nobody leaves
		if n := len(w.inJail()); n != 3 {
			t.Errorf("%d in quarantine after a pass without a source, want 3", n)
		}
		rep = w.mustFile(w.text(header, "T-1,Coffee,sent,5,USD", "T-2,Coffee,sent,,", "T-5,Tea,sent,,", "T-3,Tea,sent,\"1,234\",USD"))
		if rep.Created != 2 || rep.Quarantined != 1 {
			t.Errorf("half mended: %+v", rep)
		}
		if got := w.reasons(); len(got) != 1 || len(w.inJail()) != 1 {
			t.Errorf("after it was half mended: %v", got)
		}
		time.Sleep(time.Hour)
		w.mustFile(w.text(header, "T-3,Tea,sent,\"1,234.00\",USD"))
		if got := w.reasons(); len(got) != 0 {
			t.Errorf("mended: %v", got)
		}
	})
}

// TestFilesOfMonths: a file of another part of the account empties nothing; one
// that shows the place of a bad line, or everything, does.
func TestFilesOfMonths(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.cfg = noKey(t)
		header := "Transaction ID,Gift Name,Status"
		january := []string{header, "torn", "T-1,Coffee,sent", "T-2,Tea", ",Cake,sent", "T-3,Tea,sent"}
		for _, step := range []struct {
			name  string
			lines []string
			left  int
		}{
			{"january", january, 3},
			{"february", []string{header, "T-4,Tea,sent", "T-5,Tea,sent"}, 3},
			{"january, mended but for its first row", []string{header, "torn", "T-1,Coffee,sent", "T-2,Tea,sent", "T-9,Cake,sent", "T-3,Tea,sent"}, 1},
			{"february again", []string{header, "T-4,Tea,sent", "T-5,Tea,sent"}, 1},
			{"all", []string{header, "T-1,Coffee,sent", "T-2,Tea,sent", "T-9,Cake,sent", "T-3,Tea,sent", "T-4,Tea,sent", "T-5,Tea,sent"}, 0},
		} {
			w.mustFile(w.text(step.lines...))
			if got := w.reasons(); len(w.inJail()) != step.left {
				t.Errorf("after %s: %v, want %d", step.name, got, step.left)
			}
			time.Sleep(time.Hour)
		}
	})
}

// unreadable is a transaction of which no more than a digest can be told.
func unreadable(id string, at time.Time) thnksapitest.Transaction {
	tx := simple(id, at, "c@acme.example")
	tx.Amount = "five"
	return tx
}

// TestRowsWithoutAnIDLeave: of the API's, by its whole listings and by no
// other.
func TestRowsWithoutAnIDLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 2})
		w.cfg = exports(t)
		now := time.Now().UTC()
		w.thnks.Add(simple("T-1", now, "a@acme.example"), simple("T-2", now, "b@acme.example"), unreadable("T-3", now))
		if rep := w.must(Backfill); rep.Quarantined != 1 {
			t.Fatalf("got %+v", rep)
		}
		w.mustDo(Request{Mode: Incremental, From: w.text("Transaction ID,Status", "T-1,sent", ",sent"), AcceptNewSource: true})
		kinds := func(want ...string) {
			t.Helper()
			got := make(map[string]bool)
			for _, q := range w.inJail() {
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
		w.must(Backfill) // met again
		kinds("api", "file")
		w.thnks.Update("T-3", func(tx *thnksapitest.Transaction) { tx.Amount = "5" })
		time.Sleep(time.Hour)
		w.must(Incremental)
		kinds("api", "file") // changes alone tell nothing about it
		dry := Request{Mode: Backfill, DryRun: true}
		w.mustDo(dry)
		kinds("api", "file")
		w.must(Backfill)
		kinds("file")
		time.Sleep(time.Hour)
		w.mustFile(w.text("Transaction ID,Status", "T-1,sent"))
		kinds()
	})
}

// TestWeeklyListingReleases: a resweep too, be it interrupted on its way.
func TestWeeklyListingReleases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := smallWorld(t)
		now := time.Now().UTC()
		w.thnks.Add(unreadable("T-x", now))
		w.must(Backfill)
		if len(w.inJail()) != 1 {
			t.Fatal("the row without an id is not in quarantine")
		}
		if !w.thnks.Delete("T-x") {
			t.Fatal("nothing to delete")
		}
		for _, tx := range w.thnks.Transactions() {
			w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Name += "!" })
		}
		time.Sleep(8 * 24 * time.Hour)
		w.interrupt(1, Request{Mode: Incremental})
		if len(w.inJail()) != 1 {
			t.Error("half a listing released the row")
		}
		w.must(Incremental)
		if len(w.inJail()) != 0 {
			t.Error("the row is still in quarantine after a whole listing")
		}
	})
}

// TestChangedRowsAreTriedAgain: a row that HubSpot refused, of a file: left
// alone while it is the same, wherever it stands, and tried when it changes.
func TestChangedRowsAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.cfg = noKey(t)
		header := "Transaction ID,Gift Name,Status,Message"
		w.mustFile(w.text(header, "T-1,Coffee,sent,Thanks"))
		w.portal.RequireProperty("thnks", "message")
		rep := w.mustFile(w.text(header, "T-1,Coffee,sent,Thanks", "T-2,Tea,sent,"))
		if rep.Quarantined != 1 || w.inJail()["T-2"].Attempts != 1 {
			t.Fatalf("got %+v, %v", rep, w.reasons())
		}
		rep = w.mustFile(w.text(header, "", "T-2,Tea,sent,", "T-1,Coffee,sent,Thanks"))
		if rep.Quarantined != 1 || calls(rep) != 0 || w.inJail()["T-2"].Attempts != 1 {
			t.Errorf("the same row on another line is tried again: %+v", rep)
		}
		rep = w.mustFile(w.text(header, "T-2,Tea,sent,Thank you"))
		if rep.Created != 1 || len(w.inJail()) != 0 {
			t.Errorf("changed: %+v, %v", rep, w.reasons())
		}
	})
}

// TestRetryWithoutAKey: the API's rows stay where nothing can read them.
func TestRetryWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		// Two recipients without an id share a row; something else is tried beside.
		w.thnks.Add(unreadable("T-1", time.Now().UTC()))
		w.must(Backfill)
		st := w.open()
		for key, q := range jailed(t, st) {
			q.Key = key[1:] + "x"
			if err := st.Commit(store.Commit{Quarantine: []store.Quarantined{q}}); err != nil {
				t.Fatal(err)
			}
		}
		st.Close()
		w.cfg = noKey(t)
		w.mustDo(Request{Mode: Incremental, From: w.text("Transaction ID,Status", ",sent"), AcceptNewSource: true})
		if rep := w.must(Retry); rep.Fetched != 1 || len(w.inJail()) != 3 {
			t.Errorf("got %+v, %v", rep, w.reasons())
		}
	})
}

// A twofold source lists twenty requests of two recipients each, none of which
// has an id.
type twofold struct{ SourceAPI }

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
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.bounds.WindowRows = 1
		w.cfg = func(c *Config) { c.Sources[0].API = twofold{c.Sources[0].API} }
		if rep := w.must(Backfill); rep.Quarantined != 40 {
			t.Fatalf("%+v, want 40 rows without an id", rep)
		}
		time.Sleep(time.Hour)
		if rep := w.must(Retry); rep.Quarantined != 40 || len(w.inJail()) != 40 {
			t.Errorf("%d of 40 are quarantined, and %d still there", rep.Quarantined, len(w.inJail()))
		}
	})
}
