package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// fromFiles is a world without an API key.
func fromFiles(t *testing.T) *simulation.World {
	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
	w.Configure = simulation.OnlyExports(t)
	return w
}

// wantProperties compares some properties of a gift's record.
func wantProperties(t *testing.T, w *simulation.World, id string, want map[string]string) {
	t.Helper()
	got := make(map[string]string, len(want))
	for name := range want {
		got[name] = w.Property(id, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", id, diff)
	}
}

// TestLaterReadingOfOneVersion: a correction whose stamps have not moved reaches
// HubSpot, and the same file once more writes nothing, not even to the journal.
func TestLaterReadingOfOneVersion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, header, first, later string }{
		{"a version", "Transaction ID,Gift Amount,Gift Currency,Recipient Email,Status,Updated At", "T-1,7.50,USD,bob@example.com,sent,2026-03-01", "T-1,5.00,USD,ann@example.com,sent,2026-03-01"},
		{"none", "Transaction ID,Gift Amount,Gift Currency,Recipient Email,Status,Sent Date", "T-1,7.50,USD,bob@example.com,sent,2026-03-01", "T-1,5.00,USD,ann@example.com,sent,2026-03-01"},
		{"no date at all", "Transaction ID,Gift Amount,Gift Currency,Recipient Email,Status", "T-1,7.50,USD,bob@example.com,sent", "T-1,5.00,USD,ann@example.com,sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := fromFiles(t)
				w.MustFile(w.ExportLines(test.header, test.first))
				time.Sleep(time.Hour)
				if rep := w.MustFile(w.ExportLines(test.header, test.later)); rep.Updated != 1 {
					t.Errorf("the correction: %+v", rep)
				}
				want := map[string]string{"gift_amount": "5", "recipient_email": "ann@example.com"}
				wantProperties(t, w, "T-1", want)
				journal := w.Stored("T-1")
				time.Sleep(time.Hour)
				if rep := w.MustFile(w.ExportLines(test.header, test.later)); rep.Unchanged != 1 {
					t.Errorf("the same file again: %+v", rep)
				}
				if diff := cmp.Diff(journal.Gift.ReadAt, w.Stored("T-1").Gift.ReadAt); diff != "" {
					t.Errorf("the journal was written for an equal reading: %s", diff)
				}
			})
		})
	}
}

// TestFirstKeyWins: of two keys that show a gift of one version differently, the
// one that is configured first decides, and a further pass writes nothing.
func TestFirstKeyWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Keys = []string{"first", "second"}
		w.WrapThnks = renaming("second", "Coffee", "Tea")
		w.AddGift("T-1", "ann@example.com", time.Hour)
		w.Must(giftsync.Backfill)
		for range 3 {
			wantProperties(t, w, "T-1", map[string]string{"gift_name": "Coffee"})
			time.Sleep(simulation.Week + time.Hour)
			if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Resweep || rep.Updated != 0 {
				t.Errorf("a further reading of everything: %+v", rep)
			}
		}
	})
}

// TestOlderFileIsCounted: a file that says less of a status than is known lowers
// nothing, and the report says so.
func TestOlderFileIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fromFiles(t)
		header := "Transaction ID,Status"
		w.MustFile(w.ExportLines(header, "T-1,redeemed", "T-2,sent"))
		time.Sleep(time.Hour)
		rep := w.MustFile(w.ExportLines(header, "T-1,sent", "T-2,opened"))
		if rep.Older != 1 {
			t.Errorf("%d rows older than what is known, want 1", rep.Older)
		}
		wantProperties(t, w, "T-1", map[string]string{"status": "redeemed"})
		wantProperties(t, w, "T-2", map[string]string{"status": "opened"})
	})
}

// TestAbsenceIsNotEmptiness: a file without a column says nothing of it, an empty
// cell does, and the full file brings values back.
func TestAbsenceIsNotEmptiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fromFiles(t)
		full := []string{"Transaction ID,Gift Name,Gift Amount,Gift Currency,Recipient Email,Recipient Name,Message,Status", "T-1,Coffee,7.50,USD,ann@example.com,Ann,Thank you,sent"}
		all := map[string]string{
			"gift_name": "Coffee", "gift_amount": "7.5", "gift_currency": "USD", "recipient_email": "ann@example.com",
			"recipient_name": "Ann", "message": "Thank you", "status": "sent",
		}
		w.MustFile(w.ExportLines(full...))
		wantProperties(t, w, "T-1", all)
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines("Transaction ID,Gift Name", "T-1,Tea"))
		all["gift_name"] = "Tea"
		wantProperties(t, w, "T-1", all)
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines("Transaction ID,Gift Name,Recipient Name", "T-1,Tea,"))
		all["recipient_name"] = ""
		wantProperties(t, w, "T-1", all)
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines(full...))
		all["gift_name"], all["recipient_name"] = "Coffee", "Ann"
		wantProperties(t, w, "T-1", all)
	})
}

// TestAbsenceOverrulesNoEvent: a row that says nothing of the status does not date the one
// that is known anew: what an event has said since stays.
func TestAbsenceOverrulesNoEvent(t *testing.T) {
	t.Parallel()
	row := func(name string, missing thnksapi.FieldSet) thnksapi.Transaction {
		tx := thnksapi.Transaction{ID: "T-1", GiftName: name, Missing: missing, UpdatedAt: time.Now().UTC()}
		if missing == 0 {
			tx.Status, tx.RawStatus = "sent", "sent"
		}
		return tx
	}
	for name, show := range map[string]func(w *simulation.World, source *fixedSource, name string, missing thnksapi.FieldSet){
		"a listing": func(w *simulation.World, source *fixedSource, name string, missing thnksapi.FieldSet) {
			source.shows(row(name, missing))
			w.Must(giftsync.Incremental)
		},
		"a file with versions": func(w *simulation.World, _ *fixedSource, name string, missing thnksapi.FieldSet) {
			header, line := "Transaction ID,Gift Name,Updated At", "T-1,"+name+","+time.Now().UTC().Format(time.RFC3339)
			if missing == 0 {
				header, line = header+",Status", line+",sent"
			}
			w.MustFile(w.ExportLines(header, line))
		},
		"a file without": func(w *simulation.World, _ *fixedSource, name string, missing thnksapi.FieldSet) {
			header, line := "Transaction ID,Gift Name,Created At", "T-1,"+name+","+time.Now().UTC().Format(time.RFC3339)
			if missing == 0 {
				header, line = header+",Status", line+",sent"
			}
			w.MustFile(w.ExportLines(header, line))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, source := fromSource(t)
				if strings.Contains(name, "file") {
					w.Configure = simulation.OnlyExports(t)
				}
				show(w, source, "Coffee", 0)
				time.Sleep(time.Hour)
				redeemed := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
				st := w.Open()
				w.Receive(st, simulation.Event("T-1", plan.Redeemed))
				w.ApplyEvents(w.Engine(st))
				st.Close()
				time.Sleep(5 * time.Hour)
				show(w, source, "Tea", thnksapi.FieldStatus)
				wantProperties(t, w, "T-1", map[string]string{"gift_name": "Tea", "status": "redeemed", "status_raw": "sent", "redeemed_date": redeemed})
			})
		})
	}
}

// TestAbsenceOverrulesNoLateEvent: nor does a row without a status, of a gift that was read
// back from HubSpot, overrule an event of before it that is told later: how old the status
// is that HubSpot has is not known.
func TestAbsenceOverrulesNoLateEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, source := fromSource(t)
		source.shows(thnksapi.Transaction{ID: "T-1", GiftName: "Coffee", Status: "sent", RawStatus: "sent", UpdatedAt: time.Now().UTC()})
		w.Must(giftsync.Incremental)
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		event := simulation.Event("T-1", plan.Redeemed)
		time.Sleep(2 * time.Hour)
		source.shows(thnksapi.Transaction{ID: "T-1", GiftName: "Tea", Missing: thnksapi.FieldStatus, UpdatedAt: time.Now().UTC()})
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Tea", "status": "sent"})
		st := w.Open()
		w.Receive(st, event)
		w.ApplyEvents(w.Engine(st))
		st.Close()
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Tea", "status": "redeemed", "status_raw": "sent"})
	})
}

// TestAbsenceInSlices: rows that say nothing of some fields leave them as they are where
// a window has so many that it is cut into slices. Rows that say less than is known are
// counted once.
func TestAbsenceInSlices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fromFiles(t)
		w.Bounds.SliceGifts = 2
		full, less := []string{"Transaction ID,Gift Name,Recipient Email,Status"}, []string{"Transaction ID,Gift Name,Status"}
		for n := range 5 {
			full = append(full, fmt.Sprintf("T-%d,Coffee,p%d@example.com,redeemed", n, n))
			less = append(less, fmt.Sprintf("T-%d,Tea,sent", n))
		}
		w.MustFile(w.ExportLines(full...))
		time.Sleep(time.Hour)
		if rep := w.MustFile(w.ExportLines(less...)); rep.Updated != 5 || rep.Older != 5 {
			t.Errorf("%d updated, %d say less than is known, want 5 each", rep.Updated, rep.Older)
		}
		for n := range 5 {
			wantProperties(t, w, fmt.Sprintf("T-%d", n), map[string]string{"gift_name": "Tea", "recipient_email": fmt.Sprintf("p%d@example.com", n), "status": "redeemed"})
		}
	})
}

// TestContradictionsAreSetAside: rows of one file with one id that are about
// different things are set aside, wherever they stand; a record that is there
// stays, and the repaired file empties the quarantine.
func TestContradictionsAreSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fromFiles(t)
		w.Bounds.WindowRows = 2
		header := "Transaction ID,Recipient Email,Status,Sent Date"
		w.MustFile(w.ExportLines(header, "R-1,ann@example.com,sent,2026-01-01"))
		time.Sleep(time.Hour)
		lines := []string{header, "R-1,ann@example.com,sent,2026-01-01"}
		for i := range 1200 {
			lines = append(lines, fmt.Sprintf("T-%d,p%d@example.com,sent,2026-01-01", i, i))
		}
		lines = append(lines, "R-1,bob@example.com,redeemed,2026-01-02", "R-1,cat@example.com,sent,2026-01-01")
		if rep := w.MustFile(w.ExportLines(lines...)); rep.Created != 1200 || rep.Quarantined != 1 {
			t.Errorf("got %+v", rep)
		}
		classes := make(map[string]int)
		for key, q := range w.Quarantine() {
			if q.TransactionID != "R-1" || key == "R-1" || !strings.Contains(q.Reason, "thnks.csv.thnks_transaction_id") {
				t.Errorf("%s: %+v", key, q)
			}
			classes[q.Class]++
		}
		if diff := cmp.Diff(map[string]int{"contradiction": 3}, classes); diff != "" {
			t.Errorf("quarantine (-want +got):\n%s", diff)
		}
		wantProperties(t, w, "R-1", map[string]string{"recipient_email": "ann@example.com", "status": "sent"})
		w.Must(giftsync.Retry) // of rows that still contradict each other none gets through
		if n := len(w.Quarantine()); n != 3 {
			t.Errorf("%d rows in quarantine after a retry, want 3", n)
		}
		time.Sleep(time.Hour)
		w.MustFile(w.ExportLines(header, "R-1,ann@example.com,sent,2026-01-01", "R-2,bob@example.com,redeemed,2026-01-02"))
		if got := w.QuarantineReasons(); len(got) != 0 {
			t.Errorf("after the repaired file: %v", got)
		}
	})
}

// TestFutureStampsAreNotBelieved: a version or a date after the source's clock
// does not count, and neither hides what comes later.
func TestFutureStampsAreNotBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.AddGift("T-1", "ann@example.com", time.Hour)
		ahead := time.Now().UTC().AddDate(3, 0, 0)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) {
			tx.UpdatedAt, tx.Times.Opened, tx.Times.Scheduled = ahead, ahead, ahead
		})
		w.Must(giftsync.Backfill)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Coffee", "opened_date": "", "scheduled_date": ahead.Format("2006-01-02T15:04:05.000Z")})
		time.Sleep(time.Hour)
		now := time.Now().UTC()
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", now })
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Tea"})
	})
}

// TestFrozenGiftThaws: a gift that the journal has from a version of the future,
// as earlier programs believed it, changes at the next reading.
func TestFrozenGiftThaws(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.AddGift("T-1", "ann@example.com", time.Hour)
		w.Must(giftsync.Backfill)
		frozen := w.Stored("T-1")
		frozen.Gift.UpdatedAt = time.Now().UTC().AddDate(3, 0, 0)
		w.Put(frozen)
		time.Sleep(time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", time.Now().UTC() })
		time.Sleep(time.Minute)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Tea"})
		if v := w.Stored("T-1").Gift.UpdatedAt; v.After(time.Now()) {
			t.Errorf("the journal still has version %s", v)
		}
	})
}

// TestDroppedValuesAreCounted: a setting that does not fit the source shows in
// the report of a run, not only in empty fields.
func TestDroppedValuesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		for i := range 12 {
			w.AddGift(fmt.Sprintf("T-%d", i), "ann@example.com", time.Hour)
			w.Thnks.Update(fmt.Sprintf("T-%d", i), func(tx *thnksapitest.Transaction) { tx.Currency = "US Dollar" })
		}
		rep := w.Must(giftsync.Backfill)
		if !slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.HasPrefix(s, "currency could not be used in 12 of 12 rows") }) {
			t.Errorf("warnings: %q", rep.Warnings)
		}
		st := w.Open()
		problems, err := giftsync.FieldProblems(st)
		st.Close()
		if want := []giftsync.FieldProblem{{Field: "currency", Dropped: 12, Rows: 12}}; err != nil || cmp.Diff(want, problems) != "" {
			t.Errorf("remembered %v (%v), want %v", problems, err, want)
		}
		for i := range 12 {
			w.Thnks.Update(fmt.Sprintf("T-%d", i), func(tx *thnksapitest.Transaction) { tx.Currency = "USD" })
		}
		if rep := w.Must(giftsync.Backfill); len(rep.Warnings) != 0 {
			t.Errorf("repaired, and still: %q", rep.Warnings)
		}
	})
}

// TestSmallListingIsLookedAtTwice: a listing of everything that shows less than
// half of what is known marks nothing gone and releases nothing, and ends the
// run, until an admin accepts it.
func TestSmallListingIsLookedAtTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		w.Thnks.Add(simulation.Unreadable("T-x", time.Now().UTC()))
		w.Must(giftsync.Backfill)
		kept := w.Thnks.Transactions()
		for _, tx := range kept[:15] {
			w.Thnks.Delete(tx.ID)
		}
		w.Thnks.Delete("T-x")
		concluded := func() (gone, aside int) {
			n := len(w.Quarantine())
			st := w.Open()
			defer st.Close()
			for have, err := range st.After(context.Background(), "") {
				if err != nil {
					t.Fatal(err)
				}
				if !have.Gone.IsZero() {
					gone++
				}
			}
			return gone, n
		}
		time.Sleep(8 * simulation.Day)
		for _, req := range []giftsync.Request{{Mode: giftsync.Incremental}, {Mode: giftsync.Incremental}, {Mode: giftsync.Backfill}, {Mode: giftsync.Backfill}} {
			asked := w.Thnks.Requests()
			_, err := w.Run(context.Background(), req)
			if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "5 of 20") || !strings.Contains(err.Error(), "--accept-smaller-source") {
				t.Fatalf("%s: %v", req.Mode, err)
			}
			if n := w.Thnks.Requests() - asked; n != 2 {
				t.Errorf("%s: %d listings, want 2", req.Mode, n)
			}
			if gone, aside := concluded(); gone != 0 || aside != 1 {
				t.Errorf("%s: %d marked gone and %d in quarantine, want 0 and 1", req.Mode, gone, aside)
			}
			time.Sleep(time.Hour)
		}
		w.MustDo(giftsync.Request{Mode: giftsync.Backfill, AcceptSmallerSource: true})
		time.Sleep(8 * simulation.Day)
		w.Must(giftsync.Incremental) // accepted once
		if gone, aside := concluded(); gone != 15 || aside != 0 {
			t.Errorf("accepted: %d marked gone and %d in quarantine, want 15 and 0", gone, aside)
		}
		w.Must(giftsync.Backfill) // what is gone is not known any more
	})
}

// TestListingOfAnotherAccount: a key that shows as many transactions as are known,
// of another account, says nothing of those that are, however often it is asked.
func TestListingOfAnotherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		w.Must(giftsync.Backfill)
		leave(t, w, store.Commit{Meta: map[string][]byte{"believed": nil}}) // as an earlier version has left it
		own := w.Thnks.Transactions()
		for i, tx := range own {
			w.Thnks.Delete(tx.ID)
			w.Thnks.Add(simulation.Transaction(fmt.Sprintf("other-%d", i), tx.UpdatedAt, ""))
		}
		for range 3 {
			time.Sleep(8 * simulation.Day)
			_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
			if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "0 of 20") {
				t.Fatal(err)
			}
			for _, tx := range own {
				if !w.Stored(tx.ID).Gone.IsZero() {
					t.Fatalf("%s is taken for gone", tx.ID)
				}
			}
		}
		for _, tx := range own {
			w.Thnks.Add(tx)
		}
		w.Must(giftsync.Incremental)
	})
}

// TestSecondLookBelievesMore: where the second listing shows what the first one
// lacked, it is believed.
func TestSecondLookBelievesMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		w.Must(giftsync.Backfill)
		time.Sleep(8 * simulation.Day)
		w.Thnks.Fault(thnksapitest.Fault{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"transactions":[],"next_cursor":null}`, Count: 1})
		w.Must(giftsync.Incremental)
		st := w.Open()
		defer st.Close()
		for have, err := range st.After(t.Context(), "") {
			if err != nil || !have.Gone.IsZero() {
				t.Errorf("%s is taken for gone: %v", have.Gift.ID, err)
			}
		}
	})
}

// TestClockAheadHidesNothing: our clock three days ahead, and a source that
// shows none, keep no gift from the next pass.
func TestClockAheadHidesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 3)
		w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err == nil {
					resp.Header.Del("Date")
				}
				return resp, err
			})
		}
		theirs := func() time.Time { return time.Now().UTC().Add(-3 * simulation.Day) }
		for _, tx := range w.Thnks.Transactions() {
			w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.UpdatedAt = theirs() })
		}
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		w.Thnks.Add(simulation.Transaction("T-new", theirs(), "new@example.com"))
		if rep := w.Must(giftsync.Incremental); rep.Created != 1 {
			t.Errorf("%+v, want the new gift", rep)
		}
	})
}

// TestInterruptedListingKeepsItsClock: a gift of a window that was read before
// the listing was interrupted, and changed since, is seen by the next pass,
// whatever stamps later windows have.
func TestInterruptedListingKeepsItsClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 9)
		w.Bounds.WindowRows = 3
		list := &orderedByID{server: w.Thnks}
		w.Configure = func(c *giftsync.Config) { c.Sources = []giftsync.Source{{Key: "default", API: list}} }
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		touch := func(id, name string) {
			w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = name, time.Now().UTC() })
		}
		for i := range 9 {
			touch(simulation.ID(i+1), "Tea")
		}
		time.Sleep(time.Minute)
		list.fail = 2
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
			t.Fatal("the listing was not interrupted")
		}
		time.Sleep(time.Hour)
		touch(simulation.ID(1), "Cake") // its window is done
		time.Sleep(time.Hour)
		touch(simulation.ID(9), "Wine") // the newest stamp is of the last window
		time.Sleep(time.Minute)
		w.Must(giftsync.Incremental)
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, simulation.ID(1), map[string]string{"gift_name": "Cake"})
		wantProperties(t, w, simulation.ID(9), map[string]string{"gift_name": "Wine"})
	})
}

// A fixedSource lists pages as they are given.
type fixedSource struct {
	pages []thnksapi.Page
}

func (f *fixedSource) Transactions(_ context.Context, q thnksapi.Query) (*thnksapi.Page, error) {
	n := 0
	if q.Cursor != "" {
		n, _ = strconv.Atoi(q.Cursor)
	}
	if n >= len(f.pages) {
		return &thnksapi.Page{}, nil
	}
	page := f.pages[n]
	if n+1 < len(f.pages) {
		page.Next = strconv.Itoa(n + 1)
	}
	return &page, nil
}

func (f *fixedSource) Decode(json.RawMessage) []thnksapi.Row { return nil }
func (f *fixedSource) Filter() thnksapi.SinceKind            { return thnksapi.SinceUpdated }
func (f *fixedSource) Calls() int                            { return 0 }

func (f *fixedSource) Transaction(context.Context, string) (*thnksapi.Row, error) {
	return nil, thnksapi.ErrNoDetail
}

// shows makes the source list one page of transactions.
func (f *fixedSource) shows(txs ...thnksapi.Transaction) {
	page := thnksapi.Page{Date: time.Now().UTC()}
	for i, tx := range txs {
		page.Rows = append(page.Rows, thnksapi.Row{Transaction: &tx, Raw: json.RawMessage(fmt.Sprintf(`{"id":%q,"row":%d}`, tx.ID, i))})
	}
	f.pages = []thnksapi.Page{page}
}

// fromSource is a world whose Thnks is a fixed source.
func fromSource(t *testing.T) (*simulation.World, *fixedSource) {
	simulation.WaitAYear()
	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
	f := &fixedSource{}
	w.Configure = func(c *giftsync.Config) { c.Sources = []giftsync.Source{{Key: "default", API: f}} }
	return w, f
}

// TestLeftOutIsEmptyWhereOthersHaveIt: a source that leaves empty fields out says
// that they are empty, as its other rows show; of a field that no row has, it
// says nothing.
func TestLeftOutIsEmptyWhereOthersHaveIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, source := fromSource(t)
		whole := thnksapi.Transaction{ID: "T-1", GiftName: "Coffee", GiftType: "drink", Status: "sent", UpdatedAt: time.Now().UTC()}
		source.shows(whole)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		bare := whole
		bare.GiftName, bare.GiftType, bare.Missing = "", "", thnksapi.FieldGiftName|thnksapi.FieldGiftType
		source.shows(bare)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "Coffee", "gift_type": "drink"})
		time.Sleep(time.Hour)
		other := whole
		other.ID, other.Missing = "T-2", thnksapi.FieldGiftType
		source.shows(bare, other)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", map[string]string{"gift_name": "", "gift_type": "drink"})
	})
}

// TestContradictionsInAnAnswer: rows of one answer of one key, too.
func TestContradictionsInAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, source := fromSource(t)
		at := time.Now().UTC()
		to := func(id, email string, updated time.Time) thnksapi.Transaction {
			return thnksapi.Transaction{ID: id, Status: "sent", Recipient: thnksapi.Person{Email: email}, UpdatedAt: updated}
		}
		source.shows(
			to("R-1", "ann@example.com", at), to("R-1", "bob@example.com", at), // two people
			to("T-1", "ann@example.com", at), to("T-1", "bob@example.com", at.Add(time.Minute)), // one changed meanwhile
			to("T-2", "ann@example.com", at), to("T-2", "", at), // one says less
		)
		if rep := w.Must(giftsync.Backfill); rep.Created != 2 || rep.Quarantined != 1 {
			t.Errorf("got %+v", rep)
		}
		for _, q := range w.Quarantine() {
			if q.TransactionID != "R-1" || q.Class != "contradiction" || !strings.Contains(q.Reason, "thnks.dialect.fields.id") {
				t.Errorf("got %+v", q)
			}
		}
		if n := len(w.Quarantine()); n != 2 {
			t.Errorf("%d rows in quarantine, want both", n)
		}
		wantProperties(t, w, "T-1", map[string]string{"recipient_email": "bob@example.com"})
	})
}

// TestBelievedByTheSourcesClock: what is believed goes by the source's clock
// where it shows one.
func TestBelievedByTheSourcesClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, source := fromSource(t)
		now := time.Now().UTC()
		for offset, want := range map[time.Duration]string{
			-2 * time.Hour: "", // their clock is behind ours: what it has not come to is not believed
			2 * time.Hour:  now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"),
		} {
			id := "T-" + offset.String()
			source.shows(thnksapi.Transaction{ID: id, Status: "sent", Times: map[string]time.Time{thnksapi.Opened: now.Add(offset / 2)}})
			source.pages[0].Date = now.Add(offset)
			w.MustDo(giftsync.Request{Mode: giftsync.Backfill, AcceptSmallerSource: true})
			wantProperties(t, w, id, map[string]string{"opened_date": want})
		}
	})
}

// orderedByID lists what a sandbox Thnks has changed since a time, three to a
// page, ordered by id.
type orderedByID struct {
	server *thnksapitest.Server
	fail   int // the page that fails next, 0 for none
}

func (o *orderedByID) Transactions(_ context.Context, q thnksapi.Query) (*thnksapi.Page, error) {
	page := &thnksapi.Page{Date: time.Now().UTC()}
	if o.fail > 0 {
		if o.fail--; o.fail == 0 {
			return nil, errors.New("a fault")
		}
	}
	for _, tx := range o.server.Transactions() {
		if tx.ID <= q.Cursor || tx.UpdatedAt.Before(q.Since) {
			continue
		}
		if len(page.Rows) == 3 {
			page.Next = page.Rows[2].Transaction.ID
			break
		}
		page.Rows = append(page.Rows, thnksapi.Row{
			Transaction: &thnksapi.Transaction{ID: tx.ID, GiftName: tx.Gift.Name, Status: tx.Status, UpdatedAt: tx.UpdatedAt},
			Raw:         json.RawMessage(`{"id":` + strconv.Quote(tx.ID) + `}`),
		})
	}
	return page, nil
}

func (o *orderedByID) Decode(json.RawMessage) []thnksapi.Row { return nil }
func (o *orderedByID) Filter() thnksapi.SinceKind            { return thnksapi.SinceUpdated }
func (o *orderedByID) Calls() int                            { return 0 }

func (o *orderedByID) Transaction(context.Context, string) (*thnksapi.Row, error) {
	return nil, thnksapi.ErrNoDetail
}

// renaming replaces a word in the answers to one API key.
func renaming(key, from, to string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || !strings.Contains(req.Header.Get("Authorization"), key) {
				return resp, err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			body = bytes.ReplaceAll(body, []byte(from), []byte(to))
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp.Header.Del("Content-Length")
			return resp, err
		})
	}
}
