package sync_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// failingFor is a Thnks that fails, with a status and no JSON, when it is asked for one of some
// transactions, or for any if none is named. It counts the requests.
func failingFor(status int, asked *int, ids ...string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			_, id, single := strings.Cut(req.URL.Path, "/transactions/")
			if !single || len(ids) > 0 && !slices.Contains(ids, id) {
				return next.RoundTrip(req)
			}
			*asked++
			return simulation.Reply(req, status, "<html>"), nil
		})
	}
}

// refusals are answers by which Thnks refuses one transaction, or seems to be down.
var refusals = []int{http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusInternalServerError}

// culpritsWithoutRow is a world in whose quarantine the first gifts are, so many, without
// their rows, as HubSpot failed when their records were read, and no longer does.
func culpritsWithoutRow(t *testing.T, n int) (w *simulation.World, ids []string) {
	t.Helper()
	w = simulation.Quiet(t, 60)
	w.Must(giftsync.Backfill)
	time.Sleep(3 * simulation.Day) // the daily pass lists them no more
	w.AddGift("T-new", "nobody@acme.example", 0)
	w.Must(giftsync.Incremental)
	var records []string
	for i := range n {
		ids = append(ids, simulation.ID(i+1))
		records = append(records, w.Record(ids[i]))
	}
	w.WrapHubSpot = failingCalls(func(path, body string) bool {
		return strings.Contains(path, "/2-") && strings.HasSuffix(path, "/batch/read") &&
			slices.ContainsFunc(records, func(id string) bool { return strings.Contains(body, `"`+id+`"`) })
	})
	w.Must(giftsync.ReassociateAll)
	w.WrapHubSpot = nil
	for _, id := range ids {
		if q := w.Quarantine()[id]; q.Class != "unprocessable" || len(q.Row) > 0 {
			t.Fatalf("%+v, want it set aside without its row", q)
		}
	}
	return w, ids
}

// aside are the keys in quarantine.
func aside(w *simulation.World) []string { return slices.Sorted(maps.Keys(w.Quarantine())) }

// TestThnksFailsAtACulprit: a gift that HubSpot failed at, whose row is not kept, and at which
// Thnks fails, does not end the daily pass, nor keep those behind it from being tried.
func TestThnksFailsAtACulprit(t *testing.T) {
	t.Parallel()
	for _, status := range refusals {
		synctest.Test(t, func(t *testing.T) {
			w, ids := culpritsWithoutRow(t, 3)
			asked := 0
			w.WrapThnks = failingFor(status, &asked, ids[0])
			time.Sleep(25 * time.Hour)
			if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Resweep || asked == 0 {
				t.Errorf("%d: mode %s, asked %d times, want the daily pass", status, rep.Mode, asked)
			}
			if got := aside(w); !slices.Equal(got, ids[:1]) {
				t.Errorf("%d: quarantine has %v, want %v", status, got, ids[:1])
			}
			time.Sleep(time.Hour)
			if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Incremental {
				t.Errorf("%d: an hour later, mode %s: the daily pass again", status, rep.Mode)
			}
			w.WrapThnks = nil
			time.Sleep(25 * time.Hour)
			if w.Must(giftsync.Incremental); len(aside(w)) > 0 {
				t.Errorf("%d: quarantine has %v", status, w.QuarantineReasons())
			}
			w.Check()
		})
	}
}

// TestThnksFailsAtARetry: what an admin asks for is tried but for what Thnks fails at, of which
// he is told.
func TestThnksFailsAtARetry(t *testing.T) {
	t.Parallel()
	for _, status := range refusals {
		for _, named := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w, ids := culpritsWithoutRow(t, 3)
				asked := 0
				w.WrapThnks = failingFor(status, &asked, ids[0])
				req := giftsync.Request{Mode: giftsync.Retry}
				if named {
					req.Keys = ids[:2]
				}
				_, err := w.Run(context.Background(), req)
				if err == nil || giftsync.IsFatal(err) || !strings.Contains(err.Error(), "for them: 1;") || !strings.Contains(err.Error(), ids[0]) {
					t.Errorf("%d: %v, want the transaction named", status, err)
				}
				want := ids[:1]
				if named {
					want = []string{ids[0], ids[2]}
				}
				if got := aside(w); !slices.Equal(got, want) {
					t.Errorf("%d: quarantine has %v, want %v", status, got, want)
				}
				w.WrapThnks = nil
				if w.Must(giftsync.Retry); len(aside(w)) > 0 {
					t.Errorf("%d: quarantine has %v", status, w.QuarantineReasons())
				}
			})
		}
	}
}

// TestThnksFailsAtARestore: a record for which Thnks fails keeps no other from being restored.
func TestThnksFailsAtARestore(t *testing.T) {
	t.Parallel()
	for _, status := range refusals {
		for _, named := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w, ids := deletedRecords(t, 4)
				asked := 0
				w.WrapThnks = failingFor(status, &asked, ids[0])
				req := giftsync.Request{Mode: giftsync.Restore}
				if named {
					req.Keys = ids
				}
				rep, err := w.Run(context.Background(), req)
				if err == nil || giftsync.IsFatal(err) || !strings.Contains(err.Error(), "for them: 1;") || !strings.Contains(err.Error(), ids[0]) {
					t.Errorf("%d: %v, want the transaction named", status, err)
				}
				simulation.CheckReport(t, rep)
				if rep.Created != 3 || rep.Fetched != 4 {
					t.Errorf("%d: %d of %d restored, want 3 of 4", status, rep.Created, rep.Fetched)
				}
				w.WrapThnks = nil
				if rep := w.Must(giftsync.Restore); rep.Created != 1 {
					t.Errorf("%d: %+v, want the last one restored", status, rep)
				}
				w.Check()
			})
		}
	}
}

// TestRestoreOfASourceThatIsDown: Thnks is not asked for each record, which would take minutes
// each.
func TestRestoreOfASourceThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := deletedRecords(t, 10)
		asked := 0
		w.WrapThnks = failingFor(http.StatusServiceUnavailable, &asked)
		rep, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Restore})
		if err == nil || !strings.Contains(err.Error(), "for them: 10;") || asked != 2*5 || rep.Created != 0 {
			t.Errorf("asked %d times, want twice 5; %v; %+v", asked, err, rep)
		}
		w.WrapThnks = nil
		if rep := w.Must(giftsync.Restore); rep.Created != 10 {
			t.Errorf("%+v, want all restored", rep)
		}
	})
}

// deletedRecords is a world in which the records of the first gifts are known to be deleted,
// so many.
func deletedRecords(t *testing.T, n int) (w *simulation.World, ids []string) {
	t.Helper()
	w = simulation.Quiet(t, 60)
	w.Must(giftsync.Backfill)
	for i := range n {
		ids = append(ids, simulation.ID(i+1))
		w.Portal.Archive("thnks", w.Record(ids[i]))
	}
	time.Sleep(time.Hour)
	w.Must(giftsync.ReassociateAll)
	for _, id := range ids {
		if w.Stored(id).Deleted.IsZero() {
			t.Fatalf("%s is not known to be deleted", id)
		}
	}
	return w, ids
}
