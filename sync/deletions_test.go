package sync_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// change gives every gift another name.
func change(w *simulation.World, gifts int) {
	for n := 1; n <= gifts; n++ {
		w.Thnks.Update(simulation.ID(n), func(tx *thnksapitest.Transaction) {
			tx.Gift.Name, tx.UpdatedAt = fmt.Sprint("Gift of ", time.Now()), time.Now().UTC()
		})
	}
}

// tombstones counts the gifts whose records the journal holds for deleted.
func tombstones(t *testing.T, w *simulation.World) (n int) {
	t.Helper()
	st := w.Open()
	defer st.Close()
	for s, err := range st.After(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if !s.Deleted.IsZero() {
			n++
		}
	}
	return n
}

// TestNotDeleted: records that HubSpot does not find but lists are not deleted,
// and neither are they where it cannot list any. The run ends and says so; the next
// one goes on.
func TestNotDeleted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wrap func(http.RoundTripper) http.RoundTripper
		says string
	}{
		"listed":     {says: "but lists them"},
		"none":       {wrap: listing(http.StatusOK, `{"results":[]}`), says: "lists none at all"},
		"not listed": {wrap: listing(http.StatusBadGateway, ``), says: "cannot list"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 40)
				w.Bounds.WindowRows, w.Bounds.SliceGifts = 10, 3 // the first batch's are believed
				w.Must(giftsync.Backfill)
				time.Sleep(time.Hour)
				change(w, 40)
				w.Portal.Hide("thnks", true)
				w.WrapHubSpot = tt.wrap
				_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental})
				if err == nil || giftsync.IsFatal(err) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "nothing is concluded") {
					t.Errorf("error %v", err)
				}
				if n := tombstones(t, w); n != 0 {
					t.Errorf("%d records count as deleted", n)
				}
				w.Portal.Hide("thnks", false)
				w.WrapHubSpot = nil
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				w.Check()
			})
		})
	}
}

// listing answers the listing of the custom object's records.
func listing(status int, body string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet && req.URL.Query().Has("limit") && strings.Contains(req.URL.Path, "/crm/objects/2026-09/2-") {
				return simulation.Reply(req, status, body), nil
			}
			return next.RoundTrip(req)
		})
	}
}

// TestDeletedByPeople: many records that the listing lacks were deleted, and one
// warning says how many and what brings them back.
func TestDeletedByPeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 40)
		w.Bounds.WindowRows, w.Bounds.SliceGifts = 10, 3
		log := new(simulation.LogBuffer)
		w.Logger = slog.New(slog.NewTextHandler(log, nil))
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for n := 1; n <= 39; n++ {
			w.Portal.Archive("thnks", w.Record(simulation.ID(n)))
		}
		change(w, 40)
		log.Take()
		lists := 0
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodGet && req.URL.Query().Get("limit") == "100" {
					lists++
				}
				return next.RoundTrip(req)
			})
		}
		if rep := w.Must(giftsync.Incremental); rep.Updated != 1 || lists != 1 {
			t.Errorf("report %+v, listed %d times", rep, lists)
		}
		if n := tombstones(t, w); n != 39 {
			t.Errorf("%d tombstones", n)
		}
		if lines := log.String(); strings.Count(lines, "sync --restore") != 1 || !strings.Contains(lines, "count=39") {
			t.Errorf("log:\n%s", lines)
		}
	})
}

// TestFewDeletions cost no listing.
func TestFewDeletions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 40)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for n := 1; n <= 4; n++ {
			w.Portal.Archive("thnks", w.Record(simulation.ID(n)))
		}
		change(w, 40)
		w.WrapHubSpot = listing(http.StatusBadGateway, ``)
		if rep := w.Must(giftsync.Incremental); rep.Updated != 36 {
			t.Errorf("report %+v", rep)
		}
		if n := tombstones(t, w); n != 4 {
			t.Errorf("%d tombstones", n)
		}
	})
}
