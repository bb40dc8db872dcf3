package sync_test

import (
	"context"
	"errors"
	"net/http"
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

// deleteObject deletes the custom object as people can: its records first, as
// HubSpot keeps the definition while there are any.
func deleteObject(w *simulation.World) {
	w.T.Helper()
	for r := range w.Portal.Records("thnks") {
		w.Portal.Archive("thnks", r.ID)
	}
	req, err := http.NewRequest(http.MethodDelete, "https://hubspot.test/crm-object-schemas/2026-09/schemas/"+w.Schema("thnks").ID, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.Portal.Token())
	w.Portal.Watch(nil) // the contract is about what the program calls
	resp, err := hubspottest.Transport(w.Portal).RoundTrip(req)
	if err != nil {
		w.T.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		w.T.Fatalf("deleting the definition: %s", resp.Status)
	}
}

// wantGone checks an error that says that the object is gone, and what to do.
func wantGone(w *simulation.World, err error) {
	w.T.Helper()
	var fatal *giftsync.Fatal
	if !errors.As(err, &fatal) || !strings.Contains(fatal.What, "is no longer in HubSpot") || !strings.Contains(fatal.Remedy, "restore it") || !strings.Contains(fatal.Remedy, "state file aside") {
		w.T.Errorf("got %v, want to hear that the object is gone, and what to do", err)
	}
}

// wantNoneBlamed checks that no gift is set aside as if it were at fault. A
// few are shown to the administrator, and tried again by the next run.
func wantNoneBlamed(w *simulation.World) {
	w.T.Helper()
	for key, q := range w.Quarantine() {
		if q.Class != "schema_problem" {
			w.T.Errorf("%s is in quarantine: %s: %s", key, q.Class, q.Reason)
		}
	}
}

// changeAll has something to write about every gift.
func changeAll(w *simulation.World, url string) {
	for _, tx := range w.Thnks.Transactions() {
		w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.TrackingURL, tx.UpdatedAt = url, time.Now().UTC() })
	}
}

// TestDeletedObject: people delete the custom object. Every run that needs it
// says so, be it an hour later, when the object is still taken as known; no gift
// is blamed, and no second object made. Who starts over gets everything again.
func TestDeletedObject(t *testing.T) {
	t.Parallel()
	for _, since := range []time.Duration{time.Hour, 2 * simulation.Day} {
		for _, gifts := range []int{3, 20} { // of more, HubSpot's client gives up by itself
			for _, mode := range []giftsync.Mode{giftsync.Incremental, giftsync.Backfill, giftsync.ReassociateAll} {
				synctest.Test(t, func(t *testing.T) {
					w := simulation.Quiet(t, gifts)
					w.Must(giftsync.Backfill)
					deleteObject(w)
					time.Sleep(since)
					changeAll(w, "https://thnks.test/1")
					for range 2 {
						_, err := w.Run(t.Context(), giftsync.Request{Mode: mode})
						wantGone(w, err)
						wantNoneBlamed(w)
						time.Sleep(time.Hour)
					}
					if s, ok := w.Portal.SchemaOf("thnks"); ok {
						t.Errorf("%s made object %s", mode, s.ID)
					}
					w.Path += ".new"
					w.Must(giftsync.Backfill)
					w.Check()
					if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
						t.Errorf("the pass after that still makes %d HubSpot calls", simulation.Calls(rep))
					}
					w.CheckStateFile()
					if t.Failed() {
						t.Fatalf("after %v, %d gifts, %s", since, gifts, mode)
					}
				})
			}
		}
	}
}

// TestObjectGoneForAWhile: the object is deleted between two passes, and a person
// restores it. Meanwhile events are kept, and afterwards all is as it should be.
func TestObjectGoneForAWhile(t *testing.T) {
	t.Parallel()
	for _, gifts := range []int{3, 20} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, gifts)
			w.Must(giftsync.Backfill)
			id := w.Schema("thnks").ID
			time.Sleep(time.Hour)
			changeAll(w, "https://thnks.test/1")
			fresh, _ := w.Thnks.Transaction(simulation.ID(1))
			fresh.ID, fresh.UpdatedAt = "T-fresh", time.Now().UTC()
			w.Thnks.Add(fresh)

			gone := true
			w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					switch {
					case gone && strings.HasSuffix(req.URL.Path, "/schemas"):
						return simulation.Reply(req, http.StatusOK, `{"results":[]}`), nil
					case gone && strings.Contains(req.URL.Path, id):
						return simulation.Reply(req, http.StatusBadRequest, `{"status":"error","category":"VALIDATION_ERROR","message":"Unable to infer object type from: `+id+`"}`), nil
					}
					return next.RoundTrip(req)
				})
			}
			func() {
				st := w.Open()
				defer st.Close()
				w.Receive(st, simulation.Event(simulation.ID(2), plan.Opened))
				_, err := w.Engine(st).ApplyEvents(t.Context())
				wantGone(w, err)
				w.WantEventStates(st, store.EventPending)
			}()
			for range 2 {
				_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
				wantGone(w, err)
				wantNoneBlamed(w)
				time.Sleep(time.Hour)
			}

			gone = false
			w.Must(giftsync.Incremental)
			w.Check()
			if left := w.QuarantineReasons(); len(left) > 0 {
				t.Errorf("still in quarantine: %v", left)
			}
			st := w.Open()
			defer st.Close()
			w.ApplyEvents(w.Engine(st))
			w.WantEventStates(st, store.EventApplied)
			if got := w.Property(simulation.ID(2), "status"); got != "opened" {
				t.Errorf("status %s, want what the event said", got)
			}
		})
	}
}
